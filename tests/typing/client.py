"""What a type checker knows of one client instead of all; mypy and pyright read this, nothing runs it."""

from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletion
from typing_extensions import assert_type

import spanglass
from spanglass import TraceAsyncOpenAI, TraceOpenAI, wrap_openai


class Mine(OpenAI):
    """A program's own client."""


def wrapped() -> None:
    """Keep the type of a client, whatever it is."""
    assert_type(wrap_openai(OpenAI()), OpenAI)
    assert_type(wrap_openai(AsyncOpenAI(), content="off"), AsyncOpenAI)
    assert_type(wrap_openai(AzureOpenAI(), attempt_spans="always"), AzureOpenAI)
    assert_type(wrap_openai(AsyncAzureOpenAI()), AsyncAzureOpenAI)
    assert_type(wrap_openai(Mine()), Mine)


def classes() -> None:
    """Use the classes as the SDK's, and their copies as theirs."""
    client: OpenAI = TraceOpenAI(api_key="none", content="off")
    client_async: AsyncOpenAI = TraceAsyncOpenAI(api_key="none", max_retries=0)
    assert_type(TraceOpenAI().with_options(max_retries=1), TraceOpenAI)
    assert_type(TraceAsyncOpenAI().copy(), TraceAsyncOpenAI)
    assert_type(client.chat.completions.create(model="m", messages=[]), ChatCompletion)
    print(client_async)  # noqa: T201 - or it would be unused


def retries(client: TraceOpenAI) -> None:
    """Give a call retries of its own: the SDK's signatures do not know them, so a program has to say so."""
    client.chat.completions.create(model="m", messages=[], max_retries=0)  # type: ignore[call-overload]
    client.chat.completions.parse(model="m", messages=[], max_retries=0)  # type: ignore[call-arg]
    client.chat.completions.stream(model="m", messages=[], max_retries=0)  # type: ignore[call-arg]


def refused() -> None:
    """Refuse what is no client, and a name that is not there."""
    wrap_openai("client")  # type: ignore[type-var]
    spanglass.wrap_opneai  # type: ignore[attr-defined]  # noqa: B018 - read, and no more
