"""OpenInference's names: whole attribute dicts against literals."""

from typing import Any

import pytest

from spanglass.record import Message, Part, Record, ToolCall, Usage
from spanglass.writers import WRITERS

WRITER = WRITERS["openinference"]


def record(**more: Any) -> Record:
    """Return a record of a chat with what every one has."""
    return Record(name="ChatCompletion", kind="LLM", operation="chat", request_model="gpt-4o-mini", **more)


def written(source: Record) -> dict[str, Any]:
    """Return all that is written at the end."""
    out: dict[str, Any] = {}
    WRITER.write(source, out)
    return out


def test_start() -> None:
    """A sampler is shown the kind, the system, the provider and the model that was asked for."""
    source = record(system="openai", provider="azure")
    out: dict[str, Any] = {}

    WRITER.start(source, out)

    assert (WRITER.span_name(source), WRITER.marks_success) == ("ChatCompletion", True)
    assert out == {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.provider": "azure",
        "llm.model_name": "gpt-4o-mini",
        "llm.request.model_name": "gpt-4o-mini",
    }


def test_plain_chat() -> None:
    """A plain chat is written with its messages, parameters, values, usage and models, and with nothing else."""
    source = record(
        system="openai",
        response_model="gpt-4o-mini-2024-07-18",
        parameters={"model": "gpt-4o-mini", "temperature": 0.5, "stop": ["Ω"]},
        input_messages=[Message("system", "Be brief."), Message("user", "Hello", name="alice")],
        output_messages=[
            Message("assistant", "Hi", finish_reason="stop"),
            Message("assistant", "Hey", finish_reason="length"),
        ],
        input_value='{"messages":[]}',
        input_mime="application/json",
        output_value='{"choices":[]}',
        output_mime="application/json",
        usage=Usage(10, 5, 15, 4, 2, 1, 3, 0),
        context={"session.id": "s1", "tag.tags": ["a", "b"]},
    )

    assert written(source) == {
        "llm.model_name": "gpt-4o-mini-2024-07-18",
        "llm.response.model_name": "gpt-4o-mini-2024-07-18",
        "llm.invocation_parameters": '{"model":"gpt-4o-mini","temperature":0.5,"stop":["Ω"]}',
        "input.value": '{"messages":[]}',
        "input.mime_type": "application/json",
        "output.value": '{"choices":[]}',
        "output.mime_type": "application/json",
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": "Hello",
        "llm.input_messages.1.message.name": "alice",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Hi",
        "llm.output_messages.1.message.role": "assistant",
        "llm.output_messages.1.message.content": "Hey",
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 5,
        "llm.token_count.total": 15,
        "llm.token_count.prompt_details.cache_read": 4,
        "llm.token_count.prompt_details.cache_write": 2,
        "llm.token_count.prompt_details.audio": 1,
        "llm.token_count.completion_details.reasoning": 3,
        "llm.token_count.completion_details.audio": 0,
        "session.id": "s1",
        "tag.tags": ["a", "b"],
    }


def test_nothing_known() -> None:
    """What is not known is not written, and a model that is as asked for is not written twice."""
    assert written(record()) == {}
    assert written(record(response_model="gpt-4o-mini")) == {"llm.response.model_name": "gpt-4o-mini"}


