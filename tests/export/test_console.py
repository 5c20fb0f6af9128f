"""The panel of one finished trace: what it says, how it looks in a log file, what hostile content cannot do."""

import io
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from spanglass.export.console import Row, Summary, print_summary, summarize
from spanglass.guard import guard

MS: Final = 1_000_000  # nanoseconds
OK: Final = Status(StatusCode.OK)
UNSET: Final = Status()
ASKED: Final = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o-mini",
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Be brief.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "What is the capital of France?",
}


class Counted(IdGenerator):
    """Ids in the order in which spans begin, so that a panel can be compared whole."""

    def __init__(self) -> None:
        self.last = 0xA1B2C3D4

    def generate_span_id(self) -> int:
        """Return the next id."""
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        """Return the next id."""
        return self.generate_span_id() << 96 | 0xFEED


class Recorder:
    """Makes finished spans with the SDK, at times counted in ms from the trace's start."""

    def __init__(self, resource: Mapping[str, str] | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource(resource or {}), id_generator=Counted(), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("test")

    def begin(self, name: str, start: float, attributes: Mapping[str, Any], parent: Span | None = None) -> Span:
        """Return a span that is still open."""
        context = set_span_in_context(parent) if parent else None
        return self.tracer.start_span(name, context, attributes=attributes, start_time=int((1e6 + start) * MS))

    def end(self, span: Span, end: float, status: Status = OK) -> None:
        """Finish a span."""
        span.set_status(status)
        span.end(int((1e6 + end) * MS))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """What has finished, in the order of its ends."""
        return self.exporter.get_finished_spans()


def one(attributes: Mapping[str, Any], status: Status = OK, end: float = 1240) -> tuple[ReadableSpan, ...]:
    """Return a trace that is one chat completion."""
    recorder = Recorder()
    recorder.end(recorder.begin("ChatCompletion", 0, {"openinference.span.kind": "LLM", **attributes}), end, status)
    return recorder.spans


def retried() -> tuple[ReadableSpan, ...]:
    """Return a trace whose call was answered at its third attempt."""
    recorder = Recorder({"openinference.project.name": "customer-support", "deployment.environment.name": "production"})
    answered = {"llm.token_count.total": 1087, "llm.finish_reason": "stop", "spanglass.attempt.count": 3}
    call = recorder.begin("ChatCompletion", 0, {**ASKED, **answered})
    failed: list[tuple[float, float, dict[str, Any]]] = [
        (1, 11, {"http.response.status_code": 429, "spanglass.attempt.backoff": 0.3,
                 "spanglass.attempt.backoff_source": "retry-after-ms"}),
        (311, 5316, {"error.type": "httpx.ReadTimeout", "spanglass.attempt.backoff": 0.8125,
                     "spanglass.attempt.backoff_source": "sdk"}),
    ]  # fmt: skip
    for start, end, attributes in failed:
        recorder.end(recorder.begin("attempt", start, attributes, call), end, Status(StatusCode.ERROR))
    recorder.end(recorder.begin("attempt", 6128.5, {"http.response.status_code": 200}, call), 6999, UNSET)
    recorder.end(call, 7000.25)
    return recorder.spans


def hostile() -> tuple[ReadableSpan, ...]:
    """Return a trace whose every text tries to be more than text."""
    return one(
        {
            **ASKED,
            "llm.model_name": "gpt\x9b2J",
            "llm.input_messages.1.message.content": "[red]hi[/red]\x1b[31m\r\n\u202egnp.exe\x00 :smile: " + "日本" * 20,
            "llm.finish_reason": "[/]\x07[link=x]",
        }
    )


def drawn(spans: tuple[ReadableSpan, ...]) -> str:
    """Return the panel as a log file gets it."""
    file = io.StringIO()
    print_summary(spans, file)
    return file.getvalue()


@pytest.fixture(autouse=True)
def log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as for a file: nothing in the environment colours it, and what would narrow it has no effect."""
    monkeypatch.setenv("COLUMNS", "40")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


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


def test_the_panel_of_a_retried_call() -> None:
    """In a file the panel is plain text of 80 columns, without colour or trailing blanks."""
    expected = """\
╭─ spanglass Trace ────────────────────────────────────────────────── SUCCESS ─╮
│                                                                              │
│  Trace ID     a1b2c3d500000000000000000000feed                               │
│  Prompt       What is the capital of France?                                 │
│  Model        gpt-4o-mini                                                    │
│  Project      customer-support                                               │
│  Environment  production                                                     │
│  Latency      7,000.25 ms                                                    │
│  Token Count  1,087                                                          │
│  Retries      2                                                              │
│  Steps        1                                                              │
│  Status       SUCCESS                                                        │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯

  #  Tool         Duration  Status  Detail
  1  openai_chat    7000ms  OK      stop
       attempt 1      10ms  FAILED  HTTP 429
       backoff       300ms          asked for by the server (retry-after-ms)
       attempt 2    5005ms  FAILED  ReadTimeout
       backoff       812ms          chosen by the SDK
       attempt 3     870ms  OK      HTTP 200
"""

    assert drawn(retried()) == expected


def test_only_what_is_known_is_shown() -> None:
    """A field without a value has no line, and a trace without steps no table."""
    recorder = Recorder()
    recorder.end(recorder.begin("cron", 0, {}), 0.5, UNSET)
    expected = """\
╭─ spanglass Trace ────────────────────────────────────────────────── SUCCESS ─╮
│                                                                              │
│  Trace ID     a1b2c3d500000000000000000000feed                               │
│  Latency      0.50 ms                                                        │
│  Retries      0                                                              │
│  Steps        0                                                              │
│  Status       SUCCESS                                                        │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯
"""

    assert drawn(recorder.spans) == expected


def test_hostile_content_is_shown_as_plain_text() -> None:
    """Rich's markup, emoji codes, escapes, line breaks and bidi marks appear as what they are, and obey nobody."""
    expected = """\
╭─ spanglass Trace ────────────────────────────────────────────────── SUCCESS ─╮
│                                                                              │
│  Trace ID     a1b2c3d500000000000000000000feed                               │
│  Prompt       [red]hi[/red]\\x1b[31m \\u202egnp.exe\\x00 :smile: 日本日本日...  │
│  Model        gpt\\x9b2J                                                      │
│  Latency      1,240.00 ms                                                    │
│  Retries      0                                                              │
│  Steps        1                                                              │
│  Status       SUCCESS                                                        │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯

  #  Tool         Duration  Status  Detail
  1  openai_chat    1240ms  OK      [/]\\x07[link=x]
"""

    assert drawn(hostile()) == expected


def test_a_file_that_takes_ascii_only() -> None:
    """What a log file's encoding cannot write is spelled out, and the frame keeps its shape."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", newline="\n") as file:
        print_summary(hostile(), file)
        text = raw.getvalue().decode("ascii")
    expected = """\
+- spanglass Trace -------------------------------------------------- SUCCESS -+
|                                                                              |
|  Trace ID     a1b2c3d500000000000000000000feed                               |
|  Prompt       [red]hi[/red]\\x1b[31m \\u202egnp.exe\\x00 :smile: \\u65e5\\u67...  |
|  Model        gpt\\x9b2J                                                      |
|  Latency      1,240.00 ms                                                    |
|  Retries      0                                                              |
|  Steps        1                                                              |
|  Status       SUCCESS                                                        |
|                                                                              |
+------------------------------------------------------------------------------+

  #  Tool         Duration  Status  Detail
  1  openai_chat    1240ms  OK      [/]\\x07[link=x]
"""

    assert text == expected


def test_a_failed_call() -> None:
    """A long error is folded within its column, and the trace counts as failed."""
    error = "RateLimitError: Error code: 429 - {'error': {'message': 'Slow down', 'code': 'rate_limit_exceeded'}}"
    expected = """\
╭─ spanglass Trace ─────────────────────────────────────────────────── FAILED ─╮
│                                                                              │
│  Trace ID     a1b2c3d500000000000000000000feed                               │
│  Prompt       What is the capital of France?                                 │
│  Model        gpt-4o-mini                                                    │
│  Latency      1,240.00 ms                                                    │
│  Retries      0                                                              │
│  Steps        1                                                              │
│  Status       FAILED                                                         │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯

  #  Tool         Duration  Status  Detail
  1  openai_chat    1240ms  FAILED  RateLimitError: Error code: 429 - {'error':
                                    {'message': 'Slow down', 'code':
                                    'rate_limit_exceeded'}}
"""

    assert drawn(one(ASKED, Status(StatusCode.ERROR, error))) == expected


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


def test_nothing_to_summarize() -> None:
    """Without spans there is nothing to print, and a summary is refused in one sentence."""
    assert drawn(()) == ""

    with pytest.raises(ValueError, match=r"^A summary needs at least one finished span\.$"):
        summarize([])


def test_a_file_that_cannot_be_written(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed file costs the program a line in its log, and no exception."""
    monkeypatch.setattr(guard, "strict", False)
    file = io.StringIO()
    file.close()
    print_summary(one(ASKED), file)

    assert [record.message.split("\n")[0] for record in caplog.records] == [
        "spanglass could not record a part of a call; the call itself is not affected (ValueError)"
    ]


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where colour is asked for, it changes no character of the text."""
    plain = drawn(retried())
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    coloured = drawn(retried())

    assert coloured != plain
    assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()] == plain.splitlines()


def test_rich_is_loaded_here_only() -> None:
    """A program that draws no panel needs no Rich."""
    script = "import sys, spanglass; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - fixed

    assert (done.stdout, done.stderr) == ("False\n", "")
