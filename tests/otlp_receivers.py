"""OTLP receivers on loopback, over HTTP and gRPC, that keep what they are sent."""

import gzip
import socket
import socketserver
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import grpc  # type: ignore[import-untyped]  # it has no annotations
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # generated
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # generated
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

PASSING = {"429 Too Many Requests", "503 Service Unavailable", "UNAVAILABLE", "ConnectionError"}
DECODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


def unreached(place: str, protocol: str, why: str) -> str:
    """Return what is said of a receiver when it begins to fail."""
    meanwhile = "wait in the queue, and are dropped when it is full" if why in PASSING else "are dropped"
    return (
        f"spanglass: spans do not reach {place} over {protocol} ({why}): check that a collector listens there, and "
        f"that endpoint, protocol and headers are right; until then spans {meanwhile}, and this is said once."
    )


def lost(place: str, reasons: str) -> str:
    """Return what is said at the end, which counts what did not arrive by its reasons."""
    total = sum(int(reason.partition(":")[0]) for reason in reasons.split("; "))
    return f"spanglass: spans that did not reach {place}: {total} ({reasons})."


@dataclass
class Received:
    """What has come: the exports, the names of all spans, paths and headers of requests, attributes of the resource."""

    port: int = 0
    spans: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    exports: list[ExportTraceServiceRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, request: ExportTraceServiceRequest, path: str, headers: dict[str, str]) -> None:
        """Keep one export."""
        self.exports.append(request)
        self.paths.append(path)
        self.headers.append({name.lower(): value for name, value in headers.items()})
        for group in request.resource_spans:
            self.resource = {pair.key: pair.value.string_value for pair in group.resource.attributes}
            self.spans += [span.name for scope in group.scope_spans for span in scope.spans]


class Answer(NamedTuple):
    """What an HTTP receiver answers."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


def partial(rejected: int, message: str) -> ExportTraceServiceResponse:
    """Return a receiver's word that it took a batch but for some of its spans."""
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=success)


@contextmanager
def http_receiver(*answers: int | Answer, tls: ssl.SSLContext | None = None) -> Iterator[Received]:
    """Receive OTLP over HTTP, or HTTPS; answer with statuses or more in their order and then with 200."""
    received = Received()
    to_come = [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") in DECODERS:
                body = DECODERS[self.headers["Content-Encoding"]](body)
            self._answer(to_come.pop(0) if to_come else Answer(), body)

        def _answer(self, answer: Answer, body: bytes) -> None:
            if answer.status == 200:
                received.take(ExportTraceServiceRequest.FromString(body), self.path, dict(self.headers))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that http.server has
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Post) as server:
        received.port = server.server_port
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


class Busy(NamedTuple):
    """What a gRPC receiver answers that asks for so many seconds."""

    seconds: int

    def details(self) -> bytes:
        """Return the details of the status, on the wire."""
        info = RetryInfo()
        info.retry_delay.seconds = self.seconds
        status = Status(code=14)
        status.details.add().Pack(info)
        return bytes(status.SerializeToString())


class _Traces(TraceServiceServicer):
    def __init__(
        self, received: Received, answers: Sequence[grpc.StatusCode | Busy | ExportTraceServiceResponse]
    ) -> None:
        self._received = received
        self._answers = list(answers)

    def Export(  # noqa: N802  # the name that the service has
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Take one export, or refuse it."""
        answer = self._answers.pop(0) if self._answers else ExportTraceServiceResponse()
        if isinstance(answer, Busy):
            context.set_trailing_metadata((("grpc-status-details-bin", answer.details()),))
            answer = grpc.StatusCode.UNAVAILABLE
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "refused")
        headers = {str(name): str(value) for name, value in context.invocation_metadata()}
        self._received.take(request, "grpc", headers)
        return answer


@contextmanager
def grpc_receiver(*answers: grpc.StatusCode | Busy | ExportTraceServiceResponse) -> Iterator[Received]:
    """Receive OTLP over gRPC; give `answers` in their order, and always refuse what is above gRPC's 4 MiB."""
    received = Received()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]  # generated
        _Traces(received, answers), server
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


@dataclass
class Relay:
    """Passes bytes on to a receiver while it is open, and counts those that are sent to it."""

    port: int = 0
    sent: int = 0
    opened: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Stand before the receiver at `port`."""
    wire = Relay()
    wire.opened.set()

    def up(chunk: bytes) -> None:
        wire.sent += len(chunk)
        wire.opened.wait()

    class Pass(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as onward, ThreadPoolExecutor(1) as pool:
                back = pool.submit(_pump, onward, self.request, len)
                _pump(self.request, onward, up)
                back.result()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pass) as server:
        wire.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield wire
        finally:
            wire.opened.set()
            server.shutdown()
            thread.join()


def _pump(source: socket.socket, sink: socket.socket, seen: Callable[[bytes], object]) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            seen(chunk)
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
