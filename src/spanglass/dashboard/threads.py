"""Conversations in a session: what each call adds to the one that it goes on with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.cards import Call, Card, Messages, answer, dealt, tell
from spanglass.reading.spans import text
from spanglass.record import Message
from spanglass.semconv import spanglass as own

MOST: Final = 50
"""Conversations that a call may go on with: the ones that went on last."""
LEADING: Final = ("system", "developer")
LATER: Final = "sent by a later call"


@dataclass(slots=True)
class Thread:
    """A conversation: what has been said in it, as hashes, of which the first `sent` were sent by its last call."""

    number: int
    keys: list[int] = field(default_factory=list[int])
    sent: int = 0
    calls: dict[str, list[tuple[int, Call]]] = field(default_factory=dict[str, list[tuple[int, Call]]])


@dataclass(frozen=True, slots=True)
class Added:
    """What a call adds to a thread: its cards, after so many messages that were there before."""

    thread: Thread
    before: int
    cards: list[Card]


class Threads:
    """The conversations of a session, told apart as its calls come in the order of their starts.

    A call goes on with a conversation when it sends all that the last call of that one did, or when it names its
    response or the conversation that the provider keeps. One that drops the oldest messages goes on as well. What
    shares only a beginning, such as the instructions, is a conversation of its own.
    """

    def __init__(self) -> None:
        self.all: list[Thread] = []
        self._named: dict[str, Thread] = {}

    def add(self, span: ReadableSpan, found: Messages) -> Added:
        """Take a call, and return what it adds; one that says nothing is in no thread."""
        if not found.sent and not found.received:
            return Added(Thread(0), 0, [])
        keys = [*map(key, found.sent)]
        thread, before = self._place(span, found, keys)
        thread.keys = [*keys, *map(key, found.received)]
        thread.sent = len(keys)
        for name in (own.SPANGLASS_RESPONSE_ID, own.SPANGLASS_REQUEST_CONVERSATION_ID):
            named = text(span, name)
            if named is not None:
                self._named[named] = thread
        self.all.remove(thread)
        self.all.append(thread)
        return Added(thread, before, _answered(thread, dealt(found)[before:]))

    def _place(self, span: ReadableSpan, found: Messages, keys: list[int]) -> tuple[Thread, int]:
        """Return which thread a call belongs to, and how many of its messages were said before."""
        for name in (own.SPANGLASS_REQUEST_PREVIOUS_RESPONSE_ID, own.SPANGLASS_REQUEST_CONVERSATION_ID):
            named = self._named.get(text(span, name) or "")
            if named is not None:
                return named, min(_common(keys, named.keys), _leading(found.sent))
        recent = self.all[-MOST:]
        common = {thread.number: _common(keys, thread.keys) for thread in recent}
        goes_on = [thread for thread in recent if 0 < thread.sent <= common[thread.number]]
        if goes_on:
            thread = max(goes_on, key=lambda each: common[each.number])
            return thread, common[thread.number]
        leading = _leading(found.sent)
        for thread in reversed(recent):
            overlap = _overlap(keys[leading:], thread.keys) if common[thread.number] >= leading else 0
            if overlap:
                return thread, leading + overlap
        thread = Thread(max((each.number for each in self.all), default=0) + 1)
        self.all.append(thread)
        return thread, max(common.values(), default=0)


def key(message: Message) -> int:
    """Return what is the same for a message as it was received and as it is sent again."""
    texts = [message.content, *(part.text or part.url for part in message.parts or ()), message.refusal]
    calls = tuple((call.id, call.name, call.arguments) for call in message.tool_calls or ())
    said = tuple(text for text in texts if text)
    return hash((message.role, said, calls, message.tool_call_id, message.function_name, message.function_arguments))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many messages both begin with."""
    return next(
        (place for place, (one, other) in enumerate(zip(first, second, strict=False)) if one != other),
        min(len(first), len(second)),
    )


def _leading(messages: Sequence[Message]) -> int:
    """Return how many messages of instructions there are before all others."""
    return next((place for place, message in enumerate(messages) if message.role not in LEADING), len(messages))


def _overlap(keys: Sequence[int], known: Sequence[int]) -> int:
    """Return how many of the first messages are the last ones of those that are known; one alone says too little."""
    for length in range(min(len(keys), len(known)), 1, -1):
        if keys[0] == known[-length] and list(keys[:length]) == list(known[-length:]):
            return length
    return 0


def _answered(thread: Thread, cards: Sequence[Card]) -> list[Card]:
    """Return the cards but for results, which are put into the calls that they answer."""
    kept: list[Card] = []
    before = {*thread.calls}
    for card in cards:
        where = LATER if card.answers in before else ""
        if card.answers is None or not answer(card, thread.calls.get(card.answers, ()), where):
            kept.append(card)
        for call in card.calls:
            if call.id is not None:
                thread.calls.setdefault(call.id, []).append((0, call))
    for card in kept:
        tell(card)
    return kept
