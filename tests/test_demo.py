"""The demo, run as a user runs it: five traces on the screen, and every span with the dashboard or a collector."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

import pytest

from otlp_receivers import http_receiver
from spanglass.testing import OpenAIServer

if sys.platform != "win32":
    import pty

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
TELLING: Final = re.compile(
    r"^(=== |Left out|╭| +\d+  | {5,}(attempt|backoff)|\w+Error: |Answer: |The dashboard|Error: |\d+ of)"
)
PORT: Final = re.compile(r"(?<=http://localhost:)\d+")
TIMED: Final = re.compile(r" +\d+ms[ ▐▌█░]+")


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a user who has configured nothing but these."""
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SPANGLASS_"))
    }
    return {**bare, "PYTHONIOENCODING": "utf-8", **more}


def play(*arguments: str, **environ: str) -> tuple[int, list[str], str]:
    """Run the demo, and return its exit status, the lines that tell a story, without their times, and its errors."""
    done = subprocess.run(  # noqa: S603 - the demo itself
        [sys.executable, "-W", "error", EXAMPLES / "demo.py", *arguments],
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    lines = [TIMED.sub(" ms ", line.replace("─", "")) for line in done.stdout.splitlines() if TELLING.match(line)]
    return done.returncode, lines, done.stderr


def test_on_its_own() -> None:
    """With nothing configured the demo shows five traces, and the dashboard took every span that was sent."""
    expected = [
        "=== A plain call",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat ms OK      stop",
        "Answer: The capital of France is Paris.",
        "=== A stream",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat_stream ms OK      completed, 7 chunks, stop",
        "Answer: One, two, three, four, five.",
        "=== A tool call and its result",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat ms OK      calls weather",
        "  2  weather ms OK",
        "  3  openai_chat ms OK      stop",
        "Answer: Yes: it is raining in Oslo.",
        "=== Two failed attempts, then an answer",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat ms OK      stop",
        "       attempt 1 ms FAILED  HTTP 429",
        "       backoff ms asked for by the server",
        "       attempt 2 ms FAILED  HTTP 503",
        "       backoff ms chosen by the SDK",
        "       attempt 3 ms OK      HTTP 200",
        "Answer: I am now.",
        "=== A call that fails",
        "╭ spanglass Trace  FAILED ╮",
        "  1  openai_chat ms FAILED  AuthenticationError: Error",
        "       attempt 1 ms FAILED  HTTP 401",
        "AuthenticationError: Error code: 401 - Incorrect API key provided.",
        "The dashboard took 12 of 12 spans: http://localhost:PORT",
    ]
    status, lines, told = play("--port", "0")

    assert (status, [PORT.sub("PORT", line) for line in lines], told) == (0, expected, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_in_a_terminal() -> None:
    """Where a terminal is attached the dashboard stays with the traces until Ctrl-C, which ends it with 0."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - the demo itself
        [sys.executable, "-W", "error", EXAMPLES / "demo.py", "--port", "0"],
        env=environment(COLUMNS="80"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        with os.fdopen(ours, "r", encoding="utf-8", errors="replace") as terminal:
            said = []
            for line in terminal:
                said.append(line.strip())
                if line.startswith("The dashboard stays"):
                    break
            (url,) = (line.rpartition(" ")[2] for line in said if line.startswith("The dashboard took"))
            with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - the demo's own server
                page = response.read().decode()
            process.send_signal(signal.SIGINT)
            status = process.wait(timeout=30)

    assert (status, said[-1], page.count("/traces/") >= 5) == (0, "The dashboard stays until Ctrl-C.", True)


def test_the_port_of_another() -> None:
    """Where another program has the port, the demo plays nothing, says so in one sentence, and ends with 1."""
    with http_receiver() as other:
        status, lines, told = play("--port", str(other.port))

    why = f"in use: end what listens there, or choose another, as by --port {other.port + 1}."

    assert (status, lines, told) == (1, [], f"Error: Port {other.port} of 127.0.0.1 is {why}\n")


def test_with_an_api_and_an_endpoint() -> None:
    """With a key and an endpoint calls go to that API and spans to that collector; staged scenes are left out."""
    with OpenAIServer() as server, http_receiver() as running:
        played = play(OPENAI_API_KEY="test", OPENAI_BASE_URL=server.base_url, OTEL_EXPORTER_OTLP_ENDPOINT=running.url)
        place = f"{running.url}/v1/traces"
    expected = [
        "=== A plain call",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat ms OK      stop",
        "Answer: Hello",
        "=== A stream",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat_stream ms OK      completed, 4 chunks, stop",
        "Answer: Hello",
        "=== A tool call and its result",
        "╭ spanglass Trace  SUCCESS ╮",
        "  1  openai_chat ms OK      stop",
        "  2  openai_chat ms OK      stop",
        "Answer: Hello",
        "=== Two failed attempts, then an answer",
        "Left out: the real API does not fail on demand.",
        "=== A call that fails",
        "Left out: the real API does not fail on demand.",
        f"5 of 5 spans were delivered to {place}, project spanglass-demo.",
    ]

    assert played == (0, expected, "")
    assert len(running.spans) == 5
