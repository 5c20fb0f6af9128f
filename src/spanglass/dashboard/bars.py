"""What is drawn of one span on the time axis, and what is said of that in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.axis import Axis
from spanglass.export.notes import BACKOFF_SOURCES
from spanglass.export.words import counted, duration, one_line
from spanglass.reading.spans import FIRST_CHUNK, NANOSECONDS, SPLIT, failed, is_attempt, is_call, number, text
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own

LETTER: Final = 1.9
"""Percent of the axis that a letter in a bar takes."""
MOST_DRAWN: Final = 200
"""Attempts that are drawn in the bar of one call."""
SMALLEST: Final = 0.01
"""Of the whole, below which a part of the split is not told."""
LONGEST: Final = 120
"""Characters of an error that are told."""
OUTCOMES: Final = {"completed": "ok", "error": "failed", "truncated": "failed"}
"""How the outcome of a stream looks; any other was the program's own choice, or left unsaid."""
REASONS: Final = {
    "timeout": "after a timeout",
    "connection": "after a failed connection",
    "x-should-retry": "as the server said to (x-should-retry)",
}
STATUS: Final = "status_"
"""How the reason begins where it was the HTTP status."""


@dataclass(frozen=True, slots=True)
class Node:
    """A span, by what places it in the tree and on the axis; times in nanoseconds since the epoch."""

    id: int
    parent: int | None
    start: int
    end: int
    span: ReadableSpan

    def after(self, seconds: float) -> int:
        """Return the time so long after the start."""
        return self.start + round(seconds * NANOSECONDS)


class Part(NamedTuple):
    """A part of a bar, in percent of the axis; a label where it has room."""

    kind: str
    x: float
    width: float
    label: str = ""


class Word(NamedTuple):
    """Something said beneath a bar, and how it looks."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What is drawn of a span: `parts` side by side, `marks` over them, and under them `split`, where its time went."""

    parts: tuple[Part, ...]
    marks: tuple[Part, ...] = ()
    split: tuple[Part, ...] = ()
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Tries:
    """How many attempts a call took, and how many seconds it waited between them."""

    count: int
    backoff: float


def tries(node: Node, attempts: Sequence[Node]) -> Tries:
    """Return what a call says of its attempts, or else their spans do."""
    count = number(node.span, own.SPANGLASS_ATTEMPT_COUNT)
    waited = number(node.span, own.SPANGLASS_TIME_BACKOFF)
    gaps = ((end - start) / NANOSECONDS for start, end in _gaps(attempts) if end > start)
    return Tries(len(attempts) if count is None else int(count), sum(gaps) if waited is None else waited)


def bar(node: Node, attempts: Sequence[Node], following: Node | None, axis: Axis) -> Bar:
    """Return what is drawn of a span, which has these attempts; `following` is the attempt after one."""
    if is_attempt(node.span):
        return _attempt_bar(node, following, axis)
    parts = _tried(node, attempts, axis) if attempts else _untried(node, axis)
    split = () if attempts else _split(node, axis)
    return Bar(tuple(parts), tuple(_marks(node, axis)), tuple(split), tuple(_words(node, attempts)))


def verdict(span: ReadableSpan) -> str:
    """Return how an attempt ended: the HTTP status, or else the error."""
    code = number(span, otel.HTTP_RESPONSE_STATUS_CODE)
    if code is not None:
        return f"HTTP {code:.0f}"
    return _error(span) if failed(span) else ""


def _error(span: ReadableSpan) -> str:
    return one_line((text(span, otel.ERROR_TYPE) or "").rpartition(".")[2], LONGEST) or "failed"


def _attempt_bar(node: Node, following: Node | None, axis: Axis) -> Bar:
    waited = number(node.span, own.SPANGLASS_ATTEMPT_BACKOFF)
    parts = [_attempt_part(node, axis)]
    if waited is None and following is not None and following.start > node.end:
        waited = (following.start - node.end) / NANOSECONDS
    if waited is not None:
        until = max(following.start, node.end) if following else node.end + round(waited * NANOSECONDS)
        parts.append(_backoff(node.end, until, waited, axis))
    return Bar(tuple(parts), words=tuple(_attempt_words(node.span, waited)))


def _attempt_part(node: Node, axis: Axis) -> Part:
    kind = "attempt failed" if failed(node.span) else "attempt ok"
    return _part(kind, node.start, node.end, axis, verdict(node.span).removeprefix("HTTP "))


def _attempt_words(span: ReadableSpan, waited: float | None) -> Iterator[Word]:
    if waited is not None:
        source = text(span, own.SPANGLASS_ATTEMPT_BACKOFF_SOURCE)
        said = [f"{duration(waited)} backoff", *_chosen(span, source)]
        yield Word("wait", ", ".join(said))
    request_id = text(span, own.SPANGLASS_RESPONSE_REQUEST_ID)
    if request_id:
        yield Word("quiet", f"request id {one_line(request_id)}")


def _chosen(span: ReadableSpan, source: str | None) -> Iterator[str]:
    """Yield who chose how long to wait, and after what."""
    if source:
        header = "" if source == "sdk" else f" ({one_line(source)})"
        yield f"{BACKOFF_SOURCES.get(source, one_line(source))}{header}"
    asked = text(span, own.SPANGLASS_ATTEMPT_RETRY_AFTER)
    if asked and source == "sdk":
        yield f"where the server had asked for {one_line(asked)}"
    reason = text(span, own.SPANGLASS_ATTEMPT_RETRY_REASON)
    if reason and not reason.startswith(STATUS):  # which is told beside the attempt's name
        yield REASONS.get(reason) or f"after {one_line(reason)}"


