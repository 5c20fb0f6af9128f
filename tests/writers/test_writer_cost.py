"""What writing costs, in calls: the unit that does not vary with the machine."""

import sys
from types import FrameType
from typing import Any

import pytest

from spanglass.record import Attempt, Message, Record, Split, Usage
from spanglass.writers import writers
from spanglass.writers.values import clean


def chat(messages: int) -> Record:
    """Return the record of a chat with so many messages sent."""
    return Record(
        name="ChatCompletion",
        kind="LLM",
        operation="chat",
        system="openai",
        provider="openai",
        address="api.openai.com",
        port=443,
        helper="create",
        request_model="gpt-4o-mini",
        response_model="gpt-4o-mini-2024-07-18",
        response_id="chatcmpl-1",
        service_tier="default",
        fingerprint="fp_1",
        parameters={"model": "gpt-4o-mini", "temperature": 0.5},
        input_messages=[Message("user", "Hello") for _ in range(messages)],
        output_messages=[Message("assistant", "Hi", finish_reason="stop")],
        input_value='{"messages":[]}',
        input_mime="application/json",
        output_value='{"choices":[]}',
        output_mime="application/json",
        usage=Usage(10, 5, 15, 0, 0, 0, 0, 0, {"prompt.text_tokens": 10}),
        attempts=[Attempt(1, 0, 1, status=200, request_id="req_1", processing_ms=12)],
        split=Split(1, 0, 0, 1),
    )


def written(record: Record, names: list[str]) -> tuple[int, int]:
    """Return how many calls it took to write a record, and how many attributes came of it."""
    chosen = writers(names, {})
    out: dict[str, Any] = {}
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    for writer in chosen:
        writer.start(record, out)
        writer.write(record, out)
    clean(out)
    sys.setprofile(None)
    return calls - 1, len(out)  # without the call that ends the count


@pytest.mark.parametrize(
    ("messages", "names", "most", "attributes"),
    [
        (1, ["openinference", "spanglass"], 27, 38),
        (1, ["openinference", "spanglass", "gen_ai"], 57, 55),
        (40, ["openinference", "spanglass"], 70, 116),
    ],
    ids=["small", "small, all conventions", "40 messages"],
)
def test_calls(messages: int, names: list[str], most: int, attributes: int) -> None:
    """Writing a call takes few calls, and each further message one."""
    calls, wrote = written(chat(messages), names)

    assert wrote == attributes
    assert calls <= most
