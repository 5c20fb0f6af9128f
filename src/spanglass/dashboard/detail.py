"""One span, as a person looks at it: what was said, and all that is known of it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeVar

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.dashboard import genai
from spanglass.dashboard.attributes import OF_EVENT, OF_LINK, Attribute, Group, groups, table, warnings
from spanglass.dashboard.cards import EMBEDDED, FRAME, ROOM, Card, Said, dealt, last, messages, paired
from spanglass.dashboard.drawn import LONGEST
from spanglass.dashboard.facts import Fact, Share, errors, parameters, shares, times, tracebacks, usage
from spanglass.dashboard.snippet import snippet
from spanglass.dashboard.texts import laid_out
from spanglass.dashboard.values import Value, bring, documents, values
from spanglass.export.notes import id_of, status_of, text_of
from spanglass.export.otlp_json import lines
from spanglass.export.words import duration
from spanglass.plain import fields
from spanglass.reading import conversation
from spanglass.reading.spans import MODEL, NANOSECONDS, SESSION, text, trace_of
from spanglass.reading.spans import times as start_and_end
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi

Row = TypeVar("Row")

SHOWN: Final = 30
"""Messages of a conversation that are shown at first: the last ones, and all that came back."""
MOST: Final = 400
"""Messages that are shown at most."""
MOST_EVENTS: Final = 200
MOST_TEXTS: Final = 50
MOST_TOOLS: Final = 128
MOST_PARAMETERS: Final = 200
RAW: Final = 20_000
"""Characters of the raw span that are shown."""


class Tool(NamedTuple):
    """A tool that was offered to the model; `definition` is all of it, as JSON."""

    name: str
    description: str
    definition: str


class Happening(NamedTuple):
    """An event of the span, and how long after its start."""

    name: str
    offset: str
    attributes: list[Attribute]


class Linked(NamedTuple):
    """A span that this one is linked to."""

    trace: str
    span: str
    attributes: list[Attribute]


@dataclass(frozen=True, slots=True)
class Some(Generic[Row]):
    """Rows that are shown, and how many there are besides."""

    rows: Sequence[Row]
    more: int

    @property
    def count(self) -> int:
        """How many there are in all."""
        return len(self.rows) + self.more


class Raw(NamedTuple):
    """The span as OTLP/JSON, laid out, as far as it is shown; `size` is how many characters there are in all."""

    shown: str
    cut: bool
    size: int


class Shown(NamedTuple):
    """The cards of a page, how many there are before them, and how many are to be asked for, if more can be shown."""

    cards: list[Card]
    left: int
    more: int | None


@dataclass(frozen=True, slots=True)
class Detail:
    """What the page shows of a span beside the waterfall."""

    name: str
    trace: str
    span: str
    kind: str
    status: str
    start: int
    model: str | None
    session: str | None
    warnings: list[str]
    errors: list[Fact]
    tracebacks: list[str]
    cards: list[Card]
    sent: int
    values: list[Value]
    embedded: list[Said]
    embedded_more: int
    vectors: tuple[int, int]
    parameters: Some[Fact]
    tools: Some[Tool]
    usage: list[Fact]
    shares: list[Share]
    times: list[Fact]
    groups: list[Group]
    events: Some[Happening]
    links: list[Linked]
    raw: Raw
    snippet: str | None

    def shown(self, query: Mapping[str, str]) -> Shown:
        """Return what a page shows of the conversation: the end of it, more where the query asks for that."""
        asked = query.get("messages", "")
        most = min(int(asked), MOST) if asked.isdecimal() and len(asked) <= len(str(MOST)) else SHOWN
        came = sum(card.received for card in self.cards)
        cards = last(self.cards, most + min(came, MOST))
        left = len(self.cards) - len(cards)
        return Shown(cards, left, 4 * most if left and most < MOST and len(cards) >= most else None)


def detail(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> Detail:
    """Return what is shown of a span, which is one of the `spans` of its trace."""
    cards = paired(dealt(messages(span)))
    bring(cards, (other for other in spans if other is not span))
    embedded = conversation.embedded(span)
    of = format_span_id(id_of(span)), format_trace_id(trace_of(span))
    return Detail(
        name=span.name,
        trace=of[1],
        span=of[0],
        kind=text(span, oi.OPENINFERENCE_SPAN_KIND, ai.GEN_AI_OPERATION_NAME) or span.kind.name,
        status=status_of(span),
        start=start_and_end(span)[0],
        model=next((found for name in MODEL if (found := text_of(span.attributes or {}, name))), None),
        session=text(span, *SESSION),
        warnings=warnings(span),
        errors=errors(span),
        tracebacks=tracebacks(span),
        cards=cards,
        sent=sum(not card.received for card in cards),
        values=[*([] if cards or embedded else values(span)), *documents(span)],
        embedded=[Said(said, f"{EMBEDDED}{number}", *of) for number, said in enumerate(embedded[:MOST_TEXTS])],
        embedded_more=max(0, len(embedded) - MOST_TEXTS),
        vectors=conversation.vectors(span),
        parameters=_roomy(parameters(span), MOST_PARAMETERS, _texts_of),
        tools=_roomy([*map(_tool, conversation.tools(span) or genai.tools(span))], MOST_TOOLS, _texts_of),
        usage=usage(span),
        shares=shares(span),
        times=times(span),
        groups=groups(span),
        events=_events(span),
        links=[_link(span, number) for number in range(min(len(span.links), MOST_EVENTS))],
        raw=_raw(span),
        snippet=snippet(span, spans),
    )


def _roomy(rows: Sequence[Row], most: int, texts: Callable[[Row], Iterable[str]]) -> Some[Row]:
    """Return the first rows, as many as a page has room for."""
    room = ROOM
    for place, row in enumerate(rows[:most]):
        room -= sum(FRAME + min(len(text), LONGEST) for text in texts(row))
        if place and room < 0:
            return Some(rows[:place], len(rows) - place)
    return Some(rows[:most], max(0, len(rows) - most))


def _texts_of(row: Fact | Tool) -> Iterable[str]:
    return row


def _attributes_of(event: Happening) -> Iterable[str]:
    return chain.from_iterable((row.name, row.value) for row in event.attributes)


def _events(span: ReadableSpan) -> Some[Happening]:
    read = [_event(span, number) for number in range(min(len(span.events), MOST_EVENTS))]
    shown = _roomy(read, MOST_EVENTS, _attributes_of).rows
    return Some(shown, len(span.events) - len(shown))


def _event(span: ReadableSpan, number: int) -> Happening:
    event = span.events[number]
    after = ((event.timestamp or 0) - start_and_end(span)[0]) / NANOSECONDS
    offset = f"+{duration(after)}" if after >= 0 else f"-{duration(-after)}"
    return Happening(event.name, offset, table(event.attributes or {}, f"{OF_EVENT}{number}-"))


def _link(span: ReadableSpan, number: int) -> Linked:
    link = span.links[number]
    attributes = table(link.attributes or {}, f"{OF_LINK}{number}-")
    return Linked(format_trace_id(link.context.trace_id), format_span_id(link.context.span_id), attributes)


def _raw(span: ReadableSpan) -> Raw:
    (line,) = lines([span])
    head = line[: 8 * RAW]  # which is at least as much as is shown, however it is laid out
    shown = laid_out(head, RAW)
    return Raw(shown[:RAW], len(shown) > RAW or len(head) < len(line), len(line))


def _tool(definition: str) -> Tool:
    """Return a tool by its definition, in either of the shapes that the API has."""
    try:
        own = fields(json.loads(definition))
    except (ValueError, RecursionError):
        return Tool("", "", definition)
    inner = fields(own.get("function")) or own
    name = inner.get("name") or inner.get("type") or ""
    return Tool(str(name), str(inner.get("description") or ""), definition)
