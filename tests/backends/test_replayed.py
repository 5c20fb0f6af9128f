"""Saved spans, sent on by `spanglass replay`: what comes to a real backend is what was saved."""

import subprocess
import sys
from pathlib import Path

import pytest
from keeps import COLLECTOR, PHOENIX, expected
from opentelemetry.sdk.trace import ReadableSpan
from otelcol import Collector
from processes import wait_until
from scenarios import SCENARIOS
from tracing import traced
from viewer import Phoenix
from wire import flat, nested

from otlp_receivers import http_receiver
from spanglass import spans_to_jsonl
from spanglass.export.endpoint import GRPC, HTTP

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend

TOKENS = 1234
"""What each call of the scenarios takes."""


def saved(file: Path, project: str, *scenarios: str) -> list[ReadableSpan]:
    """Save what programs make, and return it."""
    with http_receiver() as received, traced({HTTP: received.url}, HTTP, project=project) as spans:
        for scenario in scenarios:
            SCENARIOS[scenario].run()
    file.write_text(spans_to_jsonl(spans), encoding="utf-8")
    return spans


def replay(file: Path, url: str, protocol: str, *options: str) -> tuple[int, str, str]:
    """Send the spans of a file; return the exit status, and what is printed on either side."""
    spanglass = Path(sys.executable).with_name("spanglass")
    done = subprocess.run(  # noqa: S603 - our own command
        [spanglass, "replay", str(file), "--endpoint", url, "--protocol", protocol, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_collector(collector: Collector, protocol: str, project: str, tmp_path: Path) -> None:
    """A Collector has every field of every span that was saved."""
    spans = saved(tmp_path / "trace.jsonl", project, *SCENARIOS)
    status, _, stderr = replay(tmp_path / "trace.jsonl", collector.endpoints[protocol], protocol)

    assert (status, stderr) == (0, "")
    assert flat(collector.read(spans)) == flat(expected(COLLECTOR, span) for span in nested(spans))


@pytest.mark.phoenix
def test_phoenix(phoenix: Phoenix, project: str, tmp_path: Path) -> None:
    """Phoenix has every span that was saved in the project that it was of, and, with new ids, once more."""
    file = tmp_path / "trace.jsonl"
    spans = saved(file, project, "plain", "retried")
    url = phoenix.endpoints[HTTP]
    first = replay(file, url, HTTP)
    shown = phoenix.read(spans)
    second = replay(file, url, HTTP, "--new-ids")
    wait_until(lambda: len(phoenix.costs(project)) >= 2 * len(spans), f"{project} once more", seconds=30, every=0.25)

    assert [first, second] == [(0, f"{len(spans)} spans sent to {url}.\n", "")] * 2
    assert flat(shown) == flat(expected(PHOENIX, span) for span in nested(spans))
    assert (len(phoenix.costs(project)), phoenix.total(project)) == (2 * len(spans), 4 * TOKENS)
