"""Batches, their limits in number and time, and what is dropped."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.util.types import Attributes

from spanglass.export.backlog import Limits
from spanglass.export.batching import BatchProcessor
from spanglass.export.reporting import Sent

NEVER = 3_600_000


class Gate:
    """A receiver that lets a batch through when it is opened, and keeps the names of its spans."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[str]] = []
        self.answers: list[Sent] = []

    def send(self, spans: Sequence[ReadableSpan]) -> Sent:
        """Wait, and take the batch, or give the next of `answers`."""
        self.entered.set()
        self.opened.wait(20)
        self.batches.append([span.name for span in spans])
        return self.answers.pop(0) if self.answers else Sent()

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def processing(
    limits: Limits, *, is_open: bool = True, gate: Gate | None = None
) -> Iterator[tuple[Gate, BatchProcessor, trace.Tracer]]:
    """Process spans until the end of the block."""
    gate = gate or Gate()
    if is_open:
        gate.opened.set()
    processor = BatchProcessor(gate, limits)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        yield gate, processor, provider.get_tracer("test")
    finally:
        gate.opened.set()
        processor.shutdown()


def end(tracer: trace.Tracer, *names: str) -> None:
    """End one span for each name."""
    for name in names:
        tracer.start_span(name).end()


def test_batches() -> None:
    """Spans leave in their order, in batches no larger than the limit."""
    with processing(Limits(NEVER, 100, 2), is_open=False) as (gate, processor, tracer):
        end(tracer, "a", "b")
        gate.entered.wait(20)
        end(tracer, "c", "d", "e")
        gate.opened.set()
        flushed = processor.force_flush()

    assert (flushed, gate.batches) == (True, [["a", "b"], ["c", "d"], ["e"]])


def test_delay() -> None:
    """A batch that is not full leaves when the delay is over."""
    with processing(Limits(10, 100, 50)) as (gate, _, tracer):
        end(tracer, "a")

        assert gate.entered.wait(20)


def test_small_queue() -> None:
    """A queue that is smaller than a batch is sent as soon as it is full, instead of dropping what comes next."""
    with processing(Limits(NEVER, 2, 50)) as (gate, _, tracer):
        end(tracer, "a", "b")

        assert gate.entered.wait(20)


def test_long_delay() -> None:
    """However long the delay is, what is flushed leaves."""
    with processing(Limits(10**30, 100, 50)) as (gate, processor, tracer):
        end(tracer, "a")
        flushed = processor.force_flush()

    assert (flushed, gate.batches) == (True, [["a"]])


def test_full_queue(caplog: pytest.LogCaptureFixture) -> None:
    """A full queue drops what is newest, counts it, and says so once."""
    with processing(Limits(NEVER, 3, 1), is_open=False) as (gate, processor, tracer):
        end(tracer, "a")
        gate.entered.wait(20)
        end(tracer, "b", "c", "d", "e")
        losses = dict(processor.losses)
        gate.opened.set()
        processor.force_flush()

    said = (
        "spanglass: the queue of 3 spans is full, and spans are dropped: "
        "raise OTEL_BSP_MAX_QUEUE_SIZE, or end fewer spans."
    )

    assert (gate.batches, losses, caplog.messages) == ([["a"], ["b"], ["c"]], {"the queue was full": 2}, [said])


def test_full_queue_of_bytes(caplog: pytest.LogCaptureFixture) -> None:
    """A queue whose bytes are used up drops what is newest and finds no place, counts it, and says so once."""
    with processing(Limits(NEVER, 100, 1, queue_bytes=1200), is_open=False) as (gate, processor, tracer):
        end(tracer, "a")
        gate.entered.wait(20)
        end(tracer, "b", "c" * 900, "d" * 900, "e")
        dropped = processor.dropped
        gate.opened.set()
        processor.force_flush()
        end(tracer, "f" * 800)
        flushed = processor.force_flush()

    said = (
        "spanglass: the queue of 1,200 bytes is full, and spans are dropped: "
        "end fewer or smaller spans, or send them to a receiver that takes them faster."
    )

    assert (gate.batches, dropped, flushed, caplog.messages) == (
        [["a"], ["b"], ["e"], ["f" * 800]],
        2,
        True,
        [said],
    )


def test_batch_of_bytes() -> None:
    """A batch leaves as soon as its bytes are full, and no larger than they allow."""
    with processing(Limits(NEVER, 100, 50, batch_bytes=10_000)) as (gate, processor, tracer):
        end(tracer, "a" * 6000, "b" * 6000)
        left = gate.entered.wait(20)
        processor.force_flush()

    assert (left, gate.batches) == (True, [["a" * 6000], ["b" * 6000]])


