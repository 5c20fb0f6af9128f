"""Measuring a case bare, traced, and traced by hand: the same spans, made with the SDK of OpenTelemetry alone."""

import gc
import io
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from statistics import median
from time import process_time_ns
from types import FrameType
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, Status, Tracer

from bench.cases import Case, Run
from spanglass import OpenAIInstrumentor
from spanglass.export.panel import Panel

CALLS: Final = frozenset({"call", "c_call"})
REPEATS: Final = 3
ROUNDS: Final = 31
# Of a traceback, where a call is traced: within the SDK's own `request`.
FRAMES: Final = 2

Measure = Callable[[Run], float]


class Cost(NamedTuple):
    """What one unit of a case costs: bare, by tracing it, and by making its spans by hand.

    A call that fails is told without `recording`, which is the cost of its exception's event, traceback and all.
    """

    bare: float
    added: float
    floor: float
    attributes: int
    recording: float = 0


class Ended(SpanProcessor):
    """Keeps the spans that ended since it was last asked."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self._spans += [span]

    def taken(self) -> list[ReadableSpan]:
        """Return the spans, and keep them no more."""
        spans, self._spans = self._spans, []
        return spans


@contextmanager
def traced(case: Case, provider: TracerProvider) -> Generator[None]:
    """Trace all calls in a `with` block as the case says."""
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider, conventions=case.conventions, skip_dep_check=True)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def count(run: Run) -> int:
    """Return how many functions, of Python and of C, one run calls."""
    counted = 0

    def see(_: FrameType, event: str, __: object) -> None:
        nonlocal counted
        counted += event in CALLS

    def once() -> int:
        nonlocal counted
        counted = 0
        gc.collect()
        gc.disable()  # finalisers belong to no run
        sys.setprofile(see)
        try:
            run()
        finally:
            sys.setprofile(None)
            gc.enable()
        return counted - 2  # the run's own frame, and the call that ends the count

    run()
    return min(once() for _ in range(REPEATS))


def timed(runs: int) -> Measure:
    """Return what measures the CPU microseconds of one run, over so many."""

    def measure(run: Run) -> float:
        run()
        gc.collect()
        begun = process_time_ns()
        for _ in range(runs):
            run()
        return (process_time_ns() - begun) / runs / 1000

    return measure


def cost(case: Case, measure: Measure) -> Cost:
    """Return the cost of a case, measured once on each side."""
    provider = TracerProvider(sampler=ALWAYS_ON if case.sampled else ALWAYS_OFF, shutdown_on_exit=False)
    ended = Ended()
    provider.add_span_processor(ended)
    returned = case.run()
    bare = _unit(case, measure)
    tracer = provider.get_tracer("bench")
    with traced(case, provider), redirect_stderr(Sink()):
        if case.panel:
            with _outer(case, tracer):
                bare = _unit(case, measure)
            provider.add_span_processor(Panel())
        with _outer(case, tracer):
            added = _unit(case, measure) - bare
        ended.taken()
        case.run()
        spans = [Made.again(span) for span in ended.taken()]
    floor = 0.0 if case.shorter or case.panel else measure(lambda: by_hand(tracer, spans))
    recording = 0.0
    if isinstance(returned, Exception):
        failure = returned
        recording = measure(lambda: record(tracer, failure)) - measure(lambda: begin(tracer))
    attributes = sum(len(span.attributes) for span in spans)
    return Cost(bare, added - recording, floor, 0 if case.shorter else attributes, recording)


class Sink(io.StringIO):
    """A standard error that keeps nothing."""

    def write(self, text: str) -> int:
        """Take it."""
        return len(text)


def _outer(case: Case, tracer: Tracer) -> AbstractContextManager[object]:
    """Return the span that the calls of a case are in, where it wants one that stays open."""
    return tracer.start_as_current_span("outer") if case.within else nullcontext()


def _unit(case: Case, measure: Measure) -> float:
    longer = measure(case.run)
    return longer if case.shorter is None else (longer - measure(case.shorter)) / case.units


def times(case: Case) -> Cost:
    """Return the CPU microseconds of a case: medians over rounds that take turns between its sides."""
    rounds = [cost(case, timed(case.runs)) for _ in range(ROUNDS)]
    return Cost(*(median(column) for column in zip(*rounds, strict=True)))


# By hand


class Made(NamedTuple):
    """What a span is made of, as plain values."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    status: Status

    @classmethod
    def again(cls, span: ReadableSpan) -> "Made":
        """Return what a span that ended was made of, but for its events."""
        return cls(span.name, span.kind, dict(span.attributes or {}), span.status)


def by_hand(tracer: Tracer, spans: Sequence[Made]) -> None:
    """Make these spans again; where there are none, one that is not sampled."""
    for made in spans:
        span = tracer.start_span(made.name, None, made.kind)
        span.set_attributes(made.attributes)
        span.set_status(made.status)
        span.end()
    if not spans:
        begin(tracer).end()


def begin(tracer: Tracer) -> Span:
    """Start a span."""
    return tracer.start_span("bench")


def record(tracer: Tracer, error: Exception) -> None:
    """Record an exception as a span's own `record_exception` does, but for the depth of its traceback."""
    told = "".join(traceback.format_exception(error.__class__, error, error.__traceback__, -FRAMES))
    begin(tracer).add_event(
        "exception",
        {
            "exception.type": f"{error.__class__.__module__}.{error.__class__.__qualname__}",
            "exception.message": str(error),
            "exception.stacktrace": told,
            "exception.escaped": "True",
        },
    )
