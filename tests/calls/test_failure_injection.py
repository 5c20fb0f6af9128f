"""A failure of spanglass's own, at each place where one can happen, never reaches the caller."""

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from asks import ASKS, CANCEL, CHAT, RETRIEVE, STREAMED, Ask
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler

from asking import hasten
from flavours import Flavour
from spanglass.calls.aside import running
from spanglass.calls.operation import operation
from spanglass.endpoints import ADDRESSED, ENDPOINTS
from spanglass.endpoints.endpoint import Endpoint
from spanglass.guard import Guard, guard
from spanglass.testing import (
    CapturedSpans,
    HangUp,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    error,
)
from spanglass.writers import WRITERS

pytestmark = pytest.mark.usefixtures("lenient_guard")


class InjectedError(Exception):
    """What spanglass raises here."""


def fail(*_: Any, **__: Any) -> Any:
    """Fail."""
    message = "injected"
    raise InjectedError(message)


class FailingAccumulator:
    """What takes the chunks of a stream, and fails where it is told to."""

    bearing = 0
    end: Any = "completed"
    take: Any = staticmethod(lambda _: None)
    settle: Any = staticmethod(dict)

    def __init__(self, name: str) -> None:
        failing = property(fail) if name == "end" else staticmethod(fail)
        self.__class__ = type("Failing", (FailingAccumulator,), {name: failing})


class FailingProcessor(SpanProcessor):
    """Somebody's span processor, which fails where it is told to."""

    def __init__(self, name: str) -> None:
        setattr(self, name, fail)

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Do nothing."""


class FailingSampler(Sampler):
    """Somebody's sampler, which fails."""

    should_sample = fail

    def get_description(self) -> str:
        """Return what it is."""
        return "fails"


Inject = Callable[[pytest.MonkeyPatch, CapturedSpans], None]


def at(target: str) -> Inject:
    """Return what makes a function or method fail."""
    return lambda monkeypatch, _: monkeypatch.setattr(f"spanglass.{target}", fail)


def reading(field: str, value: Any = fail) -> Inject:
    """Return what makes a field of every endpoint fail."""

    def inject(monkeypatch: pytest.MonkeyPatch, _: CapturedSpans) -> None:
        tables: tuple[dict[Any, Endpoint], ...] = (ENDPOINTS, ADDRESSED)
        for table in tables:
            for key, endpoint in table.items():
                monkeypatch.setitem(table, key, endpoint._replace(**{field: value}))

    return inject


def accumulating(name: str) -> Inject:
    """Return what makes a part of the accumulator fail."""
    return reading("accumulator", lambda: FailingAccumulator(name))


def writing(field: str) -> Inject:
    """Return what makes a field of each writer fail."""

    def inject(monkeypatch: pytest.MonkeyPatch, _: CapturedSpans) -> None:
        from spanglass.calls import tracing  # noqa: PLC0415 - as it is when the test runs

        assert tracing.current is not None
        failing: Any = {field: fail}
        failed = tuple(writer._replace(**failing) for writer in WRITERS.values())
        monkeypatch.setattr(tracing.current, "writers", defaultdict(lambda: failed))

    return inject


def processing(name: str) -> Inject:
    """Return what adds a span processor that fails."""
    return lambda _, captured: captured.provider.add_span_processor(FailingProcessor(name))


def sampling(monkeypatch: pytest.MonkeyPatch, captured: CapturedSpans) -> None:
    """Make the sampler fail."""
    from spanglass.calls import tracing  # noqa: PLC0415 - as above

    assert tracing.current is not None
    monkeypatch.setattr(tracing.current, "tracer", captured.provider.get_tracer("spanglass"))
    monkeypatch.setattr(tracing.current.tracer, "sampler", FailingSampler())


def counting(monkeypatch: pytest.MonkeyPatch, _: CapturedSpans) -> None:
    """Make the counting of calls fail, which happens where there is a meter provider."""
    monkeypatch.setattr("spanglass.calls.metrics.Meters.live", property(lambda _: True))
    monkeypatch.setattr("spanglass.calls.metrics.Meters.count", fail)


