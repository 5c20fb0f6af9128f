"""The chunks of a stream add up to the response that the same answer would have been."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from spanglass.endpoints.accumulator import ChatAccumulator
from spanglass.testing import chunks

HEAD = {"id": "chatcmpl-test", "created": 1_700_000_000, "model": "gpt-4o-mini", "object": "chat.completion"}
CALLS = [
    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
    {"id": "c2", "type": "function", "function": {"name": "sub", "arguments": '{"b":2}'}},
]
LIKELY = {"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []}
UNLIKELY = {"token": "b", "logprob": -2.5, "bytes": [98], "top_logprobs": []}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


def chunk(*choices: tuple[int, Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a chunk of these deltas, each with the index of its choice; `more` adds to every choice."""
    given = [{"index": index, "delta": delta, "finish_reason": None, **more} for index, delta in choices]
    return {"id": "chatcmpl-test", "created": 1_700_000_000, "model": "gpt-4o-mini", "choices": given}


def end(index: int = 0, reason: str = "stop") -> dict[str, Any]:
    """Return the chunk that ends a choice."""
    return chunk((index, {}), finish_reason=reason)


def choice(index: int = 0, *, reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    """Return a choice of the response."""
    return {"index": index, "message": message, "finish_reason": reason}


Streamed = tuple[list[dict[str, Any]], list[dict[str, Any]], int]
"""The chunks, the choices that they add up to, and how many of them bear content."""

STREAMS: dict[str, Streamed] = {
    "text": (chunks(["Hel", "lo", ""]), [choice(role="assistant", content="Hello")], 2),
    "no text": (chunks([]), [choice(role="assistant", content="")], 0),
    "one piece": ([chunk((0, {"content": "Hello"})), end()], [choice(content="Hello")], 1),
    "unfinished": (chunks(["Hel"], finish_reason=None), [choice(reason=None, role="assistant", content="Hel")], 1),
    "two choices, mixed": (
        [
            chunk((1, {"role": "assistant", "content": "b"})),
            chunk((0, {"role": "assistant", "content": "a"}), (1, {"content": "B"})),
            chunk((0, {"content": "A"})),
            end(1, "length"),
            end(),
        ],
        [
            choice(role="assistant", content="aA"),
            choice(1, reason="length", role="assistant", content="bB"),
        ],
        3,
    ),
    "tool calls": (
        chunks([], tool_calls=CALLS, finish_reason="tool_calls"),
        [choice(reason="tool_calls", role="assistant", content="", tool_calls=CALLS)],
        4,
    ),
    "tool calls in parallel, backwards": (
        [
            chunk((0, {"tool_calls": [{"index": 1, **CALLS[1], "function": {"name": "sub", "arguments": ""}}]})),
            chunk((0, {"tool_calls": [{"index": 0, **CALLS[0], "function": {"name": "add", "arguments": ""}}]})),
            chunk(
                (
                    0,
                    {
                        "tool_calls": [
                            {"index": 1, "function": {"arguments": '{"b":2}'}},
                            {"index": 0, "function": {"arguments": '{"a":1}'}},
                        ]
                    },
                )
            ),
            end(reason="tool_calls"),
        ],
        [choice(reason="tool_calls", tool_calls=CALLS)],
        1,
    ),
    "custom tool call": (
        [
            chunk((0, {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "run"}}]})),
            chunk((0, {"tool_calls": [{"index": 0, "custom": {"input": "pri"}}]})),
            chunk((0, {"tool_calls": [{"index": 0, "custom": {"input": "nt"}}]})),
            end(reason="tool_calls"),
        ],
        [
            choice(
                reason="tool_calls",
                tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "run", "input": "print"}}],
            )
        ],
        2,
    ),
    "function call": (
        [
            chunk((0, {"function_call": {"name": "add", "arguments": ""}})),
            chunk((0, {"function_call": {"arguments": "{}"}})),
            end(reason="function_call"),
        ],
        [choice(reason="function_call", function_call={"name": "add", "arguments": "{}"})],
        1,
    ),
    "refusal": (
        [chunk((0, {"role": "assistant", "refusal": "N"})), chunk((0, {"refusal": "o."})), end()],
        [choice(role="assistant", refusal="No.")],
        2,
    ),
    "reasoning, which the SDK does not know": (
        [
            chunk((0, {"role": "assistant", "content": "", "reasoning_content": "2+"})),
            chunk((0, {"content": "", "reasoning_content": "2"})),
            chunk((0, {"content": "4"})),
            end(),
        ],
        [choice(role="assistant", content="4", reasoning_content="2+2")],
        3,
    ),
    "audio": (
        [
            chunk((0, {"role": "assistant", "audio": {"id": "a", "transcript": "Hel"}})),
            chunk((0, {"audio": {"transcript": "lo", "expires_at": 7}})),
            end(),
        ],
        [choice(role="assistant", audio={"id": "a", "transcript": "Hello", "expires_at": 7})],
        2,
    ),
    "log probabilities": (
        [
            chunk((0, {"content": "a"}), logprobs={"content": [LIKELY]}),
            chunk((0, {"content": "b"}), logprobs={"content": [UNLIKELY]}),
            end(),
        ],
        [
            {
                **choice(content="ab"),
                "logprobs": {"content": [LIKELY, UNLIKELY]},
            }
        ],
        2,
    ),
    "the end in the last piece": (
        [chunk((0, {"content": "a"})), chunk((0, {"content": "b"}), finish_reason="stop")],
        [choice(content="ab")],
        2,
    ),
}


