"""OTLP receivers on loopback, over HTTP and gRPC, that keep what they are sent."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc  # type: ignore[import-untyped]  # it has no annotations
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


@dataclass
class Received:
    """What has come: the name of every span, the paths and headers of the requests, the attributes of the resource."""

    port: int = 0
    spans: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, request: ExportTraceServiceRequest, path: str, headers: dict[str, str]) -> None:
        """Keep one export."""
        self.paths.append(path)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        for group in request.resource_spans:
            self.resource = {pair.key: pair.value.string_value for pair in group.resource.attributes}
            self.spans += [span.name for scope in group.scope_spans for span in scope.spans]


@contextmanager
def http_receiver(*statuses: int) -> Iterator[Received]:
    """Receive OTLP over HTTP; answer with `statuses` in their order and then with 200."""
    received = Received()
    answers = list(statuses)

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop(0) if answers else 200
            if status == 200:
                received.take(ExportTraceServiceRequest.FromString(body), self.path, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that http.server has
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Post) as server:
        received.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


class _Traces(TraceServiceServicer):
    def __init__(self, received: Received, statuses: tuple[grpc.StatusCode, ...]) -> None:
        self._received = received
        self._statuses = list(statuses)

    def Export(  # noqa: N802  # the name that the service has
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Take one export, or refuse it."""
        if self._statuses:
            context.abort(self._statuses.pop(0), "refused")
        headers = {str(name): str(value) for name, value in context.invocation_metadata()}
        self._received.take(request, "grpc", headers)
        return ExportTraceServiceResponse()


@contextmanager
def grpc_receiver(*statuses: grpc.StatusCode) -> Iterator[Received]:
    """Receive OTLP over gRPC; refuse with `statuses` in their order, and always what is above gRPC's 4 MiB."""
    received = Received()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]  # generated
        _Traces(received, statuses), server
    )
    received.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()


@contextmanager
def silent_port(*, connects: bool) -> Iterator[int]:
    """Hold a port that refuses connections, or one that accepts them and never answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if connects:
            taken.listen()
        yield taken.getsockname()[1]
