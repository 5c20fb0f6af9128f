"""Responses that go on in the background: what fetches one is linked to what made it, and counts its tokens once."""

import os
from contextlib import suppress
from typing import NamedTuple

from opentelemetry.trace import Link, Span, SpanContext

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
    """Remember a response that was made in the background."""
    if record.response_id is None:
        return
    counted = record.usage is not None
    _made[record.response_id] = Made(span.get_span_context(), [] if counted else [True])
    while len(_made) > MOST:
        with suppress(StopIteration, KeyError, RuntimeError):  # another thread was faster
            del _made[next(iter(_made))]


def links(response_id: str) -> list[Link] | None:
    """Return the link to the call that made a response, where this process has made it in the background."""
    return [Link(_made[response_id].span)] if response_id in _made else None


def adopt(record: Record) -> None:
    """Have a call that has fetched a response count its tokens, if this process has made it, and no call has yet."""
    if record.usage is None:
        return
    made = _made.get(record.response_id or "")
    if made is not None:
        with suppress(IndexError):
            record.adopts = made.ticket.pop()
    record.usage.counted = record.adopts
