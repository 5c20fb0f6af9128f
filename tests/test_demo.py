"""The demo, run as a user runs it: five traces on the screen, and every span with a collector."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from spanglass.testing import OpenAIServer

pytestmark = pytest.mark.backend

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
TELLING: Final = re.compile(
    r"^(=== |Left out|╭| +\d+  | {5,}(attempt|backoff)|\w+Error: |Answer: |The collector|\d+ of)"
)
TIMED: Final = re.compile(r" +\d+ms[ ▐▌█░]+")


def play(**environ: str) -> tuple[int, list[str], str]:
    """Run the demo, and return its exit status, the lines that tell a story, without their times, and its errors."""
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SPANGLASS_"))
    }
    done = subprocess.run(  # noqa: S603 - the demo itself
        [sys.executable, "-W", "error", EXAMPLES / "demo.py"],
        env={**bare, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    lines = [TIMED.sub(" ms ", line.replace("─", "")) for line in done.stdout.splitlines() if TELLING.match(line)]
    return done.returncode, lines, done.stderr


def test_on_its_own() -> None:
    """With nothing configured the demo shows five traces, and the collector took every span that was sent."""
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
        "The collector took 12 of 12 spans.",
    ]

    assert play() == (0, expected, "")


def test_with_an_api_and_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key and an endpoint calls go to that API and spans to that collector; staged scenes are left out."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import collector  # noqa: PLC0415 - an example, found where the demo finds it

    with OpenAIServer() as server, collector.Collector() as running:
        played = play(
            OPENAI_API_KEY="test", OPENAI_BASE_URL=server.base_url, OTEL_EXPORTER_OTLP_ENDPOINT=running.endpoint
        )
        place = f"{running.endpoint}/v1/traces"
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
    assert running.taken == 5
