"""What is still lost in silence."""

import subprocess
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otlp_receivers import Answer, http_receiver, lost
from spanglass.export.endpoint import HTTP, resolve
from spanglass.export.otlp import open_exporter
from spanglass.export.pipeline import Pipeline

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


def test_page() -> None:
    """A receiver that answers with a page, as a login without a redirect does, has not taken the spans."""
    page = Answer(200, {"Content-Type": "text/html"}, b"<!doctype html><title>Log in</title>")
    with http_receiver(page) as received:
        receiver = open_exporter(resolve(received.url, HTTP, environ={}))
        sent = receiver.send([ReadableSpan("a", trace.SpanContext(1, 1, is_remote=False))])
        receiver.close()

    assert sent.lost == 1


def test_after_shutdown() -> None:
    """What ends after a pipeline was shut down counts as dropped."""
    with http_receiver() as received:
        provider = TracerProvider(shutdown_on_exit=False)
        pipeline = Pipeline(provider, owned=False)
        pipeline.ship_to(resolve(received.url, HTTP, environ={}))
        pipeline.shutdown()
        provider.get_tracer("test").start_span("a").end()

    assert pipeline.dropped == 1