# Each place, and whether calls leave spans nonetheless.
PLACES: dict[str, tuple[Inject, bool]] = {
    "begin": (at("calls.callers.begin"), True),
    "mistake": (at("calls.methods.mistake"), True),
    "server": (at("calls.begin.server_of"), False),
    "start": (at("calls.tracing.Tracing.start"), False),
    "sampler": (sampling, False),
    "processor.on_start": (processing("on_start"), False),
    "processor.on_end": (processing("on_end"), True),
    "built": (at("calls.invocation.Invocation.built"), True),
    "answer": (at("calls.invocation.Invocation.answer"), True),
    "refuse": (at("calls.invocation.Invocation.refuse"), True),
    "answered": (at("calls.invocation.answered"), True),
    "describe": (at("calls.invocation.Invocation._describe"), True),
    "link": (at("calls.invocation.link"), True),
    "split": (at("calls.invocation.split"), True),
    "failure": (at("calls.invocation.read_failure"), True),
    "read_request": (reading("read_request"), True),
    "read_response": (reading("read_response"), True),
    "accumulator": (reading("accumulator"), True),
    "accumulator.take": (accumulating("take"), True),
    "accumulator.settle": (accumulating("settle"), True),
    "accumulator.end": (accumulating("end"), True),
    "stream": (at("calls.stream.StreamState.__init__"), True),
    "stream.closed": (at("calls.stream.StreamState.closed"), True),
    "stream.stats": (at("calls.stream.StreamState.stats"), True),
    "hold": (at("calls.invocation.hold"), True),
    "writer.start": (writing("start"), False),
    "writer.span_name": (writing("span_name"), False),
    "writer.write": (writing("write"), True),
    "write": (at("calls.tracing.Tracing.write"), True),
    "clean": (at("calls.tracing.clean"), True),
    "attempt spans": (at("calls.tracing.attempt_attributes"), True),
    "meters": (counting, True),
}


def outcome(make: Callable[[], Any]) -> str:
    """Return what comes back or out, told in full."""
    try:
        result = make()
    except Exception as raised:  # noqa: BLE001 - whatever the SDK raises is compared
        return f"{type(raised).__name__}: {raised}"
    return f"{type(result)} {result!r}"


def calls(flavour: Flavour, server: OpenAIServer, client: Any) -> list[str]:
    """Make a call of each kind, and return what the caller meets."""
    server.script(
        Reply(completion("plain")),
        Reply(error("busy"), status=503, headers={"retry-after": "0.001"}),
        Reply(completion("retried")),
        Reply(error("no"), status=400),
        HangUp(),
        HangUp(),
        Stream(chunks(["read"])),
        Stream(chunks(["left"])),
        Stream([*chunks(["broken"], finish_reason=None), error("broken")]),
    )
    return [
        outcome(lambda: flavour.create(client)),
        outcome(lambda: flavour.create(client)),
        outcome(lambda: flavour.create(client)),
        outcome(lambda: flavour.create(client)),
        outcome(lambda: flavour.take(flavour.create(client, stream=True))),
        outcome(lambda: flavour.take(flavour.create(client, stream=True), 1, entered=True)),
        outcome(lambda: flavour.take(flavour.create(client, stream=True))),
        outcome(lambda: flavour.wait(client.chat.completions.create(model="gpt-4o-mini"))),
    ]


def blamed(record: logging.LogRecord) -> str:
    """Return the name of the exception that the guard tells of."""
    return record.getMessage().partition("(")[2].partition(")")[0]


@pytest.fixture
def forgetful_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the guard forget what it has told."""
    monkeypatch.setattr(guard, "_told", set())


@pytest.mark.usefixtures("forgetful_guard")
@pytest.mark.parametrize(("inject", "leaves_spans"), PLACES.values(), ids=PLACES)
def test_failure(
    inject: Inject,
    leaves_spans: bool,  # noqa: FBT001 - the row
    flavour: Flavour,
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller meets what the bare SDK gives, the failure is logged once, and calls leave what spans they can."""
    hasten(monkeypatch, 0.01)
    client = flavour.client(server, max_retries=1)
    bare = calls(flavour, server, client)
    sent = [request.body for request in server.journal]

    with captured_spans() as captured, monkeypatch.context() as patched:
        inject(patched, captured)
        instrumented = calls(flavour, server, client)
        spans = [span for span in captured.spans if span.name == "ChatCompletion"]

    assert bare == instrumented
    assert sent == [request.body for request in server.journal][len(sent) :]
    assert [("spanglass", "WARNING", "InjectedError")] == [
        (record.name, record.levelname, blamed(record)) for record in caplog.records
    ]
    assert leaves_spans == bool(spans)
    assert (None, None) == (running.get(), operation.get())
    assert {} == get_current()


