"""A real collector, Rotel, which hands on what it takes to a receiver of our own, where the test reads it."""

import gzip
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, awaited, free_ports, listens, running
from wire import Nested, arrived


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP endpoint for traces that keeps everything it is sent."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), Post)
        self.requests: list[ExportTraceServiceRequest] = []


class Post(BaseHTTPRequestHandler):
    """One export."""

    def do_POST(self) -> None:
        """Keep the spans of the body, which Rotel always compresses."""
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        cast("Receiver", self.server).requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server has
        """Say nothing."""


class Rotel(NamedTuple):
    """A running collector: where it takes spans, by protocol, and where they come out."""

    endpoints: dict[str, str]
    receiver: Receiver

    def headers(self, project: str) -> dict[str, str]:  # noqa: ARG002 - every backend is asked
        """Return none: the resource says whose spans they are."""
        return {}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return what came out of the traces of `spans`, waiting until it is as many."""
        return awaited(lambda: self._handed_on(spans), len(spans), "what left Rotel")

    def _handed_on(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        groups = [group for request in list(self.receiver.requests) for group in request.resource_spans]
        return arrived(groups, spans)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve a receiver for the block."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def agent(directory: Path, *exporter: str) -> Iterator[dict[str, str]]:
    """Run Rotel with such an exporter for the block, and give its endpoints, by protocol.

    Its log and its pid are in `directory`.
    """
    http, grpc = free_ports(2)
    command = [
        str(files("rotel") / "rotel-agent"),
        "start",
        f"--pid-file={directory / 'pid'}",
        f"--otlp-http-endpoint={LOOPBACK}:{http}",
        f"--otlp-grpc-endpoint={LOOPBACK}:{grpc}",
        *exporter,
    ]
    ready = lambda: listens(http) and listens(grpc)  # noqa: E731 - two words, used once
    with running(command, ready, directory=directory, environment={}, seconds=20):
        yield {"http/protobuf": f"http://{LOOPBACK}:{http}/v1/traces", "grpc": f"http://{LOOPBACK}:{grpc}"}


@contextmanager
def rotel_agent(directory: Path) -> Iterator[Rotel]:
    """Run Rotel for the block, handing on what it takes; its log and its pid are in `directory`."""
    with receiver() as server:
        exporter = (
            "--exporter=otlp",
            "--otlp-exporter-protocol=http",
            f"--otlp-exporter-endpoint=http://{LOOPBACK}:{server.server_port}",
            "--batch-timeout=50ms",
        )
        with agent(directory, *exporter) as endpoints:
            yield Rotel(endpoints, server)
