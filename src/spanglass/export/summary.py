"""What a person wants to know of one trace: its facts, and its steps in the order in which they began."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from sys import maxsize
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_trace_id

from spanglass.export.notes import ATTEMPT, CALLS, Call, Note, id_of, parent_of, read, status_of, text_of
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel

MOST_MODELS: Final = 4  # that are named


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a step has a number, an attempt or a backoff within it has none.

    `start` counts from the start of the trace, in ms, as `duration` does. `depth` is how many steps it is within.
    """

    number: int | None
    tool: str
    start: float
    duration: float
    status: str
    detail: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person wants to know of one trace; every text is one printable line, and what is not known is None.

    `name` is that of the function around all steps. `latency` is in ms. `tokens` holds estimated counts where
    `estimated` is true. `cost` is in US dollars, and that of some calls only where `partial`. `status` is SUCCESS,
    FAILED (an outermost span failed), or INCOMPLETE (nothing failed, but a stream did not reach its end). `steps`
    counts all of them, also those without a row.
    """

    trace_id: str
    name: str | None
    prompt: str | None
    model: str | None
    project: str | None
    environment: str | None
    latency: float
    tokens: int | None
    estimated: bool
    cost: Decimal | None
    partial: bool
    retries: int
    steps: int
    status: str
    rows: tuple[Row, ...]


def summarize(spans: Sequence[ReadableSpan]) -> Summary:
    """Return the summary of one trace from its finished spans, in any order; ValueError where there are none."""
    if not spans:
        message = "A summary needs at least one finished span."
        raise ValueError(message)
    tally = Tally()
    for span in spans:
        tally.add(read(span))
    inside = {id_of(span) for span in spans}
    outermost = [span for span in spans if parent_of(span) not in inside]
    first = min(outermost or spans, key=lambda span: span.start_time or 0)
    end = max(span.end_time or 0 for span in spans)
    return tally.summary(first, end, failed="FAILED" in map(status_of, outermost))


class Tally:
    """The spans of one trace, added up in the order of their ends.

    Beyond `most` of them steps and attempts still count, but have no rows, and of other spans it is not noted what they
    are in. `steps` counts the former without attempts.
    """

    __slots__ = (
        "_cost", "_estimated", "_incomplete", "_links", "_models", "_most", "_notes", "_partial", "_prompt", "_resent",
        "_retries", "_tokens", "_unmade", "steps",
    )  # fmt: skip

    def __init__(self, most: int = maxsize) -> None:
        self.steps = 0
        self._most = most
        self._notes: list[Note] = []
        self._links: dict[int, int | None] = {}  # from spans that are no steps to those that they are in
        self._models: dict[str, None] = {}
        self._prompt: tuple[int, str] | None = None
        self._tokens: int | None = None
        self._cost: Decimal | None = None
        self._estimated = self._partial = self._incomplete = False
        self._retries = self._resent = self._unmade = 0

    def add(self, note: Note, *, last: bool = False) -> bool:
        """Take one span, and return whether it is kept: the `last` one is in any case."""
        kept = last or len(self._links if note.kind is None else self._notes) < self._most
        self._resent += note.resent
        if note.kind not in {None, ATTEMPT}:
            self.steps += 1
            self._incomplete |= note.status == "INCOMPLETE"
        if note.call is not None:
            self._count(note.call)
        if kept and note.kind is None:
            self._links[note.span_id] = note.parent_id
        elif kept:
            self._notes.append(note)
        return kept

    def _count(self, call: Call) -> None:
        if call.model and len(self._models) < MOST_MODELS:
            self._models[call.model] = None
        if call.prompt and (self._prompt is None or call.started < self._prompt[0]):
            self._prompt = (call.started, call.prompt)
        if call.tokens is not None:
            self._tokens = (self._tokens or 0) + call.tokens
        self._estimated |= call.estimated
        self._retries += call.retries
        self._unmade += call.unmade
        if call.cost is None:
            self._partial |= call.unmade <= 0
        else:
            self._cost = (self._cost or Decimal(0)) + call.cost

    def summary(self, outermost: ReadableSpan, end: int, *, failed: bool) -> Summary:
        """Return the summary of a trace that begins with `outermost` and ends at `end`, in ns."""
        start = outermost.start_time or 0
        tree = _tree(self._notes, self._links)
        container = _container(tree)
        top = None if container is None else container.span_id
        expected = next((note.expected for note in tree.get(None, ()) if note.expected), None)
        return Summary(
            trace_id=format_trace_id(outermost.context.trace_id if outermost.context else 0),
            name=None if container is None else container.tool,
            prompt=None if self._prompt is None else self._prompt[1],
            model=", ".join(self._models) or expected,
            project=text_of(outermost.resource.attributes, oi.OPENINFERENCE_PROJECT_NAME),
            environment=text_of(outermost.resource.attributes, otel.DEPLOYMENT_ENVIRONMENT_NAME),
            latency=(end - start) / 1e6,
            tokens=self._tokens,
            estimated=self._estimated,
            cost=self._cost,
            partial=self._cost is not None and (self._partial or self._unmade > 0),
            retries=max(self._retries, self._resent),  # attempts tell it where their calls do not
            steps=self.steps - (container is not None),
            status="FAILED" if failed else "INCOMPLETE" if self._incomplete else "SUCCESS",
            rows=tuple(_rows(tree, top, start, end)),
        )


Tree = dict[int | None, list[Note]]
"""The notes in each step, by its id, in the order of their starts; under None those that are in no step."""


def _tree(notes: Sequence[Note], links: Mapping[int, int | None]) -> Tree:
    tree: Tree = {}
    placed: set[int] = set()
    # Of two that start at once the outer one ends later; of two that also end at once it is noted later.
    for _, note in sorted(enumerate(notes), key=lambda pair: (pair[1].start, -(pair[1].end or maxsize), -pair[0])):
        above = note.parent_id
        for _ in links:  # which may go round in circles
            if above is None or above not in links:
                break
            above = links[above]
        tree.setdefault(above if above in placed else None, []).append(note)
        placed.add(note.span_id)
    return tree


def _container(tree: Tree) -> Note | None:
    """Return the function that all steps are in."""
    outer = [note for note in tree.get(None, ()) if note.kind != ATTEMPT]
    if len(outer) != 1 or outer[0].kind in CALLS:
        return None
    return outer[0] if any(note.kind != ATTEMPT for note in tree.get(outer[0].span_id, ())) else None


def _rows(tree: Tree, top: int | None, begin: int, end: int) -> Iterator[Row]:
    """Yield the rows of the steps that are in `top`, each followed by those of its attempts, and of the steps in it."""
    numbers = count(1)
    waiting = [(note, 0) for note in reversed(tree.get(top, ()))]
    attempt = 0
    while waiting:
        note, depth = waiting.pop()
        duration = ((note.end or end) - note.start) / 1e6
        attempt = attempt + 1 if note.kind == ATTEMPT else 0
        number, tool = (None, f"attempt {attempt}") if attempt else (next(numbers), note.tool)
        row = Row(number, tool, (note.start - begin) / 1e6, duration, note.status, note.detail, depth)
        if number is not None or depth:
            yield row
        if note.backoff is not None and depth:
            yield Row(None, "backoff", row.start + duration, note.backoff * 1e3, "", note.source, depth)
        inner = sorted(tree.get(note.span_id, ()), key=lambda note: note.kind != ATTEMPT)
        waiting += [(each, depth + 1) for each in reversed(inner)]
