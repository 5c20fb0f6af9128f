"""Hidden content stays hidden, in every convention, wherever it stands and whatever it is."""

import json
from typing import Any

import pytest

from spanglass.record import Attempt, Failure, Message, Part, Record, Split, StreamStats, ToolCall, Usage
from spanglass.writers import writers
from spanglass.writers.extras import attempt_attributes
from spanglass.writers.redaction import redact

CONTENT = "the content"
HIDDEN = "__REDACTED__"


def failure() -> Failure:
    """Return a failure that tells the content wherever it can."""
    return Failure(
        "openai.BadRequestError",
        f"I will not answer {CONTENT}",
        stacktrace=f'raise Error("{CONTENT}")',
        status=400,
        code="content_filter",
        param=CONTENT,
        api_type="invalid_request_error",
        request_id="req_1",
    )


def told() -> Record:
    """Return a record that tells the content wherever it can."""
    messages = [
        Message("system", CONTENT, name=CONTENT),
        Message("user", parts=[Part("text", CONTENT), Part("image", url=CONTENT)]),
        Message("assistant", tool_calls=[ToolCall("call_1", CONTENT, CONTENT)], reasoning=CONTENT),
        Message("tool", CONTENT, tool_call_id="call_1"),
        Message("assistant", function_name=CONTENT, function_arguments=CONTENT),
    ]
    return Record(
        name="ChatCompletion",
        kind="LLM",
        operation="chat",
        request_model="gpt-4o-mini",
        response_id="chatcmpl-1",
        parameters={"temperature": 0.5, "n": 2, "stream": True, "user": CONTENT, "stop": [CONTENT], "seed": None},
        tools=[{"type": "function", "function": {"name": CONTENT}}],
        input_messages=messages,
        output_messages=[Message("assistant", refusal=CONTENT, finish_reason="stop")],
        input_value=CONTENT,
        input_mime="application/json",
        output_value=CONTENT,
        output_mime="application/json",
        usage=Usage(1, 2, 3),
        failure=failure(),
        attempts=[Attempt(1, 0, status=400, failure=failure())],
        stream=StreamStats("error", 1, 2, 3, 4),
        split=Split(1, 2, 3, 4),
        context={
            "session.id": "s1",
            "user.id": "u1",
            "tag.tags": ["a"],
            "metadata": '{"team":"search"}',
            "llm.prompt_template.template": CONTENT,
            "llm.prompt_template.variables": CONTENT,
            "llm.prompt_template.version": CONTENT,
        },
    )


def test_redacted_record() -> None:
    """What remains of hidden content are roles, reasons, ids, numbers, and a mark where there was something."""
    record = told()
    expected = told()
    expected.parameters = {"temperature": 0.5, "n": 2, "stream": True}
    expected.tools = None
    expected.input_messages = [
        Message("system", HIDDEN),
        Message("user", HIDDEN),
        Message("assistant", tool_calls=[ToolCall("call_1")]),
        Message("tool", HIDDEN, tool_call_id="call_1"),
        Message("assistant"),
    ]
    expected.output_messages = [Message("assistant", refusal=HIDDEN, finish_reason="stop")]
    expected.input_value = expected.output_value = HIDDEN
    expected.input_mime = expected.output_mime = "text/plain"
    expected.failure = Failure(
        "openai.BadRequestError",
        HIDDEN,
        status=400,
        code="content_filter",
        api_type="invalid_request_error",
        request_id="req_1",
    )
    expected.attempts[0].failure = expected.failure
    expected.context = {
        "session.id": "s1",
        "user.id": "u1",
        "tag.tags": ["a"],
        "metadata": '{"team":"search"}',
    }

    redact(record)

    assert record == expected


def test_no_convention_tells() -> None:
    """No attribute of any convention holds hidden content, even where the content is to be captured."""
    record = told()
    out: dict[str, Any] = {}
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}

    redact(record)
    for writer in writers(["openinference", "spanglass", "gen_ai"], capture):
        writer.write(record, out)
    out["attempt"] = attempt_attributes(record.attempts[0], extras=True)

    assert "gen_ai.input.messages" in out
    assert CONTENT not in json.dumps(out)


