"""The panel of one finished trace: what it says, how it looks in a log file, what hostile content cannot do."""

import io
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode
from recorder import ASKED, CHAIN, UNSET, Recorder, one, retried

from spanglass.export.console import print_summary, write
from spanglass.export.summary import summarize
from spanglass.guard import guard


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

  #  Tool         Duration                       Status  Detail
  1  openai_chat    7000ms  ███████████████████  OK      stop
       attempt 1      10ms  ▌                    FAILED  HTTP 429
       backoff       300ms  ░                            asked for by the server
       attempt 2    5005ms  ▐█████████████▌      FAILED  ReadTimeout
       backoff       812ms                ░░░            chosen by the SDK
       attempt 3     870ms                  ▐██  OK      HTTP 200

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

  #  Tool         Duration                            Status  Detail
  1  openai_chat    1240ms  ████████████████████████  OK      [/]\\x07[link=x]

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

  #  Tool         Duration                            Status  Detail
  1  openai_chat    1240ms  ========================  OK      [/]\\x07[link=x]

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

  #  Tool         Duration                Status  Detail
  1  openai_chat    1240ms  ████████████  FAILED  RateLimitError: Error code:
                                                  429 - {'error': {'message':
                                                  'Slow down', 'code':
                                                  'rate_limit_exceeded'}}

"""

    assert drawn(one(ASKED, Status(StatusCode.ERROR, error))) == expected


def called(**attributes: object) -> str:
    """Return what the panel of a call says of its tokens and its cost."""
    lines = drawn(one({"openinference.span.kind": "LLM", **attributes})).splitlines()
    return ", ".join(" ".join(line.split()[1:-1]) for line in lines if line.startswith(("│  Token", "│  Cost")))


def test_tokens_and_cost() -> None:
    """Tokens are marked where they are an estimate, and a cost is told to the last digit."""
    told = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 13, "llm.token_count.total": 1013}
    priced = {"llm.provider": "openai", "llm.response.model_name": "gpt-4o-mini"}

    assert [
        called(**told),
        called(**told, **priced),
        called(**{"spanglass.usage.estimated_completion_tokens": 1013}),
        called(),
    ] == ["Token Count 1,013", "Token Count 1,013, Cost $0.000158", "Token Count ~1,013", ""]


def test_a_cost_that_is_known_in_part() -> None:
    """Where some calls have no price, the cost is said to be at least that of the others."""
    found = replace(summarize(one({})), cost=Decimal("1234.5"), partial=True)
    file = io.StringIO()
    write(found, file)

    assert "│  Cost         at least $1,234.50 " in file.getvalue()


def test_many_levels() -> None:
    """Steps are indented by the functions that they are in, as far as that is readable, and long names are cut."""
    recorder = Recorder()
    spans = [recorder.begin("root", 0, CHAIN)]
    for level in range(6):
        spans.append(recorder.begin(f"a_function_at_level_{level}", level + 1, CHAIN, spans[-1]))
    for number, span in enumerate(reversed(spans)):
        recorder.end(span, 20 + 4 * number)
    expected = """
  #  Tool                      Duration                           Status  Detail
  1  a_function_at_level_0         39ms  ▐████████████████████    OK
  2    a_function_at_level_1       34ms   ██████████████████      OK
  3      a_function_at_lev...      29ms   ▐███████████████        OK
  4        a_function_at_l...      24ms    █████████████          OK
  5          a_function_at...      19ms    ▐██████████            OK
  6          a_function_at...      14ms     ███████▌              OK

"""

    assert drawn(recorder.spans).partition("╯\n")[2] == expected


def test_what_took_no_time() -> None:
    """A step of no length is seen on the axis, also at its end, and so is a trace of no length."""
    recorder = Recorder()
    root = recorder.begin("root", 0, CHAIN)
    for at in (0, 50, 100):
        recorder.end(recorder.begin("tool", at, CHAIN, root), at)
    recorder.end(root, 100)
    expected = """
  #  Tool  Duration                            Status  Detail
  1  tool       0ms  ▌                         OK
  2  tool       0ms              ▌             OK
  3  tool       0ms                         ▐  OK

"""
    instant = Recorder()
    instant.end(instant.begin("tool", 0, CHAIN), 0)

    assert drawn(recorder.spans).partition("╯\n")[2] == expected
    assert "  1  tool       0ms  ▌  " in drawn(instant.spans)


@pytest.mark.parametrize(("columns", "expected"), [("60", 60), ("20", 52)])
def test_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, expected: int) -> None:
    """A terminal of few columns has narrow panels, as far as they can be."""
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color"), ("COLUMNS", columns)):
        monkeypatch.setenv(name, value)
    recorder = Recorder()
    root = recorder.begin("root", 0, CHAIN)
    tool = recorder.begin("a_tool_with_quite_a_long_name", 0, CHAIN, root)
    recorder.end(tool, 1, Status(StatusCode.ERROR, "ValueError: " + "there is no such city in any country " * 3))
    recorder.end(root, 2)
    lines = re.sub(r"\x1b\[[\d;]*m", "", drawn(recorder.spans)).splitlines()

    assert max(map(len, lines)) == expected


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
