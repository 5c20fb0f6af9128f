"""How many attributes a span takes: past its limit the SDK drops the oldest, and logs each one that it drops."""

from typing import Any

from spanglass.record import Message, Record
from spanglass.semconv import openinference as oi

# What a folded conversation shows in the place of its middle.
FOLDED = "folded"
PLACEHOLDER = 2
# What is given up, in this order and from the end, where folding is not enough.
LISTS = (oi.LLM_TOOLS, oi.LLM_INPUT_MESSAGES, oi.LLM_OUTPUT_MESSAGES)


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