def test_openinference_redacted() -> None:
    """A redacted call is written whole, with a mark in the place of every content."""
    record = told()
    out: dict[str, Any] = {}

    redact(record)
    writers(["openinference"])[0].write(record, out)

    assert out == {
        "input.value": HIDDEN,
        "input.mime_type": "text/plain",
        "output.value": HIDDEN,
        "output.mime_type": "text/plain",
        "llm.invocation_parameters": '{"temperature":0.5,"n":2,"stream":true}',
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": HIDDEN,
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": HIDDEN,
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.tool_calls.0.tool_call.id": "call_1",
        "llm.input_messages.3.message.role": "tool",
        "llm.input_messages.3.message.content": HIDDEN,
        "llm.input_messages.3.message.tool_call_id": "call_1",
        "llm.input_messages.4.message.role": "assistant",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": HIDDEN,
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 1,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 3,
        "session.id": "s1",
        "user.id": "u1",
        "tag.tags": ["a"],
        "metadata": '{"team":"search"}',
    }


def test_nothing_stays_nothing() -> None:
    """Where there was no content, hiding it marks nothing."""
    record = Record("ChatCompletion", "LLM", "chat")

    redact(record)

    assert record == Record("ChatCompletion", "LLM", "chat")


def test_fails_closed() -> None:
    """An error in the middle of hiding leaves less than was to remain, never more."""
    record = told()
    record.parameters = 5  # type: ignore[assignment] # what the error comes from

    with pytest.raises(TypeError):
        redact(record)

    assert record == Record(
        name="ChatCompletion",
        kind="LLM",
        operation="chat",
        request_model="gpt-4o-mini",
        response_id="chatcmpl-1",
        parameters=None,  # type: ignore[arg-type] # nothing, rather than what it held
        attempts=None,  # type: ignore[arg-type] # the same
        stream=StreamStats("error", 1, 2, 3, 4),
        split=Split(1, 2, 3, 4),
    )


ANYTHING: tuple[Any, ...] = (CONTENT, {"a": CONTENT}, [CONTENT], "x" * 65, "内容", "a\n", "", 5)


@pytest.mark.parametrize("said", ANYTHING, ids=repr)
def test_free_text(said: Any) -> None:
    """Where a name, an id or a code is to stand, anything else is marked."""
    record = Record("ChatCompletion", "LLM", "chat")
    record.request_model = record.response_model = record.response_id = said
    record.service_tier = record.fingerprint = said
    record.input_messages = [Message(said, tool_call_id=said, tool_calls=[ToolCall(said)], finish_reason=said)]
    record.failure = Failure("E", "e", code=said, api_type=said, param=said, request_id=said)
    record.attempts = [Attempt(1, 0, request_id=said, retry_after=said, limits={"x-ratelimit-reset-tokens": CONTENT})]

    redact(record)

    assert record == Record(
        "ChatCompletion",
        "LLM",
        "chat",
        request_model=HIDDEN,
        response_model=HIDDEN,
        response_id=HIDDEN,
        service_tier=HIDDEN,
        fingerprint=HIDDEN,
        input_messages=[Message(HIDDEN, tool_call_id=HIDDEN, tool_calls=[ToolCall(HIDDEN)], finish_reason=HIDDEN)],
        failure=Failure("E", HIDDEN, code=HIDDEN, api_type=HIDDEN, request_id=HIDDEN),
        attempts=[Attempt(1, 0, request_id=HIDDEN, retry_after=HIDDEN, limits={})],
    )


def test_names_stay() -> None:
    """Names, ids, codes and limits of the usual form stay, and a URL up to its query."""

    def record(url: str) -> Record:
        return Record(
            "ChatCompletion",
            "LLM",
            "chat",
            request_model="ft:gpt-4o-mini-2024-07-18:org::AbC",
            response_model="accounts/fireworks/models/llama-v3p1@1",
            service_tier="default",
            attempts=[Attempt(1, 0, url=url, retry_after="2", limits={"x-ratelimit-reset-tokens": "6m0.5s"})],
        )

    read, fragment = record("https://h/v1/chat?q=a#b"), record("https://h/v1/chat#b?c")

    redact(read)
    redact(fragment)

    assert read == fragment == record("https://h/v1/chat")


def test_names_of_counts() -> None:
    """A count stays where its name is one, and a parameter's number where the API knows the parameter."""
    record = Record("ChatCompletion", "LLM", "chat")
    record.usage = Usage(1, 2, details={"prompt.image_tokens": 3, CONTENT: 4})
    record.parameters = {"n": 1, "store": False, "top_p": 0.5, "top_k": 2, CONTENT: 3, "seed": {"a": CONTENT}}

    redact(record)

    assert record == Record(
        "ChatCompletion",
        "LLM",
        "chat",
        usage=Usage(1, 2, details={"prompt.image_tokens": 3}),
        parameters={"n": 1, "store": False, "top_p": 0.5},
    )
