"""What is still lost in silence."""

import subprocess
import sys

from otlp_receivers import http_receiver, lost

LATE = """
import atexit, sys
from opentelemetry import trace
from spanglass import configure

atexit.register(lambda: trace.get_tracer("program").start_span("late").end())
configure(endpoint=sys.argv[1])
"""


def test_late() -> None:
    """A span that ends after the last moment of sending, in what was to run at exit already, is told as lost."""
    with http_receiver() as received:
        program = subprocess.run(  # noqa: S603  # this very Python, with a program of this file
            [sys.executable, "-c", LATE, received.url], capture_output=True, text=True, timeout=60, check=True
        )

    told = lost(f"{received.url}/v1/traces", "1: ended after the end") + "\n"

    assert (received.spans, program.stderr) == ([], told)
