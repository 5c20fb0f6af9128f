"""What was said in a call, as cards: one a message, the results of tools within the calls that they answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from sys import maxsize
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.credentials import REDACTED
from spanglass.dashboard import genai
from spanglass.dashboard.drawn import LONGEST
from spanglass.dashboard.pictures import medium, mime_of
from spanglass.export.notes import id_of
from spanglass.reading import conversation
from spanglass.reading.spans import endpoint_of, text, trace_of
from spanglass.record import Message, Part, ToolCall
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own
from spanglass.writers.budget import FOLDED

TONES: Final = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "prompt": "user",
    "assistant": "assistant",
    "completion": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    FOLDED: "folded",
}
"""The colour of a role; any other has none."""
RESPONSES: Final = frozenset({"Response", "RetrieveResponse", "CancelResponse", "CompactResponse"})
HOSTED: Final = frozenset({
    "web_search", "file_search", "code_interpreter", "image_generation", "mcp_list_tools", "program",
})  # fmt: skip
"""Tools that the provider runs itself, by the name that their calls have."""
MEDIA: Final = frozenset({"image", "audio", "file", "document"})
ROOM: Final = 600_000
"""Characters of the texts of a page."""
PIECES: Final = 100
"""Pieces of a message that are shown, and results of a call."""
FRAME: Final = 200
"""Characters that are around a piece."""
EMBEDDED: Final = "e-"
"""What the places of texts begin with that were embedded."""
LONGEST_NUMBER: Final = 10
UNANSWERED: Final = "no result in this conversation"
ASKED: Final = "asked for by the answer: a later call would bring the result"
BY_PROVIDER: Final = "run by the provider: the span has no result"
UNASKED: Final = "a result without a call: none in this conversation has its id"


@dataclass(slots=True)
class Said:
    """A text, and its place: among all that was said in which span of which trace."""

    text: str
    place: str
    span: str
    trace: str

    @property
    def hidden(self) -> bool:
        """Whether it was hidden before it was recorded."""
        return self.text == REDACTED


@dataclass(slots=True)
class Piece:
    """A part of a message; `kind` is the template's block that draws it, `label` what it says beside."""

    kind: str
    said: Said | None = None
    label: str = ""
    link: str | None = None
    call: "Call | None" = None


@dataclass(slots=True)
class Result:
    """What a tool gave, and where it is told: in the conversation, or in a span `elsewhere`.

    `more` counts the pieces that are left out.
    """

    pieces: list[Piece]
    where: str = ""
    elsewhere: bool = False
    more: int = 0


@dataclass(slots=True)
class Call:
    """A call of a tool, with its results; without any, `note` says why. `more` counts those that are left out."""

    name: str
    id: str | None
    arguments: Said | None
    hosted: bool = False
    results: list[Result] = field(default_factory=list[Result])
    note: str = ""
    more: int = 0


@dataclass(slots=True)
class Card:
    """One message. `number` counts those of the span from 1, `answers` is the id of the call that it answers.

    `more` counts the pieces that are left out.
    """

    number: int
    role: str
    tone: str
    name: str | None
    received: bool
    finish: str | None
    pieces: list[Piece]
    answers: str | None = None
    note: str = ""
    more: int = 0

    @property
    def calls(self) -> list[Call]:
        """The calls of tools in it."""
        return [piece.call for piece in self.pieces if piece.call is not None]


@dataclass(frozen=True, slots=True)
class Messages:
    """What a span says was sent and received; `provider` tells whether a message may be a tool's of the provider."""

    sent: Sequence[Message]
    received: Sequence[Message]
    span: str
    trace: str
    provider: bool = False
    refused: bool = False
    finish: str | None = None


def messages(span: ReadableSpan) -> Messages:
    """Return the messages of a span, by whichever convention has them."""
    sent = conversation.all_sent(span) or conversation.prompts(span) or genai.sent(span)
    received = conversation.received(span) or conversation.completions(span) or genai.received(span)
    attributes = span.attributes or {}
    return Messages(
        sent,
        received,
        format_span_id(id_of(span)),
        format_trace_id(trace_of(span)),
        own.SPANGLASS_RESPONSE_STATUS in attributes or endpoint_of(span) in RESPONSES,
        bool(attributes.get(own.SPANGLASS_RESPONSE_REFUSAL)),
        text(span, oi.LLM_FINISH_REASON),
    )


