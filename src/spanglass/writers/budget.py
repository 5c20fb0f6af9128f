"""What a span takes: so many attributes (past its limit the SDK drops the oldest, and logs each), and so many bytes."""

from typing import Any

from spanglass.limits import MARK, cut
from spanglass.plain import encode
from spanglass.record import Message, Record
from spanglass.semconv import openinference as oi

# What a folded conversation shows in the place of its middle.
FOLDED = "folded"
PLACEHOLDER = 2
# What is given up, in this order and from the end, where folding is not enough.
LISTS = (
    oi.LLM_TOOLS,
    oi.LLM_INPUT_MESSAGES,
    oi.LLM_OUTPUT_MESSAGES,
    oi.LLM_PROMPTS,
    oi.LLM_CHOICES,
    oi.EMBEDDING_EMBEDDINGS,
)


def fold(record: Record, attributes: dict[str, Any], room: int) -> bool:
    """Fold the middle of the conversation, so that what is written anew fits; `attributes` is what did not.

    The first message stays, and the last ones. Returns False where there is nothing to fold.
    """
    messages = record.input_messages or []
    sizes = _sizes(attributes, len(messages))
    excess = len(attributes) - room + PLACEHOLDER
    last = 1
    while last < len(messages) - 1 and excess > 0:
        excess -= sizes[last]
        last += 1
    if last == 1:
        return False
    told = f"{last - 1} messages are folded here, to keep within the span's limit; input.value has them."
    record.input_messages = [*messages[:1], Message(FOLDED, told), *messages[last:]]
    return True


def _sizes(attributes: dict[str, Any], count: int) -> list[int]:
    """Return how many attributes each message has taken."""
    sizes = [0] * count
    prefix = f"{oi.LLM_INPUT_MESSAGES}."
    for key in attributes:
        if key.startswith(prefix):
            sizes[int(key[len(prefix) :].partition(".")[0])] += 1
    return sizes


def trim(attributes: dict[str, Any], room: int) -> None:
    """Give up what is over, in place: of the lists the ends, and of the rest what was written last."""
    for prefix in LISTS:
        for key in [key for key in reversed(attributes) if key.startswith(f"{prefix}.")]:
            if len(attributes) <= room:
                return
            del attributes[key]
    for key in [*reversed(attributes)][: max(0, len(attributes) - max(0, room))]:
        del attributes[key]


NUMBER = 11
"""Bytes that a number in a list takes on the wire: a double, and what is around it."""


def thin(attributes: dict[str, Any], lists: list[str], most: int) -> None:
    """Leave out, in place, the last of these lists of numbers, so that together they have at most so many."""
    for key in lists:
        most -= len(attributes[key])
        if most < 0:
            del attributes[key]


# Texts that are JSON no longer once they are cut, and the attribute that says what they are.
_TYPES = {oi.INPUT_VALUE: oi.INPUT_MIME_TYPE, oi.OUTPUT_VALUE: oi.OUTPUT_MIME_TYPE}


_NUMBERS = frozenset({int, float})


def shorten(attributes: dict[str, Any], most: int) -> None:
    """Cut the longest texts, in place, to the one length at which all of them together have at most so many bytes."""
    room = most
    lengths: dict[str, int] = {}
    for key, value in attributes.items():
        room -= len(key.encode())
        if value.__class__ is list and value and value[0].__class__ in _NUMBERS:
            continue  # it has a limit of its own
        text = encode(value) if value.__class__ is list else value
        if text.__class__ is str:
            length = len(text.encode("utf-8", "replace"))
            if text is value or length > most // 8:
                attributes[key] = text
                lengths[key] = length
            else:
                room -= length
    if sum(lengths.values()) <= room:
        return
    longest = max(MARK, _level(sorted(lengths.values()), room))  # shorter ones would be longer once they are cut
    for key, length in lengths.items():
        if length > longest:
            attributes[key] = cut(attributes[key], longest)
            if key in _TYPES:
                attributes[_TYPES[key]] = "text/plain"


def _level(lengths: list[int], room: int) -> int:
    """Return the length to which the longest are to be cut, of lengths in order."""
    for number, length in enumerate(lengths):
        share = room // (len(lengths) - number)
        if length > share:
            return max(0, share)
        room -= length
    return lengths[-1]
