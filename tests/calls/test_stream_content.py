"""What arrives in pieces is told as the response that it adds up to."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from asks import CHAT
from stories import streamed, told

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Stream, chunks

NOTHING: dict[str, Any] = dict.fromkeys(CHAT.arrived[CHAT.all])
TOKENS = "spanglass.usage.estimated_completion_tokens"
ROLE = "llm.output_messages.0.message.role"
CONTENT = "llm.output_messages.0.message.content"
CALLS = "llm.output_messages.{}.message.tool_calls.{}.tool_call."


class Arriving(NamedTuple):
    """Chunks, the response that they add up to, and the attributes that tell it, but for those that all have."""

    chunks: list[dict[str, Any]]
    response: dict[str, Any]
    attributes: dict[str, Any]


def chunk(*choices: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return one chunk of these choices; `more` is for its top level."""
    top = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-4o-mini"}
    return {**top, "choices": list(choices), **more}


def piece(index: int = 0, finish: str | None = None, logprobs: Any = None, **delta: Any) -> dict[str, Any]:
    """Return what one chunk says of a choice."""
    return {"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}


def calling(index: int, *, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:  # noqa: A002 - the API's word
    """Return what a delta says of a tool call."""
    opening = {} if id is None else {"id": id, "type": "function"}
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"index": index, **opening, "function": function}


def response(*choices: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the response of these choices."""
    top = {"id": "chatcmpl-test", "created": 1_700_000_000, "model": "gpt-4o-mini", "object": "chat.completion"}
    return {**top, "choices": list(choices), **more}


def choice(message: Mapping[str, Any], finish: str = "stop", index: int = 0, **more: Any) -> dict[str, Any]:
    """Return a choice of a response."""
    return {"index": index, "message": {"role": "assistant", **message}, "finish_reason": finish, **more}


def called(id: str, name: str, arguments: str) -> dict[str, Any]:  # noqa: A002 - the API's word
    """Return a tool call of a response."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(message: int, number: int, id: str, name: str, arguments: str) -> dict[str, Any]:  # noqa: A002 - as above
    """Return the attributes of a tool call."""
    at = CALLS.format(message, number)
    return {f"{at}id": id, f"{at}function.name": name, f"{at}function.arguments": arguments}


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "total_tokens": 11,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 1, "accepted_prediction_tokens": 3},
}
LOGPROBS: list[dict[str, Any]] = [
    {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": []} for text in ("Hel", "lo")
]
ARRIVING = {
    "tool calls in turns": Arriving(
        [
            chunk(piece(role="assistant", content=None)),
            chunk(piece(tool_calls=[calling(1, id="call_b", name="sub")])),
            chunk(piece(tool_calls=[calling(0, id="call_a", name="add")])),
            chunk(piece(tool_calls=[calling(1, arguments='{"b"'), calling(0, arguments='{"a"')])),
            chunk(piece(tool_calls=[calling(0, arguments=":1}")])),
            chunk(piece(tool_calls=[calling(1, arguments=":2}")])),
            chunk(piece(finish="tool_calls")),
        ],
        response(
            choice(
                {"tool_calls": [called("call_a", "add", '{"a":1}'), called("call_b", "sub", '{"b":2}')]}, "tool_calls"
            )
        ),
        {
            **calls(0, 0, "call_a", "add", '{"a":1}'),
            **calls(0, 1, "call_b", "sub", '{"b":2}'),
            "llm.finish_reason": "tool_calls",
            TOKENS: 3,
        },
    ),
    "choices in turns": Arriving(
        [
            chunk(piece(1, role="assistant", content="")),
            chunk(piece(0, role="assistant", content="")),
            chunk(piece(0, content="Hel"), piece(1, tool_calls=[calling(0, id="call_a", name="add")])),
            chunk(piece(1, tool_calls=[calling(0, arguments="{}")])),
            chunk(piece(0, content="lo")),
            chunk(piece(1, "tool_calls")),
            chunk(piece(0, "stop")),
        ],
        response(
            choice({"content": "Hello"}),
            choice({"content": "", "tool_calls": [called("call_a", "add", "{}")]}, "tool_calls", 1),
        ),
        {
            CONTENT: "Hello",
            "llm.output_messages.1.message.role": "assistant",
            "llm.output_messages.1.message.content": "",
            **calls(1, 0, "call_a", "add", "{}"),
            TOKENS: 3,
        },
    ),
    "refusal": Arriving(
        [
            chunk(piece(role="assistant", content=None, refusal="")),
            chunk(piece(refusal="I can")),
            chunk(piece(refusal="not.")),
            chunk(piece(finish="stop")),
        ],
        response(choice({"refusal": "I cannot."})),
        {CONTENT: "I cannot.", "spanglass.response.refusal": True, TOKENS: 2},
    ),
    "logprobs": Arriving(
        [
            chunk(piece(role="assistant", content="")),
            *(chunk(piece(content=one["token"], logprobs={"content": [one], "refusal": None})) for one in LOGPROBS),
            chunk(piece(finish="stop")),
        ],
        response(choice({"content": "Hello"}, logprobs={"content": LOGPROBS})),
        {CONTENT: "Hello", TOKENS: 2},
    ),
    "reasoning": Arriving(
        [
            chunk(piece(role="assistant", content=None, reasoning_content="Let ")),
            chunk(piece(reasoning_content="me see")),
            chunk(piece(content="Hello")),
            chunk(piece(finish="stop")),
        ],
        response(choice({"content": "Hello", "reasoning_content": "Let me see"})),
        {
            CONTENT: "Hello",
            "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
            "llm.output_messages.0.message.contents.0.message_content.text": "Let me see",
            TOKENS: 3,
        },
    ),
    "usage": Arriving(
        chunks(usage=USAGE),
        response(choice({"content": "Hello"}), usage=USAGE),
        {
            CONTENT: "Hello",
            "llm.token_count.prompt": 9,
            "llm.token_count.completion": 2,
            "llm.token_count.total": 11,
            "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.completion_details.reasoning": 1,
            "spanglass.usage.details.completion.accepted_prediction_tokens": 3,
        },
    ),
    "head": Arriving(
        chunks(service_tier="flex", system_fingerprint="fp_1"),
        response(choice({"content": "Hello"}), service_tier="flex", system_fingerprint="fp_1"),
        {
            CONTENT: "Hello",
            "spanglass.response.service_tier": "flex",
            "spanglass.response.system_fingerprint": "fp_1",
            TOKENS: 2,
        },
    ),
    "function call": Arriving(
        [
            chunk(piece(role="assistant", content=None, function_call={"name": "add", "arguments": ""})),
            chunk(piece(function_call={"arguments": '{"a"'})),
            chunk(piece(function_call={"arguments": ":1}"})),
            chunk(piece(finish="function_call")),
        ],
        response(choice({"function_call": {"name": "add", "arguments": '{"a":1}'}}, "function_call")),
        {
            "llm.output_messages.0.message.function_call_name": "add",
            "llm.output_messages.0.message.function_call_arguments_json": '{"a":1}',
            "llm.finish_reason": "function_call",
            TOKENS: 2,
        },
    ),
    "more than a batch": Arriving(
        chunks("." * 1000), response(choice({"content": "." * 1000})), {CONTENT: "." * 1000, TOKENS: 1000}
    ),
    "every script": Arriving(
        chunks(["Grüße ", "世界 ", "🎈"]),
        response(choice({"content": "Grüße 世界 🎈"})),
        {CONTENT: "Grüße 世界 🎈", TOKENS: 3},
    ),
}
ALL_HAVE = {
    "output.mime_type": "application/json",
    "llm.response.model_name": "gpt-4o-mini",
    ROLE: "assistant",
    "llm.finish_reason": "stop",
    "spanglass.response.id": "chatcmpl-test",
}


@pytest.mark.parametrize("case", ARRIVING)
def test_adds_up(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, case: str) -> None:
    """The pieces of a stream are told as one response, by choice, by tool call and by field."""
    arriving = ARRIVING[case]
    server.script(Stream(arriving.chunks))
    taken = flavour.take(flavour.create(flavour.client(server), stream=True))

    (story,) = [told(span) for span in captured.spans]
    count = len(arriving.chunks)
    expected = streamed(server, "completed", count, NOTHING, ALL_HAVE, arriving.attributes, status="OK")
    assert (count, arriving.response) == (len(taken), json.loads(story.attributes.pop("output.value")))
    assert expected == story


def test_usage_is_never_estimated_where_told(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """A stream left before its usage has an estimate of its tokens, and one read on has the provider's counts."""
    client = flavour.client(server)
    for count in (3, None):
        server.script(Stream(chunks(usage=USAGE)))
        flavour.take(flavour.create(client, stream=True), count, entered=True)

    tokens = [
        [(span.attributes or {}).get(name) for name in (TOKENS, "llm.token_count.completion")]
        for span in captured.spans
    ]
    assert [[2, None], [None, 2]] == tokens
