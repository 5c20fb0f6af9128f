"""OpenTelemetry's names for generative AI: whole attribute dicts against literals."""

import json
from typing import Any

import pytest

from spanglass.record import Failure, Message, Part, Record, StreamStats, ToolCall, Usage
from spanglass.writers import writers
from spanglass.writers.gen_ai import writer

PLAIN = writer(capture=False)
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def record(**more: Any) -> Record:
    """Return a record of a chat with what every one has."""
    return Record(name="ChatCompletion", kind="LLM", operation="chat", **more)


def written(source: Record, *, capture: bool = False) -> dict[str, Any]:
    """Return all that is written at the end, without the API's type, which is always the same."""
    out: dict[str, Any] = {}
    writer(capture=capture).write(source, out)
    assert out.pop("openai.api.type") == "chat_completions"
    return out


@pytest.mark.parametrize(
    ("provider", "name"), [("openai", "openai"), ("azure", "azure.ai.openai"), ("groq", "groq"), (None, "openai")]
)
def test_start(provider: str | None, name: str) -> None:
    """A sampler is shown the operation, the provider in this convention's words, the model and the server."""
    source = record(provider=provider, request_model="gpt-4o-mini", address="127.0.0.1", port=8080)
    out: dict[str, Any] = {}

    PLAIN.start(source, out)

    assert (PLAIN.span_name(source), PLAIN.marks_success) == ("chat gpt-4o-mini", False)
    assert out == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": name,
        "gen_ai.request.model": "gpt-4o-mini",
        "server.address": "127.0.0.1",
        "server.port": 8080,
    }


def test_name_without_a_model() -> None:
    """A span whose request names no model is named by its operation."""
    assert PLAIN.span_name(record()) == "chat"


def test_parameters() -> None:
    """The parameters of the request that the convention names are written in its types."""
    parameters = {
        "model": "gpt-4o-mini",
        "temperature": 1,
        "top_p": 0.5,
        "frequency_penalty": 0,
        "presence_penalty": -0.5,
        "max_completion_tokens": 100,
        "seed": 42,
        "top_k": 40,
        "n": 2,
        "stream": True,
        "stop": "END",
        "reasoning_effort": "low",
        "service_tier": "flex",
        "response_format": {"type": "json_schema", "json_schema": {}},
        "logit_bias": {"50256": -100},
    }

    assert written(record(parameters=parameters)) == {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": -0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.seed": 42,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stream": True,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "flex",
        "gen_ai.output.type": "json",
    }


def test_parameters_that_say_nothing() -> None:
    """Defaults, and values of a type that the API does not take, are left out."""
    parameters = {
        "temperature": "hot",
        "max_tokens": True,
        "n": 1,
        "stream": False,
        "service_tier": "auto",
        "response_format": {"type": "grammar"},
    }

    assert written(record(parameters=parameters)) == {}
    assert written(record(parameters={"response_format": "json"})) == {}


def test_response() -> None:
    """The response's names, usage, finish reasons, first chunk and failure are written."""
    source = record(
        response_id="chatcmpl-1",
        response_model="gpt-4o-mini-2024-07-18",
        service_tier="default",
        fingerprint="fp_1",
        output_messages=[
            Message(finish_reason="stop"),
            Message(finish_reason="tool_calls"),
            Message(finish_reason=None),
        ],
        usage=Usage(10, 5, 15, 4, 2, 1, 3, 0),
        stream=StreamStats("error", first=350_000_000),
        failure=Failure("openai.APIError", "It broke"),
    )

    assert written(source) == {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "gen_ai.response.finish_reasons": ["stop", "tool_call", "error"],
        "gen_ai.response.time_to_first_chunk": 0.35,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.audio.input_tokens": 1,
        "gen_ai.usage.audio.output_tokens": 0,
        "error.type": "openai.APIError",
    }