def dealt(found: Messages) -> list[Card]:
    """Return a card for each message, the sent ones first, none of them paired yet."""
    everything = chain(((message, False) for message in found.sent), ((message, True) for message in found.received))
    cards = [_card(found, number, message, received) for number, (message, received) in enumerate(everything, 1)]
    came = cards[len(found.sent) :]
    if came and not any(card.finish for card in came):
        came[-1 if found.provider else 0].finish = found.finish  # of the first choice; the items of a response are one
    return cards


def paired(cards: Iterable[Card]) -> list[Card]:
    """Return the cards without those that are results of calls: these stand within the calls."""
    cards = [*cards]
    calls: dict[str, list[tuple[int, Call]]] = {}
    for card in cards:
        for call in card.calls:
            if call.id is not None:
                calls.setdefault(call.id, []).append((card.number, call))
    kept = [card for card in cards if card.answers is None or not answer(card, calls.get(card.answers, ()))]
    for card in kept:
        tell(card)
    return kept


def answer(card: Card, calls: Sequence[tuple[int, Call]], where: str = "") -> bool:
    """Put a result into the call that it answers, of those with its id: the last one before it, or else the first."""
    if not calls:
        return False
    before = [call for number, call in calls if number < card.number]
    waiting = [call for call in before if not call.results]
    call = (waiting or before or [call for _, call in calls])[-1 if before else 0]
    call.results.append(Result(card.pieces, where or f"message {card.number}"))
    return True


def last(cards: Sequence[Card], most: int, room: int = ROOM) -> list[Card]:
    """Return the last cards, as many as a page has room for, in cards and in characters; at least one.

    Of a card with very many pieces the rest is left out.
    """
    kept: list[Card] = []
    for card in reversed(cards):
        size, card.more = _cut(card.pieces, card.more, room)
        room -= size
        if kept and (len(kept) >= most or room < 0):
            break
        kept.append(card)
    return kept[::-1]


def size(cards: Sequence[Card]) -> int:
    """Return about how many characters of a page some cards take, of which it has room for all."""
    return sum(_size(piece, maxsize) for card in cards for piece in card.pieces)


def _cut(pieces: list[Piece], more: int, room: int) -> tuple[int, int]:
    """Keep the first of some pieces, and return about how many characters of a page they take, and how many are gone.

    `more` of them were gone before.
    """
    size = 0
    for place, piece in enumerate(pieces[:PIECES]):
        size += _size(piece, max(room - size, 0))
        if place and size > room:
            break
    else:
        place = PIECES
    gone = len(pieces[place:])
    del pieces[place:]
    return size, more + gone


def _size(piece: Piece, room: int) -> int:
    """Return about how many characters of a page a piece takes; results that have no room are left out."""
    size = FRAME if piece.said is None else FRAME + min(len(piece.said.text), LONGEST)
    if piece.call is None:
        return size
    call = piece.call
    size += min(len(call.arguments.text), LONGEST) if call.arguments else 0
    for place, result in enumerate(call.results):
        taken, result.more = _cut(result.pieces, result.more, max(room - size, 0))
        if place and (size + taken > room or place == PIECES):
            call.more += len(call.results) - place
            del call.results[place:]
            break
        size += taken
    return size


def tell(card: Card) -> None:
    """Say of calls that have no result why, and of a result that it has no call."""
    if card.answers is not None:
        card.note = UNASKED
    for call in card.calls:
        if not call.results:
            call.note = BY_PROVIDER if call.hosted else ASKED if card.received else UNANSWERED


