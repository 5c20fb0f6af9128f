"""The demo, run as a user runs it: five traces on the screen, and every span with a collector."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from spanglass.testing import OpenAIServer

pytestmark = pytest.mark.backend

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
TELLING: Final = re.compile(r"^(=== |Left out|╭| +\d+  | {5,}(attempt|backoff)|\w+Error: |Answer: |The collector|\d+ of)")
TIMED: Final = re.compile(r" +\d+ms")


def play(**environ: str) -> tuple[int, list[str], str]:
    """Run the demo, and return its exit status, the lines that tell a story, without their times, and its errors."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SPANGLASS_"))}
    done = subprocess.run(  # noqa: S603 - the demo itself
        [sys.executable, "-W", "error", EXAMPLES / "demo.py"],
        env={**bare, "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    lines = [TIMED.sub(" ms", line.replace("─", "")) for line in done.stdout.splitlines() if TELLING.match(line)]
    return done.returncode, lines, done.stderr


def test_on_its_own() -> None:
    """With nothing configured the demo shows five traces, and the collector took every span that was sent."""
    expected: list[str] = []

    assert play() == (0, expected, "")


def test_with_an_api_and_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key and an endpoint the calls go to that API and the spans to that collector; staged scenes are left out."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import collector  # noqa: PLC0415 - an example, found where the demo finds it

    running: Any = collector.Collector()
    with OpenAIServer() as server, running:
        played = play(
            OPENAI_API_KEY="test", OPENAI_BASE_URL=server.base_url, OTEL_EXPORTER_OTLP_ENDPOINT=running.endpoint
        )
        place = running.endpoint.removeprefix("http://")
    expected = [
    ]

    assert played == (0, expected, "")
    assert running.taken == 5
