"""Chat's readers as pure functions: whole records against literals."""

from typing import Any

import pytest
from openai._models import BaseModel
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from spanglass.endpoints.chat import read_message, read_part, read_request, read_response
from spanglass.endpoints.usage import read_usage
from spanglass.record import Message, Part, Record, ToolCall, Usage
from spanglass.testing import completion

USER = {"role": "user", "content": "hi"}
FUNCTION = {"name": "add", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}


def record(**more: Any) -> Record:
    """Return the record of a chat."""
    return Record("ChatCompletion", "LLM", "chat", **more)


def test_request() -> None:
    """Messages, tools and parameters have fields of their own, and the input is the JSON that is sent, as it is."""
    body = {"model": "m", "messages": [USER], "tools": [TOOL], "temperature": 0.5, "stop": ["a"], "top_k": 3}
    read = record()

    read_request(read, body, "what is sent")

    assert read == record(
        input_value="what is sent",
        input_mime="application/json",
        parameters={"model": "m", "temperature": 0.5, "stop": ["a"], "top_k": 3},
        tools=[TOOL],
        input_messages=[Message("user", "hi")],
    )


def test_request_that_was_not_sent() -> None:
    """Where nothing was sent, the input is the body as JSON."""
    read = record()

    read_request(read, {"model": "m", "messages": [{"role": "user", "content": "é"}]}, None)

    assert read == record(
        input_value='{"model":"m","messages":[{"role":"user","content":"é"}]}',
        input_mime="application/json",
        parameters={"model": "m"},
        input_messages=[Message("user", "é")],
    )


def test_functions() -> None:
    """The older `functions` are told as the tools that they became, and the tools win where both are given."""
    older, both = record(), record()

    read_request(older, {"functions": [FUNCTION], "function_call": "auto"}, "sent")
    read_request(both, {"functions": [FUNCTION], "tools": []}, "sent")

    sent = {"input_value": "sent", "input_mime": "application/json"}
    assert older == record(**sent, tools=[TOOL], parameters={"function_call": "auto"})
    assert both == record(**sent, tools=[])


def test_credentials() -> None:
    """Credentials in a body or a tool are in no field nor in the JSON, and the body is untouched."""
    secret = {"Authorization": "Bearer abc"}
    tool = {"type": "mcp", "server_url": "https://a", "headers": secret, "authorization": "abc"}
    body = {"model": "m", "api_key": "abc", "extra_headers": secret, "tools": [tool, TOOL]}
    before = {**body, "tools": [{**tool}, TOOL]}
    read = record()

    read_request(read, body, '{"api_key":"abc"}')

    assert before == body
    assert read == record(
        input_value=(
            '{"model":"m","tools":[{"type":"mcp","server_url":"https://a"},'
            '{"type":"function","function":{"name":"add","parameters":{"type":"object"}}}]}'
        ),
        input_mime="application/json",
        parameters={"model": "m"},
        tools=[{"type": "mcp", "server_url": "https://a"}, TOOL],
    )


def test_credentials_in_any_case() -> None:
    """A credential is one however its name is written."""
    read = record()

    read_request(read, {"model": "m", "Authorization": "Bearer abc", "API_KEY": "abc", "Api-Key": "abc"}, "sent")

    assert read == record(input_value='{"model":"m"}', input_mime="application/json", parameters={"model": "m"})


