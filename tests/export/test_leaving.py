"""SIGTERM in the midst of anything: whatever the main thread holds, it ends the process by the signal, and in time."""

import signal
import subprocess
import sys
import time
from textwrap import dedent
from typing import NamedTuple

import pytest

from otlp_receivers import http_receiver, silent_port
from spanglass.testing import OpenAIServer, Stall, Stream, chunks

LIMIT = 6.0
"""Seconds that SIGTERM may take with what is to be sent, at most."""
STARTING = 6.0
"""Seconds that a program may take besides, on a slow machine."""

BEGINNING = """
    import os, signal, sys, threading, time
    import openai
    from opentelemetry import trace
    from spanglass import OpenAIInstrumentor, configure

    pipeline = configure(endpoint=sys.argv[1])
    OpenAIInstrumentor().instrument()
    tracer = trace.get_tracer("program")
    tracer.start_span("ended").end()

    def terminate():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
"""
STREAM = """
    client = openai.OpenAI(base_url=sys.argv[2], api_key="test")
    stream = client.chat.completions.create(model="m", messages=[], stream=True)
    next(stream)
"""
# A lock that ending a span asks for, and that its own thread cannot take twice.
LOCKING = """
    from opentelemetry.sdk.trace import SpanProcessor

    lock = threading.Lock()

    class Locking(SpanProcessor):
        def on_end(self, span):
            with lock:
                pass

        def force_flush(self, timeout_millis=30000):
            return True

    pipeline.provider.add_span_processor(Locking())
"""
HELD = """
    with lock:
        terminate()
"""
LOGGING = """
    import logging
    logging.basicConfig()
    with logging.getLogger().handlers[0].lock:
        terminate()
"""
COLLECTING = """
    class Last:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # where signals are looked at
                time.sleep(0.001)

    del_me = Last()
    del del_me
    time.sleep(30)
"""

# The main thread holds the lock of the queue as the signal comes, and has a span that is not yet in it.
QUEUING = """
    from spanglass.export.backlog import Backlog

    put = Backlog.put

    def put_late(*arguments):
        if not terminated:
            terminated.append(True)
            signal.raise_signal(signal.SIGTERM)
        put(*arguments)

    terminated = []
    Backlog.put = put_late
    tracer.start_span("last").end()
    time.sleep(30)
"""


class Ended(NamedTuple):
    """How a program ended: its status, what it said on stderr, and whether in time."""

    status: int
    said: str
    in_time: bool


def run(program: str, *arguments: str) -> Ended:
    """Run a program, and return how it ended."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - a program of this file
        [sys.executable, "-c", dedent(program), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(done.returncode, done.stderr, time.monotonic() - began < LIMIT + STARTING)


KILLED = Ended(-signal.SIGTERM, "", in_time=True)


@pytest.mark.parametrize("end", ["    terminate()\n", LOGGING, COLLECTING], ids=["idle", "logging", "in a finaliser"])
def test_terminated(end: str) -> None:
    """Wherever the main thread is, SIGTERM sends what has ended, and the stream that is open."""
    with http_receiver() as received, OpenAIServer() as server:
        server.script(Stream([*chunks()[:2], Stall()]))
        ended = run(BEGINNING + STREAM + end, received.url, server.base_url)

    assert (ended, received.spans) == (KILLED, ["ended", "ChatCompletion"])


def test_terminated_while_holding_what_a_span_needs() -> None:
    """A lock that ending a span needs, held by the main thread for ever, costs the last spans but never the end."""
    with http_receiver() as received, OpenAIServer() as server:
        server.script(Stream([*chunks()[:2], Stall()]))
        ended = run(BEGINNING + LOCKING + STREAM + HELD, received.url, server.base_url)

    assert ended == KILLED


def test_terminated_while_queuing() -> None:
    """A signal that finds the main thread about to queue a span lets it do so, and then ends the process."""
    with http_receiver() as received:
        ended = run(BEGINNING + QUEUING, received.url)

    assert (ended, received.spans) == (KILLED, ["ended", "last"])


def test_terminated_twice() -> None:
    """A receiver that never answers keeps no process from ending by the signal, nor does a second signal meanwhile."""
    program = """
    threading.Thread(target=lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGTERM)), daemon=True).start()
    terminate()
"""
    with silent_port(connects=True) as port:
        ended = run(BEGINNING + program, f"http://127.0.0.1:{port}")

    assert (ended.status, ended.in_time) == (-signal.SIGTERM, True)


def test_malformed_endpoint() -> None:
    """A malformed endpoint is an error of `configure()` at once, which leaves nothing behind: a better one works."""
    program = """
    import sys
    from opentelemetry import trace
    from spanglass import configure

    faults = {"endpoint": "localhost:4318"}, {"endpoint": "http://"}, {"protocol": "udp"}, {"headers": {"a b": "c"}}
    for wrong in faults:
        try:
            configure(**{"endpoint": sys.argv[1], **wrong})
        except ValueError:
            assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        else:
            sys.exit(f"{wrong} was taken")
    configure(endpoint=sys.argv[1])
    trace.get_tracer("program").start_span("ended").end()
"""
    with http_receiver() as received:
        ended = run(program, received.url)

    assert (ended, received.spans) == (Ended(0, "", in_time=True), ["ended"])
