"""Responses that go on in the background: what fetches one is linked to what made it, and counts its tokens once."""

import os
from contextlib import suppress
from operator import attrgetter
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


class Streamed(NamedTuple):
    """A response that has begun to come, and the start and the span of the call that makes it."""

    id: Any
    start: int
    span: SpanContext


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
    streams = [told for call in open_calls() if (told := foreign(_told, call)) is not None and told.id == response_id]
    if not streams:
        return _made.get(response_id)  # it may have ended just now
    return _remember(response_id, max(streams, key=attrgetter("start")).span)


def _told(call: Any) -> Streamed | None:
    """Return what is known of the response that an open call streams; no other call has all that is asked for here."""
    record, span = call.record, call.span.get_span_context()
    if not record.background or not span.is_valid:
        return None
    return Streamed(call.stream.accumulator.settle()["id"], record.start, span)
