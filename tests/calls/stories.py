"""What the span of a streamed call tells, in a form that a test can write down: all of it, but for the times."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from asks import CHAT, Ask
from opentelemetry.sdk.trace import Event, ReadableSpan
from told import SPLIT

from spanglass.testing import OpenAIServer

SECOND = 1_000_000_000
FIRST = "spanglass.stream.time_to_first_chunk"
GAP = "spanglass.stream.longest_gap"
GAP_AT = "spanglass.stream.longest_gap_at"
EVENT = "First Token Stream Event"
CHUNKS = "spanglass.stream.chunk_count"


class Story(NamedTuple):
    """A span without its times, whose sense `told` has checked, and its events without theirs and their tracebacks."""

    name: str
    status: str
    description: str | None
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


class Failure(NamedTuple):
    """An exception as spans tell it: its qualified name, its message, and attributes for what the API said in it."""

    kind: str
    message: str
    said: Mapping[str, Any] = {}

    @property
    def description(self) -> str:
        """What the status says of it."""
        return f"{self.kind.rpartition('.')[2]}: {self.message}"


def streamed(
    server: OpenAIServer,
    outcome: str,
    chunks: int,
    *others: Mapping[str, Any],
    ask: Ask = CHAT,
    status: str = "UNSET",
    failure: Failure | None = None,
) -> Story:
    """Return the story of what was asked for a stream, of whose chunks so many were taken.

    Each of the `others` adds attributes, or replaces them; None takes one away.
    """
    attributes = {
        **ask.asked(server, stream=True),
        "spanglass.stream.outcome": outcome,
        "spanglass.stream.chunk_count": chunks,
        **ask.arrived[min(chunks, max(ask.arrived))],
    }
    events: list[tuple[str, dict[str, Any]]] = [(EVENT, {})] if chunks else []
    if failure is not None:
        attributes |= {"error.type": failure.kind, **failure.said}
        told = {"exception.type": failure.kind, "exception.message": failure.message, "exception.escaped": True}
        events.append(("exception", {**told, **failure.said}))
    for other in others:
        attributes |= other
    attributes = {name: value for name, value in attributes.items() if value is not None}
    description = failure.description if failure is not None and status == "ERROR" else None
    return Story(ask.span, status, description, attributes, events)


def told(span: ReadableSpan) -> Story:
    """Return the story of a span, having checked that its times make sense."""
    attributes = dict(span.attributes or {})
    _check(span, attributes)
    if span.name != CHAT.span:  # how the events of other streams settle is told with their readers
        attributes.pop("output.value", None)
    for name in (*SPLIT, FIRST, GAP, GAP_AT):
        attributes.pop(name, None)
    events = [(event.name, _lasting(event.attributes or {})) for event in span.events]
    return Story(span.name, span.status.status_code.name, span.status.description, attributes, events)


def _lasting(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in attributes if name != "exception.stacktrace"}


def _check(span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
    assert span.start_time is not None
    assert span.end_time is not None
    duration = (span.end_time - span.start_time) / SECOND
    parts = [attributes[name] for name in SPLIT]
    assert min(parts) >= 0
    assert abs(sum(parts) - duration) < 1e-6
    if CHUNKS not in attributes:
        return
    expected = [name for name, least in ((FIRST, 1), (GAP, 2), (GAP_AT, 2)) if attributes[CHUNKS] >= least]
    assert expected == [name for name in (FIRST, GAP, GAP_AT) if name in attributes]
    begun = [0.0, *(attributes[name] for name in expected if name != GAP)]
    assert [*begun, duration + 1e-6] == sorted([*begun, duration + 1e-6])
    assert begun[-1] + attributes.get(GAP, 0) <= duration + 1e-6
    if attributes[CHUNKS]:
        _check_first(span.events[0], span.start_time + round(attributes[FIRST] * SECOND))


def _check_first(event: Event, expected: int) -> None:
    assert event.name == EVENT
    assert abs(expected - event.timestamp) <= 1
