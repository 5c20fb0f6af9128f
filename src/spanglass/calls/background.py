"""Responses that go on in the background: what fetches one is linked to what made it, and counts its tokens once."""

import os
from contextlib import suppress
from typing import Any, NamedTuple

from opentelemetry.trace import Link, Span, SpanContext

from spanglass.calls.unfinished import open_calls
from spanglass.guard import foreign
from spanglass.record import Record

# The responses that are remembered: of more than these, the ones that were made first are forgotten.
MOST = 1_024


class Made(NamedTuple):
    """The span of the call that made a response; whoever takes the ticket counts its tokens: taking is atomic."""

    span: SpanContext
    ticket: list[bool]


_made: dict[str, Made] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_made.clear)  # what a parent made, the parent counts


def note(record: Record, span: Span) -> None:
    """Remember a response that was made in the background, and count its tokens if no call has yet."""
    if record.response_id is None:
        return
    made = _remember(record.response_id, span.get_span_context())
    if record.usage is not None:
        record.usage.counted = _take(made)


def links(response_id: str) -> list[Link] | None:
    """Return the link to the call that made a response, where this process has made it in the background."""
    made = _find(response_id)
    return [Link(made.span)] if made is not None and made.span.is_valid else None


def adopt(record: Record) -> None:
    """Have a call that has fetched a response count its tokens, if this process has made it, and no call has yet."""
    if record.usage is None:
        return
    made = None if record.response_id is None else _find(record.response_id)
    record.adopts = record.usage.counted = made is not None and _take(made)


def _remember(response_id: str, span: SpanContext) -> Made:
    made = _made.setdefault(response_id, Made(span, [True]))
    if made.span != span:  # a server that gives an id again
        made = _made[response_id] = Made(span, [True])
    while len(_made) > MOST:
        with suppress(StopIteration, KeyError, RuntimeError):  # another thread was faster
            del _made[next(iter(_made))]
    return made


def _take(made: Made) -> bool:
    try:
        return made.ticket.pop()
    except IndexError:
        return False


def _find(response_id: str) -> Made | None:
    """Return what is known of a response, even where the call that makes it is still open.

    A program that reads on elsewhere may hold the stream that it has left, and closes it later or never.
    """
    made = _made.get(response_id)
    if made is not None:
        return made
    for call in open_calls():
        if foreign(_streamed, call) == response_id:
            span: SpanContext | None = foreign(_span, call)
            if span is not None and span.is_valid:  # or else it has ended just now
                return _remember(response_id, span)
    return _made.get(response_id)


def _streamed(call: Any) -> Any:
    """Return the id of the response that a call streams in the background, as far as it has come."""
    return call.stream.accumulator.settle()["id"] if call.record.background else None


def _span(call: Any) -> SpanContext:
    context: SpanContext = call.span.get_span_context()
    return context