def test_multimodal() -> None:
    """Every kind of content part is written in its place, and one that is not known with its type and text."""
    parts = [
        Part("text", "What are these?"),
        Part("image", url="https://example.com/cat.png"),
        Part("audio", text="Hello", url="data:audio/wav;base64,UklGRg==", mime="audio/wav"),
        Part("file", url="data:application/pdf;base64,JVBERi0=", mime="application/pdf", name="a.pdf", id="file-1"),
        Part("hologram", '{"type":"hologram"}'),
    ]
    at = "llm.input_messages.0.message.contents"

    assert written(record(input_messages=[Message("user", parts=parts)])) == {
        "llm.input_messages.0.message.role": "user",
        f"{at}.0.message_content.type": "text",
        f"{at}.0.message_content.text": "What are these?",
        f"{at}.1.message_content.type": "image",
        f"{at}.1.message_content.image.image.url": "https://example.com/cat.png",
        f"{at}.2.message_content.type": "audio",
        f"{at}.2.message_content.audio.audio.url": "data:audio/wav;base64,UklGRg==",
        f"{at}.2.message_content.audio.audio.mime_type": "audio/wav",
        f"{at}.2.message_content.audio.audio.transcript": "Hello",
        f"{at}.3.message_content.type": "document",
        f"{at}.3.message_content.document.document.id": "file-1",
        f"{at}.3.message_content.document.document.name": "a.pdf",
        f"{at}.3.message_content.document.document.url": "data:application/pdf;base64,JVBERi0=",
        f"{at}.3.message_content.document.document.mime_type": "application/pdf",
        f"{at}.4.message_content.type": "hologram",
        f"{at}.4.message_content.text": '{"type":"hologram"}',
    }


def test_tools() -> None:
    """Offered tools, the calls that the model asked for, and their results are written, and the older function call."""
    source = record(
        tools=[{"type": "function", "function": {"name": "weather"}}],
        input_messages=[
            Message(
                "assistant", tool_calls=[ToolCall("call_1", "weather", '{"city":"Paris"}'), ToolCall("call_2", "now")]
            ),
            Message("tool", "Sunny", tool_call_id="call_1"),
            Message("assistant", function_name="weather", function_arguments="{}"),
        ],
        output_messages=[
            Message("assistant", tool_calls=[ToolCall("call_3", "weather", "{}")], finish_reason="tool_calls")
        ],
    )

    assert written(source) == {
        "llm.tools.0.tool.json_schema": '{"type":"function","function":{"name":"weather"}}',
        "llm.input_messages.0.message.role": "assistant",
        "llm.input_messages.0.message.tool_calls.0.tool_call.id": "call_1",
        "llm.input_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Paris"}',
        "llm.input_messages.0.message.tool_calls.1.tool_call.id": "call_2",
        "llm.input_messages.0.message.tool_calls.1.tool_call.function.name": "now",
        "llm.input_messages.1.message.role": "tool",
        "llm.input_messages.1.message.content": "Sunny",
        "llm.input_messages.1.message.tool_call_id": "call_1",
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.function_call_name": "weather",
        "llm.input_messages.2.message.function_call_arguments_json": "{}",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_3",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
        "llm.finish_reason": "tool_calls",
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(refusal="No."), {"message.content": "No."}),
        (
            Message(content="Well.", refusal="No."),
            {
                "message.content": "Well.",
                "message.contents.0.message_content.type": "refusal",
                "message.contents.0.message_content.text": "No.",
            },
        ),
        (
            Message(content="42", reasoning="Let me think."),
            {
                "message.content": "42",
                "message.contents.0.message_content.type": "reasoning",
                "message.contents.0.message_content.text": "Let me think.",
            },
        ),
        (
            Message(parts=[Part("text", "Well.")], refusal="No.", reasoning="Hm."),
            {
                "message.contents.0.message_content.type": "reasoning",
                "message.contents.0.message_content.text": "Hm.",
                "message.contents.1.message_content.type": "text",
                "message.contents.1.message_content.text": "Well.",
                "message.contents.2.message_content.type": "refusal",
                "message.contents.2.message_content.text": "No.",
            },
        ),
    ],
    ids=["refusal alone", "refusal beside content", "reasoning", "refusal and reasoning beside parts"],
)
def test_refusal_and_reasoning(message: Message, expected: dict[str, Any]) -> None:
    """A refusal is the content where there is no other, and otherwise a part of it, as the reasoning is."""
    assert written(record(output_messages=[message])) == {
        f"llm.output_messages.0.{name}": value for name, value in expected.items()
    }