def asked(ask: Ask, flavour: Flavour, server: OpenAIServer, client: Any) -> list[str]:
    """Make a call of an endpoint that is answered, one that is refused, and streams; return what the caller meets."""
    server.script(ask.answer, Reply(error("no"), status=400))
    met = [outcome(lambda: ask.create(flavour, client)) for _ in range(2)]
    if ask.chunks:
        server.script(ask.stream, ask.stream)
        met += [
            outcome(lambda: flavour.take(ask.open(flavour, client))),
            outcome(lambda: flavour.take(ask.open(flavour, client), ask.half, entered=True)),
        ]
    return met


READING = ("read_request", "read_response", "writer.write")
STREAMING = ("accumulator", "accumulator.take", "accumulator.settle", "accumulator.end", "stream.stats")
OTHERS = [ask for ask in ASKS if ask is not CHAT]
AT_EACH: dict[str, tuple[Ask, Inject]] = {
    **{f"{ask.name}-{place}": (ask, PLACES[place][0]) for ask in OTHERS for place in READING},
    **{f"{ask.name}-{place}": (ask, PLACES[place][0]) for ask in OTHERS if ask in STREAMED for place in STREAMING},
    **{
        f"{ask.name}-background.{name}": (ask, at(f"calls.background.{name}"))
        for ask in (RETRIEVE, CANCEL)
        for name in ("adopt", "links")
    },
}


@pytest.mark.usefixtures("forgetful_guard")
@pytest.mark.parametrize(("ask", "inject"), AT_EACH.values(), ids=AT_EACH)
def test_failure_at_each_endpoint(
    ask: Ask,
    inject: Inject,
    flavour: Flavour,
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So it is where what belongs to an endpoint fails."""
    client = flavour.client(server, max_retries=0)
    bare = asked(ask, flavour, server, client)
    with captured_spans() as captured, monkeypatch.context() as patched:
        inject(patched, captured)
        instrumented = asked(ask, flavour, server, client)

    assert bare == instrumented
    assert ["InjectedError"] == [blamed(record) for record in caplog.records]
    assert (None, None, {}) == (running.get(), operation.get(), get_current())


def test_redaction_fails_closed(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where content is hidden and hiding it fails, the span has none of it."""
    from flavours import Sync  # noqa: PLC0415 - one family is enough

    flavour = Sync()
    monkeypatch.setattr(guard, "_told", set())
    with captured_spans(content="off") as captured:
        monkeypatch.setattr("spanglass.calls.tracing.redact", fail)
        flavour.create(flavour.client(server), messages=[{"role": "user", "content": "secret"}])
    flavour.leave()

    (span,) = captured.spans
    assert "secret" not in repr(span.attributes)
    assert "Hello" not in repr(span.attributes)
    assert 1 == len(caplog.records)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_guard_lets_the_end_of_the_program_pass(kind: type[BaseException]) -> None:
    """What is no error of ours, but asks the program to end, passes the guard."""
    with pytest.raises(kind), Guard():
        raise kind


def test_guard_tells_each_place_once(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged with its traceback, once for each place."""
    fresh = Guard()
    for _ in range(3):
        with fresh:
            fail()
        with fresh:
            _ = 1 / 0

    told = "spanglass could not record a part of a call; the call itself is not affected"
    lines = [text.split("\n") for text in caplog.messages]
    assert [f"{told} (InjectedError)", f"{told} (ZeroDivisionError)"] == [first for first, *_ in lines]
    assert all(any("test_failure_injection.py" in line for line in frames) for _, *frames in lines)


def test_guard_tells_no_content(caplog: pytest.LogCaptureFixture) -> None:
    """What the guard logs does not hold the text of the exception, which may be what is to be hidden."""
    with Guard():
        fail()

    assert ["InjectedError"] == [blamed(record) for record in caplog.records]
    assert "injected" not in caplog.text.replace("test_failure_injection", "")


def test_guard_outlives_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logging that itself fails changes nothing for the caller."""
    monkeypatch.setattr("spanglass.guard.log.warning", fail)
    with Guard():
        fail()


def test_strict_guard_raises() -> None:
    """A strict guard raises what it would swallow."""
    strict = Guard()
    strict.strict = True

    with pytest.raises(InjectedError), strict:
        fail()
