"""One trace as lists tell it: what it was, how it ended, how long it took and what it used."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.searching import Trace
from spanglass.dashboard.store import Store
from spanglass.export.notes import line
from spanglass.export.summary import summarize
from spanglass.reading.calls import Tokens, calls, tokens
from spanglass.reading.spans import FIRST_CHUNK, MODEL, NANOSECONDS, number, text, times
from spanglass.semconv import openinference as oi

MOST: Final = 300
"""Spans of a trace that are read for its row."""
REMEMBERED: Final = 4000
"""Traces whose rows are kept."""
NAMED: Final = 3
"""Models that are named."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a row tells of a trace; what is not known is None, and every text is one line that nothing obeys.

    Times are nanoseconds since the epoch, durations seconds, `cost` US dollars. `first_chunk` counts from the start of
    the call whose first chunk came first. `whole` is false where
    there are more spans than were read.
    """

    status: str
    name: str
    prompt: str | None
    model: str | None
    first_chunk: float | None
    tokens: Tokens
    cost: Decimal | None
    partial: bool
    retries: int
    whole: bool


class Lister:
    """Tells of the traces of a store; of one that has not changed it remembers what it told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listed = lru_cache(REMEMBERED)(self._read)

    def listed(self, trace: Trace) -> Listed | None:
        """Return what a row tells; None of a trace that is gone by now."""
        ((count,),) = self._store.read("SELECT (SELECT spans FROM traces WHERE trace = ?)", (trace.trace,))
        return None if count is None else self._listed(trace.trace, count)

    def _read(self, trace: str, count: object) -> Listed | None:
        spans = self._store.trace(trace, MOST)
        return listed(spans, whole=len(spans) == count) if spans else None


def listed(spans: Sequence[ReadableSpan], *, whole: bool = True) -> Listed:
    """Return what a row tells of a trace, from its spans in any order."""
    summary = summarize(spans)
    made = calls(spans)
    outermost = _outermost(spans)
    return Listed(
        status=summary.status,
        name=summary.name or line(outermost.name) or "(no name)",
        prompt=summary.prompt or _said(outermost),
        model=_models(made) or summary.model,
        first_chunk=_first_chunk(made),
        tokens=tokens(made),
        cost=summary.cost,
        partial=summary.partial,
        retries=summary.retries,
        whole=whole,
    )


def _outermost(spans: Sequence[ReadableSpan]) -> ReadableSpan:
    """Return the first of the spans that are in no other."""
    inside = {span.context.span_id for span in spans if span.context}
    outer = [span for span in spans if span.parent is None or span.parent.span_id not in inside]
    return min(outer or spans, key=lambda span: times(span)[0])


def _said(span: ReadableSpan) -> str | None:
    said = text(span, oi.INPUT_VALUE)
    return line(said) if said else None


def _models(made: Sequence[ReadableSpan]) -> str | None:
    names = [*dict.fromkeys(line(name) for span in made if (name := text(span, *MODEL)))]
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more]) or None


def _first_chunk(made: Sequence[ReadableSpan]) -> float | None:
    """Return how long it took of the call whose first chunk came first."""
    told = [
        (times(span)[0] / NANOSECONDS + wait, wait) for span in made if (wait := number(span, *FIRST_CHUNK)) is not None
    ]
    return min(told)[1] if told else None