MESSAGES: dict[str, tuple[dict[str, Any], Message]] = {
    "text": ({"role": "system", "content": "Be brief.", "name": "alice"}, Message("system", "Be brief.", name="alice")),
    "empty": ({}, Message()),
    "null": ({"role": "assistant", "content": None, "refusal": None, "tool_calls": None}, Message("assistant")),
    "no parts": ({"role": "user", "content": []}, Message("user", "[]")),
    "parts": (
        {"role": "user", "content": [{"type": "text", "text": "a"}, "b"]},
        Message("user", parts=[Part("text", "a"), Part("text", "b")]),
    ),
    "refusal": ({"role": "assistant", "content": None, "refusal": "No."}, Message("assistant", refusal="No.")),
    "reasoning": (
        {"role": "assistant", "content": "4", "reasoning_content": "2+2"},
        Message("assistant", "4", reasoning="2+2"),
    ),
    "reasoning by another name": (
        {"role": "assistant", "content": "4", "reasoning": "2+2"},
        Message("assistant", "4", reasoning="2+2"),
    ),
    "tool calls": (
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
                {"id": "c2", "type": "custom", "custom": {"name": "run", "input": "print(1)"}},
            ],
        },
        Message("assistant", tool_calls=[ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "run", "print(1)")]),
    ),
    "no tool calls": ({"role": "assistant", "tool_calls": []}, Message("assistant")),
    "arguments as an object": (
        {"tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]},
        Message(tool_calls=[ToolCall(None, "add", '{"a":1}')]),
    ),
    "function call": (
        {"role": "assistant", "function_call": {"name": "add", "arguments": "{}"}},
        Message("assistant", function_name="add", function_arguments="{}"),
    ),
    "tool result": (
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        Message("tool", "3", tool_call_id="c1"),
    ),
    "function result": ({"role": "function", "name": "add", "content": "3"}, Message("function", "3", name="add")),
    "spoken": (
        {"role": "assistant", "content": None, "audio": {"id": "a1", "transcript": "Hello", "data": "UklG"}},
        Message("assistant", parts=[Part("audio", text="Hello", id="a1")]),
    ),
    "spoken before": (
        {"role": "assistant", "audio": {"id": "a1"}},
        Message("assistant", parts=[Part("audio", id="a1")]),
    ),
    "said and spoken": (
        {"role": "assistant", "content": [{"type": "text", "text": "a"}], "audio": {"id": "a1"}},
        Message("assistant", parts=[Part("text", "a"), Part("audio", id="a1")]),
    ),
    "other types": ({"role": 3, "content": {"a": 1}, "name": 4}, Message("3", '{"a":1}', name="4")),
}


@pytest.mark.parametrize(("raw", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_message(raw: dict[str, Any], expected: Message) -> None:
    """A message is read with all that it holds, and nothing else."""
    assert expected == read_message(raw)


PARTS: dict[str, tuple[Any, Part]] = {
    "text": ({"type": "text", "text": "a"}, Part("text", "a")),
    "refusal": ({"type": "refusal", "refusal": "No."}, Part("refusal", "No.")),
    "image": (
        {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        Part("image", url="https://a/b.png"),
    ),
    "image as text": ({"type": "image_url", "image_url": "https://a/b.png"}, Part("image", url="https://a/b.png")),
    "no image": ({"type": "image_url"}, Part("image")),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
        Part("audio", url="data:audio/mp3;base64,UklG", mime="audio/mp3"),
    ),
    "file": (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
        Part("file", url="data:application/pdf;base64,JVBE", name="a.pdf"),
    ),
    "file by its id": ({"type": "file", "file": {"file_id": "file-1"}}, Part("file", id="file-1")),
    "plain": ("a", Part("text", "a")),
    "unknown": ({"type": "scent", "of": "rain"}, Part("scent", '{"type":"scent","of":"rain"}')),
    "without a type": ({"of": "rain"}, Part("unknown", '{"of":"rain"}')),
    "null": (None, Part("unknown", "null")),
}


@pytest.mark.parametrize(("raw", "expected"), PARTS.values(), ids=PARTS)
def test_part(raw: Any, expected: Part) -> None:
    """A part is read by its type; one of an unknown type keeps its type, and all of it as JSON."""
    assert expected == read_part(raw)


USAGES: dict[str, tuple[dict[str, Any], Usage | None]] = {
    "plain": ({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}, Usage(9, 2, 11)),
    "detailed": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {
                "cached_tokens": 4,
                "cache_write_tokens": 1,
                "audio_tokens": 0,
                "image_tokens": 3,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 1,
                "audio_tokens": 5,
                "accepted_prediction_tokens": 6,
                "rejected_prediction_tokens": 0,
            },
            "prompt_cache_hit_tokens": 7,
        },
        Usage(
            9,
            2,
            11,
            cache_read=4,
            cache_write=1,
            prompt_audio=0,
            reasoning=1,
            completion_audio=5,
            details={
                "prompt.image_tokens": 3,
                "completion.accepted_prediction_tokens": 6,
                "completion.rejected_prediction_tokens": 0,
                "prompt_cache_hit_tokens": 7,
            },
        ),
    ),
    "no numbers": (
        {"prompt_tokens": "9", "completion_tokens": True, "total_tokens": 1.0, "prompt_tokens_details": "x", "a": None},
        None,
    ),
    "beyond 64 bits": ({"prompt_tokens": 2**63, "completion_tokens": 2**63 - 1}, Usage(completion=2**63 - 1)),
}