class _Dealing:
    """Makes the pieces of one message, whose texts it numbers."""

    def __init__(self, number: int, found: Messages) -> None:
        self._number = number
        self._of = found.span, found.trace
        self.texts: list[str] = []

    def said(self, text: str) -> Said:
        self.texts.append(text)
        return Said(text, f"{self._number}-{len(self.texts) - 1}", *self._of)

    def pieces(self, message: Message, *, refused: bool) -> list[Piece]:
        own: list[Piece] = []
        if message.reasoning is not None:
            own.append(Piece("reasoning", self.said(message.reasoning)))
        if message.content is not None and (message.content or not message.tool_calls):
            own.append(Piece("refusal" if refused and not message.parts else "text", self.said(message.content)))
        for part in message.parts or ():
            own += self._part(part)
        if message.refusal is not None:
            own.append(Piece("refusal", self.said(message.refusal)))
        return own

    def call(self, call: ToolCall, *, hosted: bool) -> Call:
        arguments = None if call.arguments is None else self.said(call.arguments)
        return Call(call.name or "a tool without a name", call.id, arguments, hosted)

    def _part(self, part: Part) -> list[Piece]:
        kind = "file" if part.kind == "document" else part.kind
        found: list[Piece] = []
        if part.url is not None:
            found.append(self._medium(kind, part.url, part.mime, part.name or part.id))
        elif part.kind in MEDIA and not part.text:
            found.append(Piece("medium", None, " ".join(filter(None, (kind, part.name or part.id, part.mime)))))
        if part.text is not None:
            drawn = kind if kind in {"text", "reasoning", "refusal"} else "other"
            found.append(Piece(drawn, self.said(part.text), "transcript" if kind == "audio" else kind))
        if part.encrypted is not None:
            size = len(part.encrypted)
            found.append(
                Piece("medium", None, f"{kind}, encrypted: only the provider can read its {size:,} characters")
            )
        if not found:
            found.append(Piece("medium", None, " ".join(filter(None, (kind, part.id)))))
        return found

    def _medium(self, kind: str, url: str, mime: str | None, name: str | None) -> Piece:
        """Return an image to be drawn, a link to be followed, or what is told of anything else."""
        held = medium(url)
        label = " ".join(filter(None, (kind, name)))
        if held is None:
            return Piece("link", self.said(url), label, url if url.startswith(("https://", "http://")) else None)
        told = f"{label}, {mime or held[0]}, {held[1]:,} bytes"
        return Piece("image" if mime_of(url) else "kept", self.said(url), told)


def _card(found: Messages, number: int, message: Message, received: bool) -> Card:  # noqa: FBT001 - one of a pair
    dealing = _Dealing(number, found)
    pieces = dealing.pieces(message, refused=received and found.refused)
    calls = [*(message.tool_calls or ())]
    if message.function_name is not None:
        calls.append(ToolCall(_older(message.function_name), message.function_name, message.function_arguments))
    drawn = [dealing.call(call, hosted=_hosted(call, found)) for call in calls]
    if drawn and pieces and found.provider:  # beside a call, an item holds what the provider's own tool has given
        drawn[0].hosted = True
        drawn[0].results.append(Result(pieces, "in the same item"))
        pieces = []
    role = message.role or "message"
    answers = message.tool_call_id
    if answers is None and role == "function" and message.name:
        answers = _older(message.name)
    return Card(
        number,
        role,
        TONES.get(role, "other"),
        message.name,
        received,
        message.finish_reason,
        [*pieces, *(Piece("call", call=call) for call in drawn)],
        answers,
    )


def _older(name: str) -> str:
    """Return what stands for the id of a call in the API's older form, which has none."""
    return f"function {name}"


def _hosted(call: ToolCall, found: Messages) -> bool:
    return call.hosted is not None or (found.provider and call.name in HOSTED)


def whole(span: ReadableSpan, place: str) -> str | None:
    """Return the text at a place in what was said; None where there is none."""
    if place.startswith(EMBEDDED):
        return dict(enumerate(conversation.embedded(span))).get(_number(place.removeprefix(EMBEDDED)))
    found = messages(span)
    everything = [*found.sent, *found.received]
    number = _number(place.partition("-")[0])
    if not 0 < number <= len(everything):
        return None
    card = _card(found, number, everything[number - 1], number > len(found.sent))
    return {said.place: said.text for said in _texts(card.pieces)}.get(place)


def _number(text: str) -> int:
    """Return the number that a text is, -1 where it is none."""
    return int(text) if text.isdecimal() and len(text) < LONGEST_NUMBER else -1


def _texts(pieces: Iterable[Piece]) -> Iterable[Said]:
    for piece in pieces:
        if piece.said is not None:
            yield piece.said
        if piece.call is not None:
            if piece.call.arguments is not None:
                yield piece.call.arguments
            for result in piece.call.results:
                yield from _texts(result.pieces)
