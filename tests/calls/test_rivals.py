"""Another instrumentor of the same SDK: it is told of once, by its name, and both work, whoever is first or leaves."""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock

import openai
import pytest
import wrapt
from openai import _base_client
from openai.resources.chat.completions import AsyncCompletions, Completions
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.sdk.trace import ReadableSpan
from told import ANSWERED, COUNTED, call, told
from typing_extensions import Self

from flavours import ASK, Flavour
from spanglass import OpenAIInstrumentor
from spanglass.calls import rivals
from spanglass.testing import CapturedSpans, OpenAIServer

OTHER = "openinference.instrumentation.openai"
ORDERS = pytest.mark.parametrize("other_first", [True, False], ids=["other first", "ours first"])
WATCHED: tuple[tuple[Any, str], ...] = (
    *((kind, "request") for kind in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient)),
    *((kind, "request") for kind in (openai.OpenAI, openai.AsyncOpenAI)),
    *((kind, name) for kind in (Completions, AsyncCompletions) for name in ("create", "parse")),
)


def warning(party: str, place: str) -> str:
    """Return what is told of a party."""
    return (
        f"spanglass: {party} also wraps {place}: where it traces too, each call gets two spans and its tokens may "
        "count twice; uninstrument one of the two."
    )


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test be the first that any party is told in, and put the SDK back as it was."""
    monkeypatch.setattr(rivals, "_told", set())
    before = [(kind, name, vars(kind).get(name)) for kind, name in WATCHED]
    yield
    for kind, name, function in before:
        if function is not None:
            setattr(kind, name, function)
        elif name in vars(kind):
            delattr(kind, name)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Give what has been logged as a warning of ours."""
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelno) == ("spanglass", logging.WARNING)
    ]


Warned = Callable[[], list[str]]


class Both:
    """The two instrumentors, in the order given, with one provider."""

    def __init__(self, *, other_first: bool) -> None:
        self.captured = CapturedSpans()
        self.ours = OpenAIInstrumentor()
        self.other: BaseInstrumentor = pytest.importorskip("openinference.instrumentation.openai").OpenAIInstrumentor()
        self.order: list[BaseInstrumentor] = [self.other, self.ours] if other_first else [self.ours, self.other]

    def __enter__(self) -> Self:
        for one in self.order:
            one.instrument(tracer_provider=self.captured.provider)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.order:
            if one.is_instrumented_by_opentelemetry:
                one.uninstrument()

    def spans(self, scope: str) -> list[ReadableSpan]:
        """Return the spans of one of the two."""
        found = self.captured.spans
        return [span for span in found if span.instrumentation_scope and span.instrumentation_scope.name == scope]


@ORDERS
def test_both_trace(*, other_first: bool, flavour: Flavour, server: OpenAIServer, warnings: Warned) -> None:
    """Each call has a whole span of ours and one of theirs, and the log says so once, with what to do."""
    with Both(other_first=other_first) as both:
        for _ in range(2):
            client = flavour.client(server)
            answers = [flavour.create(client), *flavour.take(flavour.create(client, stream=True))]

    # Within a span of theirs, which counts the tokens, ours is of a kind that does not.
    kind = {} if other_first else {"openinference.span.kind": "CHAIN"}
    plain = [told(span) for span in both.spans("spanglass")][::2]
    assert plain == [call(server, ANSWERED, COUNTED, kind)] * 2
    assert (len(answers), len(both.spans("spanglass")), len(both.spans(OTHER))) == (5, 4, 4)
    assert warnings() == [warning(OTHER, "OpenAI.request")]


@ORDERS
@pytest.mark.parametrize("leaves", ["spanglass", OTHER])
def test_one_leaves(*, other_first: bool, leaves: str, flavour: Flavour, server: OpenAIServer) -> None:
    """When either is uninstrumented the other goes on, for clients that were there before too."""
    client = flavour.client(server)
    with Both(other_first=other_first) as both:
        flavour.create(client)
        (both.ours if leaves == "spanglass" else both.other).uninstrument()
        flavour.create(client)
    flavour.create(client)

    counts = {scope: len(both.spans(scope)) for scope in ("spanglass", OTHER)}
    assert counts == {"spanglass": 2, OTHER: 2} | {leaves: 1}


def test_one_comes_back(server: OpenAIServer, flavour: Flavour) -> None:
    """Ours, taken off under theirs and put on again, gives each call one span."""
    client = flavour.client(server)
    with Both(other_first=False) as both:
        both.ours.uninstrument()
        flavour.create(client)
        both.ours.instrument(tracer_provider=both.captured.provider)
        flavour.create(client)

    assert (len(both.spans("spanglass")), len(both.spans(OTHER))) == (1, 2)


