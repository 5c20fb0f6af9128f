"""The caller's world is untouched: types, laziness, mistakes, warnings, arguments, what goes over the wire."""

import copy
import gc
import inspect
import json
import warnings
from typing import Any

import pytest
from asks import ASKS, Ask, each
from pydantic import BaseModel
from told import ANSWERED, COUNTED, call, told

from asking import need
from flavours import ASK, Async, Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, captured_spans

ASKED: dict[str, Any] = ASK
UNREQUESTED = ("attempt.count", "time.attempts", "time.backoff", "time.body", "time.rest")


def unrequested(server: OpenAIServer, body: dict[str, Any], description: str, kind: str = "TypeError") -> Any:
    """Return the span of a call that failed before any request was begun, with what was given of its body."""
    shown = {name: json.dumps(body, separators=(",", ":")) for name in ("input.value", "llm.invocation_parameters")}
    failure = {"error.type": kind, **shown}
    failed = call(server, failure, status="ERROR", description=f"{kind}: {description}", events=("exception",))
    absent = {f"spanglass.{name}" for name in UNREQUESTED}
    absent |= {key for key in failed.attributes if key.startswith("llm.input_messages")}
    return failed._replace(attributes={key: value for key, value in failed.attributes.items() if key not in absent})


def test_missing_arguments(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The SDK's TypeError comes at the call, not at an await of it, and leaves one span that failed."""
    client = flavour.client(server)

    with pytest.raises(TypeError, match="Missing required arguments") as info:
        client.chat.completions.create(model="gpt-4o-mini")

    assert [told(span) for span in captured.spans] == [unrequested(server, {"model": "gpt-4o-mini"}, str(info.value))]


@each(ASKS)
def test_unknown_argument(ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """So it is for an argument that the SDK does not know, at every endpoint."""
    with pytest.raises(TypeError, match="unexpected keyword argument") as info:
        ask.create(flavour, flavour.client(server), tempersture=1)

    assert [(span.name, span.status.status_code.name, span.status.description) for span in captured.spans] == [
        (ask.span, "ERROR", f"TypeError: {info.value}")
    ]


class Answer(BaseModel):
    """What `create` does not take for a format."""


def test_mistake_that_comes_when_awaited(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A mistake that the SDK finds while the call is awaited leaves one span too."""
    with pytest.raises(TypeError, match=r"BaseModel|not JSON serializable") as info:
        flavour.create(flavour.client(server), response_format=Answer)

    (span,) = captured.spans
    assert (span.status.status_code.name, span.status.description) == ("ERROR", f"TypeError: {info.value}")
    assert len(server.journal) == 0


def test_failure_within_the_request(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What fails between the call and its first attempt, as a token provider may, is told once."""

    def token() -> str:
        message = "no token"
        raise LookupError(message)

    with pytest.raises(LookupError):
        flavour.create(flavour.azure(server, api_key=None, azure_ad_token_provider=token))

    assert [(span.name, span.status.description) for span in captured.spans] == [
        ("ChatCompletion", "LookupError: no token")
    ]


class StopNow(BaseException):
    """What no `except Exception` stops."""


def test_what_is_no_exception(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call that a BaseException ends, as Control-C does, has its exception event and no status."""

    def token() -> str:
        raise StopNow

    with pytest.raises(StopNow):
        flavour.create(flavour.azure(server, api_key=None, azure_ad_token_provider=token))

    (span,) = (told(span) for span in captured.spans)
    assert (span.status, span.events, span.attributes["error.type"]) == (
        "UNSET",
        ("exception",),
        f"{StopNow.__module__}.StopNow",
    )


def never_awaited(ask: Ask, server: OpenAIServer) -> list[tuple[str, str]]:
    """Call and drop it; return the warnings."""
    flavour = Async()
    try:
        method = need(flavour.client(server), ask.method)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            made = method(**ask.body)
            assert inspect.iscoroutine(made)
            del made
            gc.collect()
    finally:
        flavour.leave()
    return [(warning.category.__name__, str(warning.message)) for warning in warned]


@each(ASKS)
def test_never_awaited(ask: Ask, server: OpenAIServer) -> None:
    """A call that is never awaited warns once, in the SDK's name, and leaves neither request nor span."""
    bare = never_awaited(ask, server)
    with captured_spans() as captured:
        instrumented = never_awaited(ask, server)

    assert instrumented == bare
    assert [True] == [ask.helper in message for _, message in bare]
    assert (server.journal, captured.spans) == ([], [])


def test_awaited_later(server: OpenAIServer, captured: CapturedSpans) -> None:
    """A coroutine may be awaited long after it was made; nothing is sent before that."""
    flavour = Async()
    made = flavour.client(server).chat.completions.create(**ASKED)
    before = len(server.journal)

    flavour.wait(made)
    flavour.leave()

    assert (before, [told(span) for span in captured.spans]) == (0, [call(server, ANSWERED, COUNTED)])


@each(ASKS)
def test_methods_look_as_they_did(ask: Ask, flavour: Flavour, server: OpenAIServer) -> None:
    """What is wrapped keeps its name, its docstring and its signature."""

    def looks() -> tuple[Any, ...]:
        method = need(flavour.client(server), ask.method)
        names = (method.__name__, method.__qualname__, method.__doc__, inspect.iscoroutinefunction(method))
        return (*names, inspect.signature(method), inspect.ismethod(method))

    bare = looks()
    with captured_spans():
        assert bare == looks()


def test_arguments_are_not_changed(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What a caller passes is as it was afterwards, with each object in its place."""
    given: dict[str, Any] = {
        **copy.deepcopy(ASK),
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}],
        "logit_bias": {"50256": -100},
        "extra_headers": {"x-tenant": "acme"},
        "extra_query": {"q": "1"},
        "extra_body": {"top_k": 4, "api_key": "sk-0123456789abcdef"},
    }
    before, objects = copy.deepcopy(given), {name: id(value) for name, value in given.items()}

    flavour.wait(flavour.client(server).chat.completions.create(**given))

    assert given == before
    assert {name: id(value) for name, value in given.items()} == objects
    assert len(captured.spans) == 1


def received(server: OpenAIServer, flavour: Flavour, ask: Ask) -> list[Any]:
    """Make a plain and a streamed call; return the requests as they came, without ports and versions of Python."""
    del server.journal[:]
    client = flavour.client(server, default_headers={"x-stainless-runtime-version": "x"})
    server.script(ask.answer)
    ask.create(flavour, client)
    if ask.chunks:
        server.script(ask.stream)
        flavour.take(ask.open(flavour, client))
    return list(server.journal)


@each(ASKS)
def test_same_bytes_on_the_wire(ask: Ask, flavour: Flavour, server: OpenAIServer) -> None:
    """The requests are those of the bare SDK: method, path, headers in their order, body."""
    bare = received(server, flavour, ask)
    with captured_spans():
        instrumented = received(server, flavour, ask)

    assert instrumented == bare
    assert [list(request.headers) for request in instrumented] == [list(request.headers) for request in bare]
