"""Measuring a case bare, traced, and traced by hand: the same spans, made with the SDK of OpenTelemetry alone."""

import gc
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from statistics import median
from time import process_time_ns
from types import FrameType
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Tracer

from bench.cases import Case, Run
from spanglass import OpenAIInstrumentor

CALLS: Final = frozenset({"call", "c_call"})
REPEATS: Final = 3
ROUNDS: Final = 15
FRAMES: Final = 20

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
    instrumentor.instrument(tracer_provider=provider, conventions=case.conventions)
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
        run()
        sys.setprofile(None)
        gc.enable()
        return counted - 2  # the run's own frame, and the call that ends the count

    run()
    return min(once() for _ in range(REPEATS))


def timed(runs: int) -> Measure:
    """Return what measures the CPU microseconds of one run, over so many."""

    def measure(run: Run) -> float:
        run()
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
    failure = case.run() if case.fails else None
    bare = _unit(case, measure)
    with traced(case, provider):
        added = _unit(case, measure) - bare
        ended.taken()
        case.run()
        spans = ended.taken()
    tracer = provider.get_tracer("bench")
    floor = 0.0 if case.shorter else measure(lambda: by_hand(tracer, spans))
    recording = measure(lambda: record(tracer, failure)) - measure(lambda: begin(tracer)) if failure else 0.0
    attributes = sum(len(span.attributes or ()) for span in spans)
    return Cost(bare, added - recording, floor, 0 if case.shorter else attributes, recording)


def _unit(case: Case, measure: Measure) -> float:
    longer = measure(case.run)
    return longer if case.shorter is None else (longer - measure(case.shorter)) / case.units


def times(case: Case) -> Cost:
    """Return the CPU microseconds of a case: medians over rounds that take turns between its sides."""
    rounds = [cost(case, timed(case.runs)) for _ in range(ROUNDS)]
    return Cost(*(median(column) for column in zip(*rounds, strict=True)))


# By hand


def by_hand(tracer: Tracer, spans: Sequence[ReadableSpan]) -> None:
    """Make these spans again, of values at hand and without their events; where there are none, one that is not sampled."""
    for span in spans:
        made = tracer.start_span(span.name, None, span.kind)
        made.set_attributes(dict(span.attributes or {}))
        made.set_status(span.status)
        made.end()
    if not spans:
        begin(tracer).end()


def begin(tracer: Tracer) -> Any:
    """Start a span."""
    return tracer.start_span("bench")


def record(tracer: Tracer, error: Any) -> None:
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
