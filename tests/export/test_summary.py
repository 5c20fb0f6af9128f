"""What is said of one trace: its facts, and its steps."""

from typing import Any

import pytest
from opentelemetry.trace import Status, StatusCode

from recorder import ASKED, OK, UNSET, Recorder, one, retried
from spanglass.export.summary import Row, Summary, summarize


def test_a_retried_call() -> None:
    """A summary says what was asked and spent, and lists each attempt with the wait that followed it."""
    summary = summarize(retried())

    assert summary == Summary(
        trace_id="a1b2c3d500000000000000000000feed",
        prompt="What is the capital of France?",
        model="gpt-4o-mini",
        project="customer-support",
        environment="production",
        latency=7000.25,
        tokens=1087,
        estimated=False,
        retries=2,
        steps=1,
        status="SUCCESS",
        rows=(
            Row(1, "openai_chat", 7000.25, "OK", "stop"),
            Row(None, "attempt 1", 10.0, "FAILED", "HTTP 429"),
            Row(None, "backoff", 300.0, "", "asked for by the server (retry-after-ms)"),
            Row(None, "attempt 2", 5005.0, "FAILED", "ReadTimeout"),
            Row(None, "backoff", 812.5, "", "chosen by the SDK"),
            Row(None, "attempt 3", 870.5, "OK", "HTTP 200"),
        ),
    )


@pytest.mark.parametrize(
    ("attributes", "status", "expected"),
    [
        ({"llm.finish_reason": "length"}, OK, Row(1, "openai_chat", 1240, "OK", "length")),
        ({}, UNSET, Row(1, "openai_chat", 1240, "OK", "")),
        (
            {
                "llm.finish_reason": "tool_calls",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
                "llm.output_messages.0.message.tool_calls.1.tool_call.function.name": "clock",
            },
            OK,
            Row(1, "openai_chat", 1240, "OK", "calls weather, clock"),
        ),
        (
            {"spanglass.stream.outcome": "completed", "spanglass.stream.chunk_count": 1, "llm.finish_reason": "stop"},
            OK,
            Row(1, "openai_chat_stream", 1240, "OK", "completed, 1 chunk, stop"),
        ),
        (
            {"spanglass.stream.outcome": "truncated", "spanglass.stream.chunk_count": 0},
            UNSET,
            Row(1, "openai_chat_stream", 1240, "INCOMPLETE", "truncated, 0 chunks"),
        ),
        (
            {"spanglass.stream.outcome": "error", "spanglass.stream.chunk_count": 3, "error.type": "openai.APIError"},
            Status(StatusCode.ERROR),
            Row(1, "openai_chat_stream", 1240, "FAILED", "error, 3 chunks, APIError"),
        ),
    ],
    ids=["plain", "bare", "tools", "completed", "truncated", "failed"],
)
def test_the_row_of_a_step(attributes: dict[str, Any], status: Status, expected: Row) -> None:
    """A step's row names how it was called, and how it ended in the words that its span has for it."""
    assert summarize(one(attributes, status)).rows == (expected,)


def test_a_trace_of_two_calls() -> None:
    """Calls under one span are numbered in the order of their starts, and what they spent is added up."""
    recorder = Recorder()
    root = recorder.begin("agent", 0, {"openinference.span.kind": "AGENT"})
    first = recorder.begin("ChatCompletion", 5, {**ASKED, "llm.token_count.total": 30}, root)
    guessed = {"llm.model_name": "gpt-4o", "spanglass.usage.estimated_completion_tokens": 12}
    second = recorder.begin("ChatCompletion", 10, {**ASKED, **guessed, "spanglass.attempt.count": 2}, root)
    tool = recorder.begin("weather", 20, {"openinference.span.kind": "TOOL"}, root)
    for span, end in ((tool, 25), (second, 30), (first, 40), (root, 50)):
        recorder.end(span, end)

    assert summarize(recorder.spans) == Summary(
        trace_id="a1b2c3d500000000000000000000feed",
        prompt="What is the capital of France?",
        model="gpt-4o-mini, gpt-4o",
        project=None,
        environment=None,
        latency=50.0,
        tokens=42,
        estimated=True,
        retries=1,
        steps=3,
        status="SUCCESS",
        rows=(
            Row(1, "openai_chat", 35.0, "OK", ""),
            Row(2, "openai_chat", 20.0, "OK", ""),
            Row(3, "weather", 5.0, "OK", ""),
        ),
    )


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (OK, Status(StatusCode.ERROR), "SUCCESS"),
        (Status(StatusCode.ERROR), OK, "FAILED"),
        (UNSET, UNSET, "INCOMPLETE"),
    ],
)
def test_the_status_of_a_trace(outer: Status, inner: Status, expected: str) -> None:
    """A failure that the program dealt with leaves a trace successful; a stream that was cut off does not."""
    recorder = Recorder()
    root = recorder.begin("job", 0, {})
    outcome = "truncated" if inner is UNSET else "completed"
    call = recorder.begin("ChatCompletion", 1, {**ASKED, "spanglass.stream.outcome": outcome}, root)
    recorder.end(call, 2, inner)
    recorder.end(root, 3, outer)

    assert summarize(recorder.spans).status == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ({"0.message.role": "user", "0.message.content": "one", "2.message.role": "user", "2.message.content": "last"},
         "last"),
        ({"9.message.role": "user", "9.message.content": "nine", "10.message.role": "user",
          "10.message.contents.0.message_content.type": "text", "10.message.contents.0.message_content.text": "What is",
          "10.message.contents.1.message_content.image.image.url": "https://example.com/a.png",
          "10.message.contents.2.message_content.text": "this?"},
         "What is this?"),
        ({"0.message.role": "user", "0.message.content": " two\n\tlines "}, "two lines"),
        ({"0.message.role": "user", "0.message.content": "x" * 500}, "x" * 237 + "..."),
        ({"0.message.role": "system", "0.message.content": "Be brief."}, None),
        ({"0.message.role": "user"}, None),
    ],
    ids=["last", "parts", "lines", "long", "no user", "no content"],
)  # fmt: skip
def test_the_prompt_is_what_the_user_said_last(messages: dict[str, str], expected: str | None) -> None:
    """The prompt is the text of the last message of the user, on one line of bounded length."""
    attributes = {f"llm.input_messages.{name}": value for name, value in messages.items()}

    assert summarize(one(attributes)).prompt == expected
