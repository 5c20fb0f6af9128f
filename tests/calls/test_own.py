"""`max_retries=` for one call of a client that is traced by itself: how many requests it makes, and what they hold."""

import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from asks import ASKS, STREAMED, Ask, each
from bare import both
from opentelemetry.instrumentation.utils import suppress_instrumentation

from flavours import ASK, Async, Flavour
from spanglass import TraceAsyncOpenAI, TraceOpenAI, wrap_openai
from spanglass.calls import patch
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, captured_spans

BUSY = Reply(status=503, headers={"retry-after": "0.001", "retry-after-ms": "1"})
OWN_RETRIES = 1
ASKED: dict[str, Any] = ASK
Way = Callable[[Flavour, Any, dict[str, Any]], object]


def create(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `create`."""
    return flavour.wait(client.chat.completions.create(**asked))


def streamed(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call it for a stream."""
    return flavour.take(create(flavour, client, {**asked, "stream": True}))


def raw(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Ask for the raw response."""
    return flavour.wait(client.chat.completions.with_raw_response.create(**asked))


def raw_client(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Ask a raw client."""
    return flavour.wait(client.with_raw_response.chat.completions.create(**asked))


def streaming(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Ask for a response whose body is still to come."""
    return entered(flavour, client.chat.completions.with_streaming_response.create(**asked))


def parse(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `parse`."""
    return flavour.wait(client.chat.completions.parse(**asked))


def raw_parse(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `parse` for the raw response."""
    return flavour.wait(client.chat.completions.with_raw_response.parse(**asked))


def beta_parse(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `parse` by its older name."""
    return flavour.wait(client.beta.chat.completions.parse(**asked))


def stream(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `stream`, and enter what it returns."""
    return entered(flavour, client.chat.completions.stream(**asked))


def beta_stream(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `stream` by its older name, likewise."""
    return entered(flavour, client.beta.chat.completions.stream(**asked))


def copied(flavour: Flavour, client: Any, asked: dict[str, Any]) -> object:
    """Call `create` of a copy of a copy."""
    return create(flavour, client.with_options(timeout=30).copy(max_retries=OWN_RETRIES), asked)


def entered(flavour: Flavour, manager: Any) -> object:
    """Return what entering a context gives, after leaving it."""

    async def within() -> object:
        async with manager as given:
            return given

    if isinstance(flavour, Async):
        return flavour.wait(within())
    with manager as given:
        return given


WAYS = (create, streamed, raw, raw_client, streaming, parse, raw_parse, beta_parse, stream, beta_stream, copied)
# Of some that the SDK has not always had: what to ask a client for.
PLACES: dict[Way, tuple[str, ...]] = {
    streaming: ("chat", "completions", "with_streaming_response"),
    parse: ("chat", "completions", "parse"),
    raw_parse: ("chat", "completions", "with_raw_response", "parse"),
    beta_parse: ("beta", "chat", "completions", "parse"),
    stream: ("chat", "completions", "stream"),
    beta_stream: ("beta", "chat", "completions", "stream"),
    raw_client: ("with_raw_response", "chat", "completions"),
}


@pytest.fixture(scope="module", autouse=True)
def _put_back() -> Iterator[None]:
    """Leave nothing wrapped to the tests of other modules."""
    yield
    gc.collect()
    patch.apply()
    patch.undo()


@pytest.fixture
def own() -> CapturedSpans:
    """Give a provider for a client's own spans."""
    return CapturedSpans()


def wrapped(flavour: Flavour, server: OpenAIServer, own: CapturedSpans, **options: Any) -> Any:
    """Return a client of the server that is traced by itself, and retries once unless told otherwise."""
    given: dict[str, Any] = {"max_retries": OWN_RETRIES, **options}
    return wrap_openai(flavour.client(server, **given), tracer_provider=own.provider)


def offers(flavour: Flavour, server: OpenAIServer, way: Way) -> None:
    """Skip the test where this version of the SDK does not have the way."""
    found = flavour.client(server)
    for name in PLACES.get(way, ()):
        found = getattr(found, name, None)
    if found is None:
        pytest.skip("not in this version of the SDK")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "requests"), [(0, 1), (3, 4)])
def test_requests(
    given: int, requests: int, way: Way, flavour: Flavour, server: OpenAIServer, own: CapturedSpans
) -> None:
    """A call makes one request more than it is told to retry, where none succeeds."""
    offers(flavour, server, way)
    server.script(*[BUSY] * requests)

    with pytest.raises(openai.InternalServerError):
        way(flavour, wrapped(flavour, server, own), {**ASK, "max_retries": given})

    (span,) = (span for span in own.spans if span.parent is None)
    assert (requests, requests) == (len(server.journal), (span.attributes or {})["spanglass.attempt.count"])


@each(ASKS)
def test_each_endpoint(ask: Ask, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A client that is traced by itself has one span for a call of any endpoint, and takes its retries there."""
    kind: Any = TraceAsyncOpenAI if isinstance(flavour, Async) else TraceOpenAI
    clients = [wrapped(flavour, server, own), flavour.client(server, kind, tracer_provider=own.provider)]
    with captured_spans() as captured:
        for client in clients:
            server.script(ask.answer, BUSY)
            ask.create(flavour, client)
            with pytest.raises(openai.InternalServerError):
                ask.create(flavour, client, max_retries=0)

    calls = [span.name for span in own.spans if span.parent is None]
    assert ([ask.span] * 4, [], 4) == (calls, captured.spans, len(server.journal))


@each(STREAMED)
def test_each_stream(ask: Ask, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """So it is for a stream, whoever uninstruments while it is open."""
    server.script(BUSY, BUSY, ask.stream)
    with captured_spans() as captured:
        stream = ask.open(flavour, wrapped(flavour, server, own), max_retries=2)
    flavour.take(stream)

    outcomes = [(span.attributes or {})["spanglass.stream.outcome"] for span in own.spans if span.parent is None]
    assert (["completed"], []) == (outcomes, captured.spans)


@pytest.mark.parametrize("way", WAYS)
def test_wire(way: Way, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """What is sent is what a client sends that is asked without it, in all but the connection's and the run's own."""
    offers(flavour, server, way)
    asked = {**ASK, "extra_headers": {"x-mine": "1"}}
    way(flavour, flavour.client(server), asked)
    way(flavour, wrapped(flavour, server, own), {**asked, "max_retries": 0})

    bare, traced = ((request.method, request.path, request.headers, request.body) for request in server.journal)
    assert bare == traced


def test_arguments_are_left_alone(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """The caller's headers, and what else he gives, are as they were."""
    headers = {"x-mine": "1"}
    asked = {**ASK, "max_retries": 0, "extra_headers": headers}
    create(flavour, wrapped(flavour, server, own), asked)

    assert ({"x-mine": "1"}, {**ASK, "max_retries": 0, "extra_headers": headers}) == (headers, asked)
    assert "1" == server.journal[0].headers["x-mine"]


def test_not_given(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """None, and the SDK's own sentinels, are as nothing given: the client's retries hold."""
    sentinels = [
        value for name in ("NOT_GIVEN", "not_given", "omit") if (value := getattr(openai, name, ...)) is not ...
    ]
    client = wrapped(flavour, server, own)
    for sentinel in sentinels:
        server.script(BUSY)
        create(flavour, client, {**ASK, "max_retries": sentinel})

    assert 2 * len(sentinels) == len(server.journal)


@pytest.mark.parametrize("value", [-1, "3", 1.5, [2]])
@pytest.mark.parametrize("way", [create, stream, raw])
def test_value_that_is_not_allowed(
    value: Any, way: Way, flavour: Flavour, server: OpenAIServer, own: CapturedSpans
) -> None:
    """What is no whole number of 0 or more is refused in the SDK's words, before anything is sent."""
    offers(flavour, server, way)
    expected = ValueError if isinstance(value, int) else TypeError

    with pytest.raises(expected, match=r"^max_retries must be a non-negative integer$"):
        way(flavour, wrapped(flavour, server, own), {**ASK, "max_retries": value})

    assert [] == server.journal


def test_value_that_is_not_allowed_is_told(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """It leaves a span like any mistake in a call, of what was given."""
    with pytest.raises(ValueError, match="max_retries"):
        create(flavour, wrapped(flavour, server, own), {**ASK, "max_retries": -1})

    (span,) = own.spans
    description = "ValueError: max_retries must be a non-negative integer"
    assert ("ERROR", description) == (span.status.status_code.name, span.status.description)
    assert {**ASK, "max_retries": -1} == json.loads(str((span.attributes or {})["input.value"]))


def created(client: Any) -> object:
    """Call `create`, blocking."""
    return client.chat.completions.create(**ASKED)


def posted(client: Any) -> object:
    """Post what it would, blocking."""
    return client.post("/chat/completions", body=ASK, cast_to=object)


@pytest.mark.parametrize("nested", [created, posted])
def test_nested_call_has_its_own(
    nested: Callable[[Any], object], flavour: Flavour, server: OpenAIServer, own: CapturedSpans
) -> None:
    """A call within another, here made as its messages are read, does not take its retries."""
    inner = wrap_openai(
        openai.OpenAI(base_url=server.base_url, api_key="test", max_retries=2), tracer_provider=own.provider
    )

    def messages() -> Iterator[Any]:
        server.script(*[BUSY] * 3)
        with pytest.raises(openai.InternalServerError):
            nested(inner)
        server.script(BUSY)
        yield from ASKED["messages"]

    if not passes_generators(flavour, server):
        pytest.skip("this version of the SDK does not take a generator")
    server.journal.clear()
    with inner, pytest.raises(openai.InternalServerError):
        create(flavour, wrapped(flavour, server, own), {**ASK, "messages": messages(), "max_retries": 0})

    counts = [(span.attributes or {})["spanglass.attempt.count"] for span in own.spans if span.parent is None]
    assert ([3, 1], 4) == (counts, len(server.journal))


def passes_generators(flavour: Flavour, server: OpenAIServer) -> bool:
    """Tell whether the SDK takes messages from a generator."""
    try:
        create(flavour, flavour.client(server), {**ASK, "messages": iter(ASKED["messages"])})
    except TypeError:
        return False
    return True


def test_next_call_has_its_own(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """What one call is told holds for that call."""
    client = wrapped(flavour, server, own)
    server.script(BUSY)
    with pytest.raises(openai.InternalServerError):
        create(flavour, client, {**ASK, "max_retries": 0})
    server.script(BUSY)
    create(flavour, client, ASKED)

    assert 3 == len(server.journal)


def test_azure(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """An Azure client takes it too."""
    client = wrap_openai(flavour.azure(server), tracer_provider=own.provider)
    server.script(BUSY)

    with pytest.raises(openai.InternalServerError):
        create(flavour, client, {**ASK, "max_retries": 0})

    assert 1 == len(server.journal)


def test_raw_objects_of_before(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """So do the raw objects of a client that had made them before it was wrapped."""
    client = flavour.client(server)
    for way in (raw, raw_client):
        way(flavour, client, ASKED)
    server.journal.clear()
    wrap_openai(client, tracer_provider=own.provider)
    server.script(BUSY, BUSY)
    for way in (raw, raw_client):
        with pytest.raises(openai.InternalServerError):
            way(flavour, client, {**ASK, "max_retries": 0})

    assert 2 == len(server.journal)


def test_suppressed(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Where instrumentation is suppressed there is no span, and the call is told all the same."""
    server.script(BUSY)
    with suppress_instrumentation(), pytest.raises(openai.InternalServerError):
        create(flavour, wrapped(flavour, server, own), {**ASK, "max_retries": 0})

    assert (1, []) == (len(server.journal), own.spans)


@pytest.mark.parametrize("value", ["true", " True "])
def test_sdk_disabled(
    value: str, flavour: Flavour, server: OpenAIServer, own: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where OTEL_SDK_DISABLED is true: a program does not break by that."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    server.script(BUSY)
    with pytest.raises(openai.InternalServerError):
        create(flavour, wrapped(flavour, server, own), {**ASK, "max_retries": 0})

    assert (1, []) == (len(server.journal), own.spans)


@pytest.mark.parametrize("way", [create, raw, stream])
def test_client_that_is_not_wrapped(way: Way, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Any other client refuses it as ever, whoever else is wrapped or instrumented."""
    offers(flavour, server, way)
    beside = wrapped(flavour, server, own)

    bare, instrumented, spans = both(
        flavour, server, None, lambda client, _: way(flavour, client, {**ASK, "max_retries": 0})
    )

    assert beside is not None
    assert bare == instrumented
    assert bare.raised.startswith("TypeError: ")
    assert bare.raised.endswith(" got an unexpected keyword argument 'max_retries'")
    mistakes = [] if way is stream else [("ChatCompletion", bare.raised)]
    assert (mistakes, []) == ([(span.name, span.status.description) for span in spans], own.spans)
