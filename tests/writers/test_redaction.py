"""Hidden content stays hidden, in every convention; credentials stay out, hidden or not."""

import json
from collections.abc import Callable
from dataclasses import fields
from time import process_time
from typing import Any

import pytest

from spanglass.record import Attempt, Failure, Message, Part, Record, Split, StreamStats, ToolCall, Usage
from spanglass.writers import writers
from spanglass.writers.extras import attempt_attributes
from spanglass.writers.redaction import KEPT, redact, scrub, scrub_failure, scrub_url

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
    record.parameters = "not a dict"  # type: ignore[assignment] # what the error comes from

    with pytest.raises(AttributeError):
        redact(record)

    assert {field.name for field in fields(Record) if getattr(record, field.name) is not None} <= KEPT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-proj-a_b-c123. You can", f"Incorrect API key provided: {HIDDEN} You can"),
        ("Incorrect API key provided: my-key. You can", f"Incorrect API key provided: {HIDDEN} You can"),
        ("key sk-abcd********wxyz!", f"key {HIDDEN}!"),
        ("gsk_0123456789abcdef and xai-0123456789abcdef", f"{HIDDEN} and {HIDDEN}"),
        ("AKIAIOSFODNN7EXAMPLE AIza" + "x" * 35, f"{HIDDEN} {HIDDEN}"),
        ("a token eyJhbGciOiJI.eyJzdWIi.c2ln here", f"a token {HIDDEN} here"),
        ("{'Authorization': 'Bearer x'}", f"{{'Authorization': 'Bearer {HIDDEN}'}}"),
        ('{"authorization": "Basic dTpw", "n": 1}', f'{{"authorization": "Basic {HIDDEN}", "n": 1}}'),
        (r"{\"api_key\": \"abc\"}", rf"{{\"api_key\": \"{HIDDEN}\"}}"),
        ("(b'authorization', b'Bearer abc')", f"(b'authorization', b'Bearer {HIDDEN}')"),
        ("api-key: abc, x-api-key=abc", f"api-key: {HIDDEN}, x-api-key={HIDDEN}"),
        ("curl https://u:p%40@h/?a=1&key=abc&b=2#c", f"curl https://{HIDDEN}@h/?a=1&key={HIDDEN}&b=2#c"),
        ("https://h/?sig=a%2Fb&X-Amz-Signature=ff", f"https://h/?sig={HIDDEN}&X-Amz-Signature={HIDDEN}"),
        ("https://h/#access_token=abc", f"https://h/#access_token={HIDDEN}"),
    ],
)
def test_scrub(text: str, expected: str) -> None:
    """Credentials go out of a text and the rest stays; doing it again changes nothing."""
    assert scrub(text) == expected
    assert scrub(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The task-force-management of risk-assessment uses sk-learn.",
        "Use Bearer auth (see https://platform.openai.com/account/api-keys).",
        "https://h/v1/chat?api-version=2024-10-21&design=1&author=a&country_code=b",
        "mail a@example.com about https://example.com/ or KeyError: 'model'",
        "Unexpected token: <html>",
    ],
)
def test_scrub_leaves_the_rest(text: str) -> None:
    """A text without credentials stays as it is."""
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("http://user:p@ss'word@h:8080/v1", f"http://{HIDDEN}@h:8080/v1"),
        (
            "https://h/v1?api_key=abc&subscription-key=d&code=e",
            f"https://h/v1?api_key={HIDDEN}&subscription-key={HIDDEN}&code={HIDDEN}",
        ),
        ("https://h/sk-0123456789/v1?mail=a@b", f"https://h/{HIDDEN}/v1?mail=a@b"),
    ],
)
def test_scrub_url(url: str, expected: str) -> None:
    """A URL keeps its host, path and harmless parameters, and loses userinfo and credentials."""
    assert scrub_url(url) == expected


def test_scrub_failure() -> None:
    """A failure's message and stacktrace lose the credentials in them."""
    found = Failure("openai.AuthenticationError", "Bearer abc", stacktrace="at Bearer abc")

    scrub_failure(found)

    assert found == Failure("openai.AuthenticationError", f"Bearer {HIDDEN}", stacktrace=f"at Bearer {HIDDEN}")


@pytest.mark.parametrize("call", [scrub, scrub_url])
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "://",
        "://a",
        "sk-",
        "sk-a ",
        "eyJ",
        "eyJaaaaaaaa.",
        "?",
        "?key",
        "?key&",
        "key=",
        "bearer ",
        "api-key ",
        "@",
        '"',
    ],
)
def test_scrub_hard(piece: str, call: Callable[[str], str]) -> None:
    """What is hardest for a pattern takes time in proportion to its length, where going back would take hours."""
    text = piece * (500_000 // len(piece))
    start = process_time()

    call(text)

    assert process_time() - start < 5


def test_scrub_large() -> None:
    """Five megabytes of a web page take seconds at most."""
    line = '<p class="error">It failed & so on: see <a href="https://example.com/help?page=1">the key points</a></p>\n'
    text = line * (5_000_000 // len(line))
    start = process_time()

    assert scrub(text) == text
    assert process_time() - start < 10
