"""Forks beside an exporter: how long they wait for it."""

import subprocess
import sys
from textwrap import dedent

import pytest

from otlp_receivers import silent_port

PROGRAM = """
    import os, sys, threading, time
    from opentelemetry import trace
    from spanglass import configure

    pipeline = configure(endpoint=sys.argv[1], protocol=sys.argv[2])
    trace.get_tracer("program").start_span("ended").end()
    assert not pipeline.flush(0.1)
    began = time.monotonic()
    for number in range(20):
        if (child := os.fork()) == 0:
            os._exit(number)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == number
    print(time.monotonic() - began < 5)
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_fork_beside_a_silent_receiver(protocol: str) -> None:
    """A receiver that never answers holds up no fork for long, nor each of many."""
    with silent_port(connects=True) as port:
        done = subprocess.run(  # noqa: S603 - a program of this file
            [sys.executable, "-W", "ignore", "-c", dedent(PROGRAM), f"http://127.0.0.1:{port}", protocol],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stdout) == (0, "True\n")
