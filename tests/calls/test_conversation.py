"""What was said, end to end: every kind of content, tools and results, schemas and counts, on a real call's span."""

import json
from typing import Any

import openai
import pytest
from openinference.instrumentation import using_attributes
from told import ANSWERED, Told, call, told

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, chunks, completion

NOTHING = "nothing"
"""Stands for an attribute that is not there."""

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
    {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds.",
            "strict": True,
            "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        },
    },
    {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "sum",
        "strict": True,
        "schema": {"type": "object", "properties": {"total": {"type": "integer"}}, "additionalProperties": False},
    },
}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10, "audio_tokens": 7, "image_tokens": 5},
    "completion_tokens_details": {
        "reasoning_tokens": 20,
        "audio_tokens": 6,
        "accepted_prediction_tokens": 3,
        "rejected_prediction_tokens": 0,
    },
}
COUNTED = {
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 50,
    "llm.token_count.total": 150,
    "llm.token_count.prompt_details.cache_read": 40,
    "llm.token_count.prompt_details.cache_write": 10,
    "llm.token_count.prompt_details.audio": 7,
    "llm.token_count.completion_details.reasoning": 20,
    "llm.token_count.completion_details.audio": 6,
    "spanglass.usage.details.prompt.image_tokens": 5,
    "spanglass.usage.details.completion.accepted_prediction_tokens": 3,
    "spanglass.usage.details.completion.rejected_prediction_tokens": 0,
}


def sent(number: int, **said: Any) -> dict[str, Any]:
    """Return the attributes of one message that was sent, with a dot for each double underscore."""
    return {f"llm.input_messages.{number}.message.{key.replace('__', '.')}": value for key, value in said.items()}


def part(message: int, number: int, kind: str, **said: Any) -> dict[str, Any]:
    """Return the attributes of one part of a message that was sent, likewise."""
    at = f"llm.input_messages.{message}.message.contents.{number}.message_content."
    return {f"{at}type": kind, **{at + key.replace("__", "."): value for key, value in said.items()}}


def whole(server: OpenAIServer, *parts: dict[str, Any]) -> Told:
    """Return the span of a call that was answered, its input and parameters being what the server received."""
    received = server.journal[-1].body.decode()
    parameters = {key: value for key, value in json.loads(received).items() if key not in {"messages", "tools"}}
    encoded = json.dumps(parameters, separators=(",", ":"), ensure_ascii=False)
    asked = {"input.value": received, "llm.invocation_parameters": encoded}
    expected = call(server, ANSWERED, asked, *parts)
    return expected._replace(
        attributes={name: value for name, value in expected.attributes.items() if value != NOTHING}
    )


def test_multimodal(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Texts, images, sounds and files that are sent are parts of their message, in order and of their kind."""
    content = [
        {"type": "text", "text": "What are these?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    said = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "name": "ann", "content": content},
        {"role": "assistant", "content": [{"type": "text", "text": "Cats."}, {"type": "refusal", "refusal": "No."}]},
    ]
    server.script(Reply(completion(usage=None)))

    flavour.create(flavour.client(server), messages=said)

    assert [told(span) for span in captured.spans] == [
        whole(
            server,
            sent(0, role="developer"),
            part(0, 0, "text", text="Be brief."),
            {"llm.input_messages.0.message.content": NOTHING},
            sent(1, role="user", name="ann"),
            part(1, 0, "text", text="What are these?"),
            part(1, 1, "image", image__image__url=PNG),
            part(1, 2, "image", image__image__url="https://example.com/cat.png"),
            part(
                1, 3, "audio", audio__audio__url="data:audio/mp3;base64,UklGRg==", audio__audio__mime_type="audio/mp3"
            ),
            part(1, 4, "document", document__document__name="a.pdf", document__document__url=PDF),
            part(1, 5, "document", document__document__id="file-1"),
            sent(2, role="assistant"),
            part(2, 0, "text", text="Cats."),
            part(2, 1, "refusal", text="No."),
        )
    ]


def test_spoken_answer(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """An answer that is spoken has its transcript as a part."""
    body = completion(None, usage=None)
    body["choices"][0]["message"]["audio"] = {"id": "audio_1", "data": "AA==", "expires_at": 1, "transcript": "Hi."}
    server.script(Reply(body))

    asked = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    flavour.create(flavour.client(server), **asked)

    at = "llm.output_messages.0.message.contents.0.message_content."
    spoken = {f"{at}type": "audio", f"{at}audio.audio.transcript": "Hi."}
    assert [told(span) for span in captured.spans] == [
        whole(server, {"llm.output_messages.0.message.content": NOTHING, **spoken})
    ]


def test_tools_and_results(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Tools, the calls that were made of them and their results are recorded, the SDK's own message sent back."""
    client = flavour.client(server)
    question = {"role": "user", "content": "hi"}
    server.script(
        Reply(completion(None, tool_calls=CALLS, finish_reason="tool_calls", usage=None)),
        Reply(completion(usage=None)),
    )

    asked = flavour.create(client, tools=TOOLS, tool_choice="auto").choices[0].message
    results = [
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "one row"}]},
    ]
    flavour.create(client, messages=[question, asked, *results], tools=TOOLS)

    first, second = (told(span) for span in captured.spans)
    schemas = [json.loads(first.attributes[f"llm.tools.{number}.tool.json_schema"]) for number in range(2)]
    calls = {
        "tool_calls.0.tool_call.id": "call_1",
        "tool_calls.0.tool_call.function.name": "add",
        "tool_calls.0.tool_call.function.arguments": '{"a":1}',
        "tool_calls.1.tool_call.id": "call_2",
        "tool_calls.1.tool_call.function.name": "sql",
        "tool_calls.1.tool_call.function.arguments": "SELECT 1",
    }
    made = {f"llm.output_messages.0.message.{key}": value for key, value in calls.items()}
    tools = {name: first.attributes[name] for name in first.attributes if name.startswith("llm.tools.")}
    assert schemas == TOOLS
    assert {name: first.attributes.get(name) for name in made} == made
    assert (first.attributes["llm.finish_reason"], json.loads(first.attributes["llm.invocation_parameters"])) == (
        "tool_calls",
        {"model": "gpt-4o-mini", "tool_choice": "auto"},
    )
    assert second == whole(
        server,
        tools,
        sent(1, role="assistant"),
        {f"llm.input_messages.1.message.{key}": value for key, value in calls.items()},
        sent(2, role="tool", tool_call_id="call_1", content="2"),
        sent(3, role="tool", tool_call_id="call_2"),
        part(3, 0, "text", text="one row"),
    )


