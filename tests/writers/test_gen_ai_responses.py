"""OpenTelemetry's names for what the Responses API has and chat has not: whole attribute dicts against literals."""

import json
from dataclasses import replace
from typing import Any

import pytest

from spanglass.record import Failure, Message, Part, Record, ToolCall, Usage
from spanglass.writers.gen_ai import writer

USED = Usage(prompt=9, completion=2, total=11, cache_read=1, cache_write=2, reasoning=3)
TOKENS = {
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.usage.output_tokens": 2,
    "gen_ai.usage.cache_read.input_tokens": 1,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.reasoning.output_tokens": 3,
}
API = {"openai.api.type": "responses"}
STOPPED = {"gen_ai.response.finish_reasons": ["stop"]}
CONTENT = ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages")


def record(name: str = "Response", operation: str = "chat", **more: Any) -> Record:
    """Return the record of a response that has ended."""
    return Record(name, "LLM", operation, **{"status": "completed", "finish_reason": "completed", **more})


def written(source: Record, *, capture: bool = False) -> dict[str, Any]:
    """Return all that is written at the end."""
    out: dict[str, Any] = {}
    writer(capture=capture).write(source, out)
    return out


def test_response() -> None:
    """A response tells what it continues, how it was to be made, what it took, and why it ended."""
    parameters = {
        "max_output_tokens": 64,
        "text": {"format": {"type": "json_schema", "name": "city"}},
        "reasoning": {"effort": "low"},
        "stream": True,
    }
    links = {"response_id": "resp_1", "previous_response": "resp_0", "conversation": "conv_1"}

    assert written(record(parameters=parameters, usage=USED, **links)) == {
        **API,
        **TOKENS,
        **STOPPED,
        "gen_ai.response.id": "resp_1",
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
        "gen_ai.request.reasoning.level": "low",
    }


@pytest.mark.parametrize(("counted", "tokens"), [(True, TOKENS), (False, {})], ids=["counted", "told"])
def test_fetched(counted: bool, tokens: dict[str, int]) -> None:  # noqa: FBT001 - a row of the table
    """One that is fetched tells its status and from where it is read on, and tokens only where it counts them."""
    usage = replace(USED, counted=counted)
    fetched = record("RetrieveResponse", "fetch_response", usage=usage, parameters={"starting_after": 3})

    assert written(fetched) == {
        **API,
        **STOPPED,
        **tokens,
        "gen_ai.response.status": "completed",
        "gen_ai.request.stream_cursor": "3",
    }


@pytest.mark.parametrize("name", ["Response", "CompactResponse", "CancelResponse"])
def test_status_of_what_is_not_fetched(name: str) -> None:
    """Only a call that asks for the status tells it."""
    assert {**API, **STOPPED} == written(record(name))


@pytest.mark.parametrize(
    ("reason", "word"),
    [("completed", "stop"), ("max_output_tokens", "length"), ("failed", "error"), ("content_filter", "content_filter")],
)
def test_finish_reason(reason: str, word: str) -> None:
    """The reason of a response is in this convention's words; a failure has its kind."""
    failure = Failure("server_error", "No.", raised=False) if reason == "failed" else None
    kind = {"error.type": "server_error"} if failure else {}
    expected = {**API, **kind, "gen_ai.response.finish_reasons": [word]}

    assert expected == written(record(finish_reason=reason, failure=failure))


SENT = [Message("user", "Hi.")]
MADE = [
    Message("assistant", parts=[Part("reasoning", "Hm.", id="rs_1", encrypted="AAAA")]),
    Message("assistant", tool_calls=[ToolCall("ws_1", "web_search", '{"query":"sky"}', "web_search_call")]),
    Message("tool", "Blue.", tool_call_id="call_1"),
    Message("tool", parts=[Part("image", id="file_1")], tool_call_id="call_2"),
]
SEARCHED = {"type": "web_search_call", "arguments": '{"query":"sky"}'}
TOLD_MADE: list[dict[str, Any]] = [
    {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}]},
    {
        "role": "assistant",
        "parts": [{"type": "server_tool_call", "id": "ws_1", "name": "web_search", "server_tool_call": SEARCHED}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "Blue."}]},
    {
        "role": "tool",
        "parts": [
            {
                "type": "tool_call_response",
                "id": "call_2",
                "response": [{"type": "file", "file_id": "file_1", "modality": "image"}],
            }
        ],
    },
]
TOLD_SENT = [{"role": "user", "parts": [{"type": "text", "content": "Hi."}]}]
TOLD_INSTRUCTIONS = [{"type": "text", "content": "Be kind."}]


@pytest.mark.parametrize(
    ("instructed", "sent", "expected"),
    [
        (True, [Message("system", "Be kind."), *SENT], [TOLD_INSTRUCTIONS, TOLD_SENT, TOLD_MADE]),
        (True, [Message("system", "Be kind.")], [TOLD_INSTRUCTIONS, None, TOLD_MADE]),
        (False, SENT, [None, TOLD_SENT, TOLD_MADE]),
        (True, None, [None, None, TOLD_MADE]),  # they are hidden
    ],
    ids=["with", "alone", "without", "hidden"],
)
def test_content(instructed: bool, sent: list[Message] | None, expected: list[Any]) -> None:  # noqa: FBT001 - a row of the table
    """Instructions stand apart from the messages; a call that the provider answers says what it is."""
    source = record(instructed=instructed, input_messages=sent, output_messages=MADE)
    out = written(source, capture=True)

    assert expected == [json.loads(out[name]) if name in out else None for name in CONTENT]