CONTENT = record(
    tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}, {"type": "custom"}, "odd"],
    input_messages=[
        Message("system", "Be brief."),
        Message(
            "user",
            name="alice",
            parts=[
                Part("text", "What are these?"),
                Part("image", url="https://example.com/cat.png"),
                Part("image", url="data:image/png;base64,iVBORw=="),
                Part("audio", url="data:audio/wav;base64,UklGRg==", mime="audio/wav"),
                Part("file", id="file-1", name="a.pdf"),
                Part("hologram", "{}"),
            ],
        ),
        Message("assistant", tool_calls=[ToolCall("call_1", "weather", '{"city":"Paris"}')]),
        Message("tool", "Sunny", tool_call_id="call_1"),
        Message("tool", parts=[Part("text", "Rainy")], tool_call_id="call_2"),
        Message("assistant", function_name="weather", function_arguments="{}"),
    ],
    output_messages=[Message("assistant", "Well.", reasoning="Hm.", refusal="No.")],
)


def test_content() -> None:
    """Messages and tools are JSON in the convention's parts."""
    out = {name: json.loads(value) for name, value in written(CONTENT, capture=True).items()}

    assert out == {
        "gen_ai.input.messages": [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {
                "role": "user",
                "name": "alice",
                "parts": [
                    {"type": "text", "content": "What are these?"},
                    {"type": "uri", "modality": "image", "uri": "https://example.com/cat.png"},
                    {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw=="},
                    {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "UklGRg=="},
                    {"type": "file", "modality": "file", "file_id": "file-1"},
                    {"type": "hologram", "content": "{}"},
                ],
            },
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": '{"city":"Paris"}'}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "Sunny"}]},
            {
                "role": "tool",
                "parts": [
                    {
                        "type": "tool_call_response",
                        "id": "call_2",
                        "response": [{"type": "text", "content": "Rainy"}],
                    }
                ],
            },
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": "{}"}]},
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "Hm."},
                    {"type": "text", "content": "Well."},
                    {"type": "refusal", "content": "No."},
                ],
            }
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "weather", "parameters": {}},
            {"type": "custom"},
            "odd",
        ],
    }


@pytest.mark.parametrize(
    ("results", "output"),
    [
        ({}, None),
        ({"content": "found"}, "found"),
        ({"parts": [Part("text", "2")]}, [{"type": "text", "content": "2"}]),
    ],
)
def test_tools_of_the_provider(results: dict[str, Any], output: Any) -> None:
    """What a tool of the provider's has given is its response, after the call, and nothing that the model says."""
    call = ToolCall("c1", "look", "{}", "mcp_call")
    source = record(output_messages=[Message("assistant", tool_calls=[call], **results)])
    called = {
        "type": "server_tool_call",
        "id": "c1",
        "name": "look",
        "server_tool_call": {"type": "mcp_call", "arguments": "{}"},
    }
    given = {
        "type": "server_tool_call_response",
        "id": "c1",
        "server_tool_call_response": {"type": "mcp_call", "output": output},
    }

    ((message,),) = map(json.loads, written(source, capture=True).values())

    assert message == {"role": "assistant", "parts": [called, given] if results else [called]}


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        (None, False),
        ("", False),
        ("NO_CONTENT", False),
        ("EVENT_ONLY", False),
        ("true", False),
        ("SPAN_ONLY", True),
        (" span_and_event ", True),
    ],
)
def test_capture(value: str | None, captured: bool) -> None:  # noqa: FBT001 - a row of the table
    """Content is on spans only where the convention's own variable says so."""
    (found,) = writers(["gen_ai"], {} if value is None else {CAPTURE: value})
    out: dict[str, Any] = {}

    found.write(CONTENT, out)

    assert ("gen_ai.input.messages" in out) == captured


def test_writers() -> None:
    """Writers come in the order they are asked for, and a name that is none of them is an error."""
    assert [found.name for found in writers(["gen_ai", "spanglass", "openinference"], {})] == [
        "gen_ai",
        "spanglass",
        "openinference",
    ]
    with pytest.raises(KeyError):
        writers(["opentracing"], {})