def _tried(node: Node, attempts: Sequence[Node], axis: Axis) -> Iterator[Part]:
    """Yield a call by its attempts and the gaps between them; what is neither is the call's own."""
    yield _part("call", node.start, node.end, axis)
    first = number(node.span, *FIRST_CHUNK)
    if first is not None:
        came = min(max(node.after(first), attempts[-1].end), node.end)
        yield _part("waiting", attempts[-1].end, came, axis)
        yield _part("streaming", came, node.end, axis, *_label(node.span))
    drawn = attempts[:MOST_DRAWN]
    for start, end in _gaps(drawn):
        if end > start:
            yield _backoff(start, end, (end - start) / NANOSECONDS, axis)
    for attempt in drawn:
        yield _attempt_part(attempt, axis)


def _gaps(attempts: Sequence[Node]) -> Iterator[tuple[int, int]]:
    for before, after in pairwise(attempts):
        yield before.end, after.start


def _untried(node: Node, axis: Axis) -> Iterator[Part]:
    first = number(node.span, *FIRST_CHUNK)
    if first is None:
        yield _part(f"whole {_sort(node.span)}", node.start, node.end, axis)
        return
    came = min(max(node.after(first), node.start), node.end)
    yield _part("waiting", node.start, came, axis, "waiting")
    yield _part("streaming", came, node.end, axis, *_label(node.span))


def _label(span: ReadableSpan) -> tuple[str, ...]:
    """Return what is written in the chunks of a stream: nothing where its longest gap is drawn over them."""
    return () if number(span, own.SPANGLASS_STREAM_LONGEST_GAP_AT) is not None else ("stream",)


def _sort(span: ReadableSpan) -> str:
    if failed(span):
        return "failed"
    if is_call(span):
        return "model"
    return "tool" if text(span, oi.OPENINFERENCE_SPAN_KIND) == "TOOL" else "other"


def _marks(node: Node, axis: Axis) -> Iterator[Part]:
    """Yield the first chunk of a stream, and its longest gap where it is told when that was."""
    gap, at = (
        number(node.span, own.SPANGLASS_STREAM_LONGEST_GAP),
        number(node.span, own.SPANGLASS_STREAM_LONGEST_GAP_AT),
    )
    if gap is not None and at is not None:
        yield _part("gap", node.after(at), node.after(at + gap), axis, f"gap of {duration(gap)}", duration(gap))
    first = number(node.span, *FIRST_CHUNK)
    if first is not None:
        yield Part("first", axis.place(node.after(first)), 0)


def _split(node: Node, axis: Axis) -> Iterator[Part]:
    """Yield where the time of a call went, one part after the other; not in the order in which it went."""
    parts = [(kind, max(number(node.span, name) or 0, 0)) for kind, name in SPLIT]
    whole = sum(seconds for _, seconds in parts)
    x, width = axis.part(node.start, node.end)
    for kind, seconds in parts:
        if whole and seconds:
            share = width * seconds / whole
            yield Part(kind, round(x, 3), round(share, 3))
            x += share


def _words(node: Node, attempts: Sequence[Node]) -> Iterator[Word]:
    if failed(node.span):
        yield Word("failed", one_line(node.span.status.description or "", LONGEST) or _error(node.span))
    tried = tries(node, attempts)
    if tried.count > 1:
        yield Word("wait", f"{counted(tried.count, 'attempt')}, {duration(tried.backoff)} backoff")
    yield from _stream_words(node.span)
    split = [(kind, number(node.span, name) or 0) for kind, name in SPLIT]
    least = SMALLEST * sum(seconds for _, seconds in split)
    figures = [f"{kind} {duration(seconds)}" for kind, seconds in split if seconds > least]
    if figures:
        yield Word("quiet", " + ".join(figures))


def _stream_words(span: ReadableSpan) -> Iterator[Word]:
    outcome = text(span, own.SPANGLASS_STREAM_OUTCOME)
    first = number(span, *FIRST_CHUNK)
    gap = number(span, own.SPANGLASS_STREAM_LONGEST_GAP)
    chunks = number(span, own.SPANGLASS_STREAM_CHUNK_COUNT)
    if outcome:
        yield Word(OUTCOMES.get(outcome, "unset"), f"stream {one_line(outcome)}")
    if chunks is not None:
        yield Word("", counted(int(chunks), "chunk"))
    if first is not None:
        yield Word("", f"first chunk after {duration(first)}")
    if gap is not None:
        yield Word("", f"longest gap {duration(gap)}")


def _backoff(start: int, end: int, seconds: float, axis: Axis) -> Part:
    return _part("backoff", start, end, axis, f"{duration(seconds)} backoff", duration(seconds))


def _part(kind: str, start: int, end: int, axis: Axis, *labels: str) -> Part:
    """Return a part with the first of the labels that has room in it."""
    x, width = axis.part(start, end)
    return Part(kind, x, width, next((label for label in labels if width >= LETTER * (len(label) + 1)), ""))