@pytest.mark.usefixtures("captured")
def test_nobody_else(flavour: Flavour, server: OpenAIServer, warnings: Warned) -> None:
    """Where nobody else wraps the SDK nothing is told: its own decorators are no party."""
    flavour.create(flavour.client(server))

    assert warnings() == []


def by_wraps(function: Any) -> Any:
    """Wrap as most people do."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def by_closure(function: Any) -> Any:
    """Wrap, and do not say what."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def on(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    """Call on, as a wrapper of wrapt's."""
    return wrapped(*args, **kwargs)


class On:
    """A callable, and one with a method, that call on."""

    def __call__(self, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        """Call on."""
        return wrapped(*args, **kwargs)

    def method(self, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        """Call on."""
        return wrapped(*args, **kwargs)


def with_name(_name: str, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    """Call on; a partial gives the name."""
    return wrapped(*args, **kwargs)


WAYS: dict[str, Callable[[Any], Any]] = {
    "functools.wraps": by_wraps,
    "closure": by_closure,
    "function": lambda function: wrapt.FunctionWrapper(function, on),
    "partial": lambda function: wrapt.FunctionWrapper(function, functools.partial(with_name, "name")),
    "instance": lambda function: wrapt.FunctionWrapper(function, On()),
    "method": lambda function: wrapt.FunctionWrapper(function, On().method),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("owner", "name"), [(Completions, "create"), (_base_client.SyncAPIClient, "request")])
def test_ways_to_wrap(
    way: str, owner: Any, name: str, server: OpenAIServer, captured: CapturedSpans, warnings: Warned
) -> None:
    """However a function of the SDK is wrapped, the party is named by its module; each call still has one span."""
    setattr(owner, name, WAYS[way](getattr(owner, name)))
    asked: dict[str, Any] = ASK
    with openai.OpenAI(base_url=server.base_url, api_key="test") as client:
        for _ in range(2):
            client.chat.completions.create(**asked)

    assert warnings() == [warning("test_rivals", f"{owner.__name__}.{name}")]
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)] * 2


@pytest.mark.usefixtures("captured")
def test_one_client(flavour: Flavour, server: OpenAIServer, warnings: Warned) -> None:
    """A client whose own method was wrapped is noticed at the first call."""
    client = flavour.client(server)
    client.chat.completions.create = by_wraps(client.chat.completions.create)
    flavour.create(client)

    assert warnings() == [warning("test_rivals", f"{client.chat.completions.__class__.__name__}.create")]


def test_one_client_out_of_sight(flavour: Flavour, server: OpenAIServer, warnings: Warned) -> None:
    """A client whose own `request` was replaced before is not traced, and the log says so once, and what to do."""
    client = flavour.client(server)
    client.request = by_wraps(client.request)
    with Both(other_first=False) as both:
        both.other.uninstrument()
        for _ in range(2):
            flavour.create(client)

    place = f"{flavour.kind.__name__}.request"
    replaced = (
        f"spanglass: a client's own {place} was replaced before spanglass was there, which sees none of its calls; "
        "instrument spanglass first."
    )
    assert (both.captured.spans, warnings()) == ([], [warning("test_rivals", place), replaced])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("openinference.instrumentation.openai._request", "openinference.instrumentation.openai"),
        ("opentelemetry.instrumentation.openai_v2.patch", "opentelemetry.instrumentation.openai_v2"),
        ("opentelemetry.instrumentation.genai.openai", "opentelemetry.instrumentation.genai.openai"),
        ("logfire._internal.integrations.llm_providers.llm_provider", "logfire"),
        ("langsmith.wrappers._openai", "langsmith.wrappers"),
        ("app.retries", "app.retries"),
        ("__main__", "__main__"),
        ("_private", "_private"),
    ],
)
def test_party(module: str, name: str) -> None:
    """A party is named by its module, as far as that is public and not yet about the SDK."""
    assert rivals.party(module) == name


def test_modules_of_anything() -> None:
    """A chain of wrappers that is none, or never ends, is looked at all the same."""
    endless = by_wraps(sys.exit)
    endless.__wrapped__ = endless

    assert list(rivals.modules(MagicMock())) == ["unittest.mock"]
    assert list(rivals.modules(endless)) == ["test_rivals"] * rivals.MOST
