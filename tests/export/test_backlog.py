"""What a batch holds, and the limits."""

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spanglass.export.backlog import Backlog, Limits
from spanglass.export.sizes import origin_bytes, span_bytes

ONE, OTHER = Resource({"service.name": "one"}), Resource({"service.name": "other"})
SCOPE = InstrumentationScope("scope", "1.0")


def batches(limits: Limits, *spans: ReadableSpan) -> list[str]:
    """Return the names of the spans of each batch, joined."""
    backlog = Backlog(limits)
    for span in spans:
        backlog.put(span, span_bytes(span))
    taken: list[str] = []
    while backlog:
        batch = backlog.first()
        backlog.let_go(len(batch))
        taken.append("".join(span.name[0] for span in batch))
    return taken


def spans(*names: str, resource: Resource = ONE) -> list[ReadableSpan]:
    """Return one span for each name."""
    return [ReadableSpan(name, resource=resource, instrumentation_scope=SCOPE) for name in names]


SAME = spans("a", "b", "c")
TWO = span_bytes(SAME[0]) + span_bytes(SAME[1]) + origin_bytes(SAME[0])


@pytest.mark.parametrize(("size", "expected"), [(TWO, ["ab", "c"]), (TWO - 1, ["a", "b", "c"])])
def test_bytes(size: int, expected: list[str]) -> None:
    """A batch holds as many spans as fit its bytes, with their resource and scope once."""
    assert batches(Limits(batch_bytes=size), *SAME) == expected


def test_other_resource() -> None:
    """A resource that comes second to a batch takes room of its own."""
    mixed = [*spans("a"), *spans("b", resource=OTHER)]

    assert batches(Limits(batch_bytes=TWO), *mixed) == ["a", "b"]


def test_above_the_limit() -> None:
    """A span that is above the limit by itself is a batch of its own."""
    mixed = spans("a", "b", "c" * 2000, "d", "e")

    assert batches(Limits(batch_bytes=1000), *mixed) == ["ab", "c", "de"]


def test_count() -> None:
    """A batch keeps its limit in number too."""
    assert batches(Limits(batch=2), *SAME) == ["ab", "c"]


def test_first_stays() -> None:
    """What is sent waits until it is settled, and takes its place in the queue for so long."""
    backlog = Backlog(Limits(queue=3))
    for span in SAME:
        backlog.put(span, span_bytes(span))
    sent = [len(backlog.first()), len(backlog.first())]
    refused = backlog.refusal(1) is not None
    backlog.let_go(2)

    assert (sent, refused, len(backlog), backlog.refusal(1)) == ([3, 3], True, 1, None)


def test_halves() -> None:
    """Batches that are too large are halved, until a span is alone."""
    backlog = Backlog(Limits())
    for span in spans(*"abcd"):
        backlog.put(span, span_bytes(span) + 1000)
    sent = [len(backlog.first())]
    for _ in range(2):
        backlog.halve(sent[-1])
        sent.append(len(backlog.first()))

    assert (sent, backlog.full_batch) == ([4, 1, 1], True)


def test_halves_recover() -> None:
    """Once what was too large has left, batches are not so small that each span would be alone."""
    backlog = Backlog(Limits())
    for span in spans(*"abcdef"):
        backlog.put(span, span_bytes(span))
    backlog.halve(2)
    sent = [len(backlog.first())]
    backlog.let_go(1)
    sent.append(len(backlog.first()))

    assert (sent, backlog.full_batch) == ([1, 5], False)


def test_limits() -> None:
    """The limits are read from the variables of the SDK's batch processor."""
    variables = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_MAX_QUEUE_SIZE": " 7 "}

    assert (Limits.load({}), Limits.load(variables)) == (Limits(5000, 8192, 512), Limits(100, 7, 512))


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_malformed_limit(text: str) -> None:
    """A limit that is no positive number is told by its variable."""
    with pytest.raises(ValueError, match="OTEL_") as raised:
        Limits.load({"OTEL_BSP_SCHEDULE_DELAY": text})

    assert str(raised.value) == f"OTEL_BSP_SCHEDULE_DELAY cannot be {text!r}: use a whole number above 0."