@pytest.mark.parametrize(("raw", "expected"), USAGES.values(), ids=USAGES)
def test_usage(raw: dict[str, Any], expected: Usage | None) -> None:
    """Whole numbers of 64 bits are read, those without a field by dotted name; a usage without any counts as none."""
    assert expected == read_usage(raw)


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
RESPONSE = completion(
    None, tool_calls=[CALL], finish_reason="tool_calls", service_tier="default", system_fingerprint="fp"
)
READ = {
    "response_id": "chatcmpl-test",
    "response_model": "gpt-4o-mini",
    "service_tier": "default",
    "fingerprint": "fp",
    "output_messages": [
        Message("assistant", tool_calls=[ToolCall("c1", "add", "{}")], finish_reason="tool_calls"),
    ],
    "usage": Usage(9, 2, 11),
}


@pytest.mark.parametrize("response", [RESPONSE, ChatCompletion(**RESPONSE)], ids=["dict", "model"])
def test_response(response: Any) -> None:
    """A response reads the same as the SDK's model and as a dict, and its text is the one that was received."""
    read = record()

    read_response(read, response, "{...}")

    assert read == record(**READ, output_value="{...}", output_mime="application/json")


def test_fields_that_the_sdk_does_not_know() -> None:
    """What a provider adds to a message is read from the SDK's model too."""
    said: dict[str, Any] = {"role": "assistant", "content": "4", "reasoning_content": "2+2"}
    choice = {"message": ChatCompletionMessage(**said), "finish_reason": "stop"}
    response = ChatCompletion.construct(id="x", choices=[choice])
    read = record()

    read_response(read, response, "{}")

    assert read == record(
        response_id="x",
        output_messages=[Message("assistant", "4", reasoning="2+2", finish_reason="stop")],
        output_value="{}",
        output_mime="application/json",
    )


class Older(BaseModel):
    """A response as an SDK models it that does not know all of it."""

    id: str


def test_head_that_the_sdk_does_not_know() -> None:
    """What the SDK's model does not declare of a response is read too."""
    older: dict[str, Any] = RESPONSE
    read = record()

    read_response(read, Older(**older), "{...}")

    assert read == record(**READ, output_value="{...}", output_mime="application/json")


def test_many_choices() -> None:
    """Each choice is an output message of its own."""
    choices = [
        {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "refusal": "No."}, "finish_reason": "content_filter"},
    ]
    read = record()

    read_response(read, {"choices": choices}, "{}")

    assert read == record(
        output_messages=[
            Message("assistant", "a", finish_reason="stop"),
            Message("assistant", refusal="No.", finish_reason="content_filter"),
        ],
        output_value="{}",
        output_mime="application/json",
    )


@pytest.mark.parametrize(
    ("response", "received", "value", "mime"),
    [
        ("<html>", "<html>", "<html>", "text/plain"),
        ([1], "[1]", "[1]", "application/json"),
        (None, "null", "null", "application/json"),
        ({"id": ""}, None, '{"id":""}', "application/json"),
    ],
)
def test_other_responses(response: Any, received: str | None, value: str, mime: str) -> None:
    """What is no response leaves its text, with its own type; of one that was streamed it is the settled JSON."""
    read = record()

    read_response(read, response, received)

    assert read == record(output_value=value, output_mime=mime)


def test_a_part_instead_of_a_list() -> None:
    """Content that is one part, and no list of them, is that part."""
    said = {"role": "user", "content": {"type": "text", "text": "Hi."}}

    assert read_message(said) == Message("user", parts=[Part("text", "Hi.")])