@pytest.mark.parametrize("stream", [False, True])
def test_structured_output(*, stream: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The schema that an answer must have is among the invocation parameters, whole, with every other parameter."""
    parameters = {"response_format": SCHEMA, "temperature": 0.5, "max_completion_tokens": 9, "seed": 4, "stop": ["x"]}
    streaming = {"stream": True} if stream else {}

    result = flavour.create(flavour.client(server), **parameters, **streaming)
    if stream:
        flavour.take(result)

    (span,) = captured.spans
    told_parameters = json.loads(str((span.attributes or {})["llm.invocation_parameters"]))
    assert told_parameters == {"model": "gpt-4o-mini", **parameters, **streaming}


@pytest.mark.parametrize("stream", [False, True])
def test_every_count(*, stream: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Every count of tokens that the provider tells is recorded, those without a word of OpenInference under ours."""
    server.script(Stream(chunks(usage=USAGE)) if stream else Reply(completion(usage=USAGE)))

    result = flavour.create(flavour.client(server), **({"stream": True} if stream else {}))
    if stream:
        flavour.take(result)

    (span,) = captured.spans
    found = {
        name: value
        for name, value in (span.attributes or {}).items()
        if name.startswith(("llm.token_count", "spanglass.usage"))
    }
    assert found == COUNTED


@pytest.mark.parametrize("stream", [False, True])
def test_every_choice(*, stream: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Each choice of an answer is an output message, a refusal among them, and the finish reason is the first one's."""
    body = completion("one", finish_reason="length", usage=None)
    declined = {"role": "assistant", "content": None, "refusal": "I cannot."}
    body["choices"].append({"index": 1, "message": declined, "logprobs": None, "finish_reason": "stop"})
    first, second = chunks(["one"], finish_reason="length"), chunks([], finish_reason="stop")
    for one in second:
        one["choices"][0]["index"] = 1
    second[0]["choices"][0]["delta"] = {"role": "assistant", "content": None, "refusal": "I cannot."}
    server.script(Stream([*first, *second]) if stream else Reply(body))

    result = flavour.create(flavour.client(server), n=2, **({"stream": True} if stream else {}))
    if stream:
        flavour.take(result)

    (span,) = captured.spans
    shown = ("llm.output_messages.", "llm.finish_reason", "spanglass.response.refusal")
    assert {name: value for name, value in (span.attributes or {}).items() if name.startswith(shown)} == {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "one",
        "llm.output_messages.1.message.role": "assistant",
        "llm.output_messages.1.message.content": "I cannot.",
        "llm.finish_reason": "length",
        "spanglass.response.refusal": True,
    }


CONTEXT: dict[str, Any] = {
    "session.id": "s1",
    "user.id": "u1",
    "metadata": '{"tier": "gold"}',
    "tag.tags": ("a", "b"),
    "llm.prompt_template.template": "Say {what}",
    "llm.prompt_template.version": "v1",
    "llm.prompt_template.variables": '{"what": "hi"}',
}


def failed(flavour: Flavour, client: Any) -> None:
    """Make a call that the server refuses."""
    with pytest.raises(openai.BadRequestError):
        flavour.create(client)


def broken(flavour: Flavour, client: Any) -> None:
    """Make a call whose stream is refused."""
    with pytest.raises(openai.BadRequestError):
        flavour.create(client, stream=True)


def mistaken(flavour: Flavour, client: Any) -> None:
    """Make a call that the SDK refuses."""
    with pytest.raises(TypeError):
        flavour.wait(client.chat.completions.create(model="m"))


@pytest.mark.parametrize(("act", "names"), [(failed, 2), (broken, 2), (mistaken, 1)])
def test_context_of_what_fails(
    act: Any, names: int, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """All that a program says of its spans is on those of a call that fails too, and on its attempts."""
    server.script(Reply(status=400))

    with using_attributes(
        session_id="s1",
        user_id="u1",
        metadata={"tier": "gold"},
        tags=["a", "b"],
        prompt_template="Say {what}",
        prompt_template_version="v1",
        prompt_template_variables={"what": "hi"},
    ):
        act(flavour, flavour.client(server))

    found = [{name: (span.attributes or {}).get(name) for name in CONTEXT} for span in captured.spans]
    assert found == [CONTEXT] * names