def test_not_measured(lenient_guard: None) -> None:  # noqa: ARG001 - for what it does
    """A span that cannot be measured is sent, alone."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, tracer):
        context = trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(1))
        processor.on_end(ReadableSpan("a", context, attributes=cast("Attributes", {1: "no text"})))
        end(tracer, "b")
        processor.force_flush()

    assert gate.batches == [["a"], ["b"]]


def test_flush_keeps_its_limit() -> None:
    """A flush that takes too long returns false in time, and the spans still leave later."""
    with processing(Limits(NEVER, 100, 50), is_open=False) as (gate, processor, tracer):
        end(tracer, "a")
        in_time = processor.force_flush(10)
        gate.opened.set()
        later = processor.force_flush()

    assert (in_time, later, gate.batches, processor.dropped) == (False, True, [["a"]], 0)


def test_shutdown_keeps_its_limit() -> None:
    """A shutdown that takes too long gives up, and counts what was under way and what was queued."""
    with processing(Limits(NEVER, 100, 2), is_open=False) as (gate, processor, tracer):
        end(tracer, "a", "b")
        gate.entered.wait(20)
        end(tracer, "c")
        processor.close(0)
        end(tracer, "late")

        assert (processor.dropped, processor.losses) == (4, {"no answer before the end": 3, "ended after the end": 1})


def test_shutdown_sends() -> None:
    """A shutdown sends what is queued, and a second one does nothing."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, tracer):
        end(tracer, "a")
        processor.shutdown()
        processor.shutdown()

        assert (gate.batches, processor.dropped) == ([["a"]], 0)


def test_again() -> None:
    """What a receiver cannot take for the time being stays first, and is sent again with what ended since."""
    with processing(Limits(NEVER, 100, 50), is_open=False) as (gate, processor, tracer):
        gate.answers = [Sent(again=0.01), Sent(again=0.01)]
        end(tracer, "a")
        processor.hurry()
        gate.entered.wait(20)
        end(tracer, "b")
        gate.opened.set()
        flushed = processor.force_flush()

    assert (flushed, gate.batches, processor.dropped) == (True, [["a"], ["a", "b"], ["a", "b"]], 0)


def test_time_asked_for() -> None:
    """A receiver that asks for time gets it, whoever wants to flush, but for a last chance."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, tracer):
        gate.answers = [Sent(again=3600)]
        end(tracer, "a")
        flushed = [processor.force_flush(200), processor.force_flush(10)]
        asked = len(gate.batches)
        processor.hurry(last=True)
        flushed.append(processor.force_flush())

    assert (flushed, asked, gate.batches, processor.dropped) == ([False, False, True], 1, [["a"], ["a"]], 0)


def test_patience() -> None:
    """A batch that is refused for too long is dropped for its reason, and the next one has its turn."""
    with processing(Limits(NEVER, 100, 1, patience=0.05)) as (gate, processor, tracer):
        gate.answers = [Sent(why="UNAVAILABLE", again=3600)] * 2
        end(tracer, "a", "b")
        flushed = processor.force_flush()

    assert (flushed, gate.batches, processor.losses) == (False, [["a"], ["a"], ["b"]], {"UNAVAILABLE": 1})


class Refusing(Gate):
    """A receiver that has no time for whatever comes with a span of that name."""

    def send(self, spans: Sequence[ReadableSpan]) -> Sent:
        """Refuse the batch, or take it."""
        super().send(spans)
        return Sent(why="UNAVAILABLE", again=0.01) if spans[0].name == "a" else Sent()


def test_patience_with_what_came_later() -> None:
    """What came to a batch after it was first refused is not dropped with it."""
    with processing(Limits(NEVER, 100, 50, patience=0.2), gate=Refusing()) as (gate, processor, tracer):
        end(tracer, "a")
        processor.hurry()
        gate.entered.wait(20)
        end(tracer, "b")
        flushed = processor.force_flush()

    assert (flushed, gate.batches[-1], processor.losses) == (False, ["b"], {"UNAVAILABLE": 1})


def test_shutdown_does_not_wait_for_a_receiver_that_cannot() -> None:
    """A shutdown gives each batch one last chance, however much time the receiver asks for."""
    with processing(Limits(NEVER, 100, 1), is_open=False) as (gate, processor, tracer):
        gate.answers = [Sent(why="busy", again=3600)] * 2
        end(tracer, "a", "b", "c")
        gate.opened.set()
        processor.shutdown()

    assert (gate.batches, processor.losses) == ([["a"], ["b"], ["c"]], {"busy": 2})


def test_refused_in_part() -> None:
    """What a receiver took not of a batch is counted, and the others of the batch are not."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, tracer):
        gate.answers = [Sent(2, "refused")]
        end(tracer, "a", "b", "c")
        flushed = processor.force_flush()

    assert (flushed, gate.batches, processor.losses) == (False, [["a", "b", "c"]], {"refused": 2})


def test_untold() -> None:
    """What was lost is told once, and then what was lost since."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, tracer):
        told = []
        for lost in (2, 1, 0):
            gate.answers = [Sent(lost, "refused")]
            end(tracer, "a", "b")
            processor.force_flush()
            told.append(dict(processor.untold()))

    assert (told, dict(processor.losses)) == ([{"refused": 2}, {"refused": 1}, {}], {"refused": 3})


def test_unsampled() -> None:
    """A span that is recorded but not sampled is not exported."""
    with processing(Limits(NEVER, 100, 50)) as (gate, processor, _):
        provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        provider.add_span_processor(processor)
        end(provider.get_tracer("test"), "a")
        processor.on_end(ReadableSpan("b", trace.SpanContext(1, 1, is_remote=False)))
        processor.force_flush()

        assert gate.batches == []
