"""The spans of a trace on one time axis: each in a row, under the one that it is in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanKind, format_span_id, format_trace_id

from spanglass.dashboard.axis import Axis
from spanglass.dashboard.bars import Bar, Node, Tries, bar, tries, verdict
from spanglass.export.notes import id_of, parent_of, status_of
from spanglass.export.words import counted, duration, one_line
from spanglass.reading.spans import MODEL, NANOSECONDS, failed, is_attempt, is_call, number, text, times
from spanglass.reading.tree import ordered
from spanglass.semconv import gen_ai, otel
from spanglass.semconv import openinference as oi

DEEPEST: Final = 10
"""Levels that are indented."""
MOST_LINKS: Final = 5
"""Links of a span that are shown."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A span that another one says it has to do with, perhaps of another trace."""

    trace: str
    span: str
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One span in the waterfall; `label` says in words all that the row shows."""

    id: str
    name: str
    kind: str
    model: str
    status: str
    verdict: str
    depth: int
    indent: int
    offset: str
    took: str
    orphan: bool
    bar: Bar
    links: tuple[Linked, ...]
    more_links: int
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A span in its place in the tree, before it is drawn."""

    node: Node
    depth: int
    orphan: bool


class Waterfall:
    """The spans of one trace in the order of its tree."""

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        """Put at least one span in order."""
        nodes = [Node(id_of(span), parent_of(span), *times(span), span) for span in spans]
        self.axis = Axis(min(node.start for node in nodes), max(node.end for node in nodes))
        self.lines = [*_lines(nodes)]
        self._attempts = _attempts(nodes)
        self._following = {before.id: after for one in self._attempts.values() for before, after in pairwise(one)}
        self._places = {line.node.id: place for place, line in enumerate(self.lines)}

    def place(self, span: int | None) -> int:
        """Return the row of a span; where it is none of these, that of the one that most is to be learnt from."""
        found = None if span is None else self._places.get(span)
        if found is not None:
            return found
        calls = [place for place, line in enumerate(self.lines) if is_call(line.node.span)]
        return next((place for place in calls if failed(self.lines[place].node.span)), calls[0] if calls else 0)

    def rows(self, start: int, count: int) -> list[Row]:
        """Return so many rows from `start` on."""
        return [*map(self._row, self.lines[start : start + count])]

    def tries(self) -> tuple[int, Tries]:
        """Return how many calls tell of attempts, and the sums of these."""
        found = [tries(line.node, self._attempts.get(line.node.id, ())) for line in self.lines]
        counted = [one for one in found if one.count]
        return len(counted), Tries(sum(one.count for one in counted), sum(one.backoff for one in counted))

    def _row(self, line: Line) -> Row:
        node, span = line.node, line.node.span
        drawn = bar(node, self._attempts.get(node.id, ()), self._following.get(node.id), self.axis)
        offset, took = (node.start - self.axis.start) / NANOSECONDS, (node.end - node.start) / NANOSECONDS
        name, kind, status = _name(span), _kind(span), status_of(span)
        model = one_line(text(span, *MODEL) or "") if is_call(span) else ""
        said = ("its parent has not come",) * line.orphan + tuple(word.text for word in drawn.words)
        ended = (verdict(span),) if is_attempt(span) else (kind, model, status)
        begun = f"begins after {duration(offset)}" if offset else ""
        facts = ", ".join(filter(None, (name, *ended, duration(took), begun)))
        return Row(
            id=format_span_id(node.id),
            name=name,
            kind=kind,
            model=model,
            status=status,
            verdict=verdict(span) if is_attempt(span) else "",
            depth=line.depth,
            indent=min(line.depth, DEEPEST),
            offset=duration(offset),
            took=duration(took),
            orphan=line.orphan,
            bar=drawn,
            links=tuple(_linked(link, span) for link in span.links[:MOST_LINKS]),
            more_links=max(len(span.links) - MOST_LINKS, 0),
            label="; ".join((facts, *said)),
        )


def _lines(nodes: Sequence[Node]) -> Iterator[Line]:
    depths: dict[int, int] = {}
    come = {node.id for node in nodes}
    for node, parent in ordered(nodes):
        depth = depths[node.id] = 0 if parent is None else depths[parent.id] + 1
        yield Line(node, depth, orphan=node.parent is not None and node.parent not in come)


def _attempts(nodes: Sequence[Node]) -> Mapping[int, Sequence[Node]]:
    """Return the attempts of each call by the id of the call, in the order in which they were made."""
    found: dict[int, list[Node]] = {}
    for node in sorted(nodes, key=lambda node: (node.start, number(node.span, otel.HTTP_REQUEST_RESEND_COUNT) or 0)):
        if node.parent is not None and is_attempt(node.span):
            found.setdefault(node.parent, []).append(node)
    return found


def _name(span: ReadableSpan) -> str:
    name = one_line(span.name) or "(no name)"
    return f"{name} {(number(span, otel.HTTP_REQUEST_RESEND_COUNT) or 0) + 1:.0f}" if is_attempt(span) else name


def _kind(span: ReadableSpan) -> str:
    """Return the kind by whichever convention says one, or else OpenTelemetry's own."""
    if is_attempt(span):
        return "HTTP"
    said = text(span, oi.OPENINFERENCE_SPAN_KIND, gen_ai.GEN_AI_OPERATION_NAME)
    return one_line(said, 24) if said else "" if span.kind is SpanKind.INTERNAL else span.kind.name.lower()


def _linked(link: Link, span: ReadableSpan) -> Linked:
    trace = link.context.trace_id
    elsewhere = span.context is None or trace != span.context.trace_id
    return Linked(format_trace_id(trace), format_span_id(link.context.span_id), elsewhere)


def summed(calls: int, all_tries: Tries) -> str:
    """Return in words how often the calls of a trace were tried; nothing where each was but once."""
    if all_tries.count <= calls:
        return ""
    within = f" in {counted(calls, 'call')}" if calls > 1 else ""
    return f"{counted(all_tries.count, 'attempt')}{within}, {duration(all_tries.backoff)} backoff"