def model(raw: dict[str, Any]) -> ChatCompletionChunk:
    """Return a chunk as the SDK makes it, unchecked."""
    return ChatCompletionChunk.construct(**raw)


def taken(given: Iterable[Any], accumulator: ChatAccumulator | None = None) -> ChatAccumulator:
    """Return what has taken these chunks."""
    accumulator = accumulator or ChatAccumulator()
    for one in given:
        accumulator.take(one)
    return accumulator


@pytest.mark.parametrize("made", [dict, model], ids=["dicts", "models"])
@pytest.mark.parametrize(("given", "choices", "bearing"), STREAMS.values(), ids=STREAMS)
def test_stream(given: list[dict[str, Any]], choices: list[dict[str, Any]], bearing: int, made: Any) -> None:
    """Models or dicts add up to the same response."""
    accumulator = taken(made(one) for one in given)

    finished = all(one["finish_reason"] for one in choices)
    assert ({**HEAD, "choices": choices}, bearing, "completed" if finished else None) == (
        known(accumulator.settle()),
        accumulator.bearing,
        accumulator.end,
    )


def known(settled: Mapping[str, Any]) -> Any:
    """Return what settled with the models in it, if any, as dicts."""
    if isinstance(settled, Mapping):
        return {key: known(value) for key, value in settled.items()}
    return [known(one) for one in settled] if isinstance(settled, list) else settled


def test_nothing() -> None:
    """Nothing adds up to a response without choices, which is not at its end."""
    accumulator = taken([])

    assert ({"object": "chat.completion", "choices": []}, 0, None) == (
        accumulator.settle(),
        accumulator.bearing,
        accumulator.end,
    )


def test_usage_and_head() -> None:
    """The usage is the last one sent, and each field of the response the first that is not empty."""
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    last = {"id": "late", "choices": None, "usage": {**USAGE, "total_tokens": 12}}

    accumulator = taken([first, *({**one, "service_tier": "flex"} for one in chunks(["a"], usage=USAGE)), last])

    assert {
        **HEAD,
        "service_tier": "flex",
        "choices": [choice(role="assistant", content="a")],
        "usage": {**USAGE, "total_tokens": 12},
    } == accumulator.settle()


class Older(BaseModel, extra="allow"):
    """A chunk as an SDK has it that declares neither usage nor service tier."""

    id: str


def test_what_the_sdk_does_not_declare() -> None:
    """What an older SDK does not declare counts too."""
    accumulator = taken(Older(**one) for one in chunks(["a"], usage=USAGE, service_tier="flex"))

    assert {
        **HEAD,
        "service_tier": "flex",
        "choices": [choice(role="assistant", content="a")],
        "usage": USAGE,
    } == accumulator.settle()


def test_settles_at_any_time() -> None:
    """Settling takes nothing away: more chunks may follow, and what was taken is not changed."""
    given = chunks(["a", "b"], tool_calls=CALLS)

    accumulator = taken(given[:2])
    early = accumulator.settle()
    taken(given[2:], accumulator)

    assert {**HEAD, "choices": [choice(reason=None, role="assistant", content="a")]} == early
    assert {**HEAD, "choices": [choice(role="assistant", content="ab", tool_calls=CALLS)]} == accumulator.settle()
    assert chunks(["a", "b"], tool_calls=CALLS) == given


@pytest.mark.parametrize(("given", "choices", "bearing"), STREAMS.values(), ids=STREAMS)
def test_program_changes_chunks(given: list[dict[str, Any]], choices: list[dict[str, Any]], bearing: int) -> None:
    """What a program does to a chunk that it has taken, such as adding the next ones to it, changes nothing."""
    accumulator = ChatAccumulator()
    for one in map(deepcopy, [*given, {"choices": [], "usage": USAGE}]):
        accumulator.take(one)
        spoil(one)

    assert ({**HEAD, "choices": choices, "usage": USAGE}, bearing) == (accumulator.settle(), accumulator.bearing)


def spoil(value: Any) -> None:
    """Empty every dict and list."""
    if isinstance(value, (dict, list)):
        for one in list(value.values() if isinstance(value, dict) else value):
            spoil(one)
        value.clear()
