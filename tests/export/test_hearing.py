"""What goes wrong on the way: hosts that are gone, answers that are cut, loggers that are off, numbers that are not."""

import logging
import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from exporting import RECEIVERS, sending
from otlp_receivers import Answer, Busy, grpc_receiver, http_receiver, partial, silent_port
from spanglass.export.endpoint import GRPC, HTTP, resolve
from spanglass.export.hearing import CHATTY
from spanglass.export.otlp import open_receiver
from spanglass.export.reporting import Sent

PROTOBUF = {"Content-Type": "application/x-protobuf"}
TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"
SPAN = ReadableSpan("a", trace.SpanContext(1, 1, is_remote=False))


@contextmanager
def full_port() -> Iterator[int]:
    """Hold a port where connecting takes for ever, as with a host that is gone."""
    with socket.socket() as taken, socket.socket() as first, socket.socket() as second:
        taken.bind(("127.0.0.1", 0))
        taken.listen(0)
        for other in (first, second):
            other.settimeout(0)
            other.connect_ex(taken.getsockname())
        yield taken.getsockname()[1]


@contextmanager
def raw_receiver(*answers: bytes | None) -> Iterator[tuple[str, list[int]]]:
    """Answer each request with bytes, and hang up, or never where there are none; gives the length of each request."""
    left = threading.Event()
    requests: list[int] = []

    class Take(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while line := self.rfile.readline().strip().lower():
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            requests.append(len(self.rfile.read(length)))
            answer = answers[len(requests) - 1]
            if answer is None:
                left.wait(20)
            else:
                self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Take) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", requests
        finally:
            left.set()
            server.shutdown()
            thread.join()


@contextmanager
def disabled(*names: str) -> Iterator[None]:
    """Turn loggers off."""
    try:
        for name in names:
            logging.getLogger(name).disabled = True
        yield
    finally:
        for name in names:
            logging.getLogger(name).disabled = False


GONE = [
    pytest.param(full_port, {TIMEOUT: "0.5"}, (), id="no connection in time"),
    pytest.param(lambda: silent_port(connects=False), {TIMEOUT: "0.5"}, (), id="no time to try again"),
    pytest.param(lambda: silent_port(connects=False), {TIMEOUT: "2"}, CHATTY, id="loggers off"),
]


@pytest.mark.parametrize(("port", "variables", "off"), GONE)
def test_gone(port: Callable[[], AbstractContextManager[int]], variables: dict[str, str], off: tuple[str, ...]) -> None:
    """What is sent to a receiver that is gone waits in the queue, however it is gone, and whatever is logged of it."""
    with (
        port() as number,
        disabled(*off),
        sending(f"http://127.0.0.1:{number}", HTTP, **variables) as (processor, tracer),
    ):
        tracer.start_span("a").end()
        flushed = processor.force_flush(3000)

        assert (flushed, processor.losses) == (False, {})


OK = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n{}\r\nab"
CUT = [OK.format(""), OK.format("Content-Type: application/x-protobuf\r\n")]


@pytest.mark.parametrize("answer", CUT)
def test_cut_answer(answer: str) -> None:
    """A batch that was taken is delivered, though the rest of the answer does not come, and is not sent again."""
    with raw_receiver(answer.encode()) as (url, requests), sending(url, HTTP) as (processor, tracer):
        tracer.start_span("a").end()
        flushed = processor.force_flush(6000)

        assert (flushed, processor.dropped, len(requests)) == (True, 0, 1)


def test_no_protobuf(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that says that it is protobuf, and is not, is a delivery of which nothing is said."""
    with http_receiver(Answer(200, PROTOBUF, b"\xff\xff")) as received:
        receiver = open_receiver(resolve(received.url, HTTP, environ={}))
        sent = receiver.send([SPAN])
        receiver.close()

    assert (sent, received.spans, caplog.messages) == (Sent(), ["a"], [])


def test_refused_and_then_not_answered() -> None:
    """A batch that was not answered in time is not sent again, though an attempt before had come to nothing."""
    with (
        raw_receiver(b"", b"", None) as (url, requests),
        sending(url, HTTP, **{TIMEOUT: "2.5"}) as (processor, tracer),
    ):
        tracer.start_span("a").end()
        flushed = processor.force_flush()

        assert (flushed, processor.losses, len(requests)) == (False, {"no answer in time": 1}, 3)


def test_late_over_grpc() -> None:
    """A batch that was not answered in time is not sent again by the exporter either."""
    with (
        grpc_receiver(grpc.StatusCode.DEADLINE_EXCEEDED) as received,
        sending(received.url, GRPC) as (processor, tracer),
    ):
        tracer.start_span("a").end()
        flushed = processor.force_flush()

        assert (flushed, received.spans, processor.losses) == (False, [], {"DEADLINE_EXCEEDED": 1})


def test_unknown_status() -> None:
    """A status that has no name is told as the number that it is, and is no delivery."""
    with http_receiver(499, 399) as received, sending(received.url, HTTP) as (processor, tracer):
        for name in ("a", "b"):
            tracer.start_span(name).end()
            processor.force_flush()

        assert (received.spans, processor.losses) == ([], {"499": 1, "399": 1})


@pytest.mark.parametrize("seconds", [-5, 0, 10**12])
def test_odd_time_asked_for(seconds: int) -> None:
    """A receiver that asks for a time which makes no sense is not asked again and again at once."""
    with grpc_receiver(Busy(seconds)) as received:
        receiver = open_receiver(resolve(received.url, GRPC, environ={}))
        sent = receiver.send([SPAN])
        receiver.close()

    assert sent == Sent(why="UNAVAILABLE", again=max(1.0, seconds), asked=True)


@pytest.mark.parametrize("rejected", [-5, 0, 7])
@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_no_such_number(protocol: str, rejected: int) -> None:
    """However many spans a receiver takes back out of a batch, no more are lost than it had, and none is found."""
    said = partial(rejected, "odd")
    answer: Any = said if protocol == GRPC else Answer(200, PROTOBUF, said.SerializeToString())
    with RECEIVERS[protocol](answer) as received, sending(received.url, protocol) as (processor, tracer):
        tracer.start_span("a").end()
        processor.force_flush()

        assert processor.dropped == min(max(rejected, 0), 1)


SAID = [
    ({"x": ""}, "old\nand slow", "(old and slow)"),
    ({"authorization": "Bearer abcd1234"}, "no abcd1234", "(no __REDACTED__)"),
]


@pytest.mark.parametrize(("headers", "says", "told"), SAID)
def test_told(headers: dict[str, str], says: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a receiver says is told on one line, without what the headers hide, and with all that they do not."""
    answer = Answer(200, PROTOBUF, partial(0, says).SerializeToString())
    with http_receiver(answer) as received:
        receiver = open_receiver(resolve(received.url, HTTP, headers, environ={}))
        receiver.send([SPAN])
        receiver.close()

    assert [told in line for line in caplog.messages] == [True]


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_not_encoded(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """A span that cannot be encoded costs no other, is counted, and told of once."""
    with RECEIVERS[protocol]() as received, sending(received.url, protocol) as (processor, tracer):
        for name in ("a", "\ud83d", "b", "\ud83d"):
            tracer.start_span(name).end()
        flushed = processor.force_flush()
        tracer.start_span("\ud83d").end()
        processor.force_flush()

        assert (flushed, received.spans, processor.losses) == (False, ["a", "b"], {"not to be encoded": 3})

    place = received.url + ("/v1/traces" if protocol == HTTP else "")
    said = (
        f"spanglass: 2 spans cannot be encoded for {place}, as with half a character in a name, and are dropped: this "
        "is said once."
    )

    assert caplog.messages == [said]


BROUGHT = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from spanglass.export.endpoint import resolve
from spanglass.export.otlp import open_receiver
receiver = open_receiver(resolve(sys.argv[1]))
print(receiver.send([ReadableSpan("a", trace.SpanContext(1, 1, is_remote=False))]).why)
"""


def test_session_of_the_program(tmp_path: Path) -> None:
    """Where a program brings a session of its own, as its credentials may need, its answers are heard as well."""
    packed = tmp_path / "bringing-1.0.dist-info"
    packed.mkdir()
    (packed / "METADATA").write_text("Metadata-Version: 2.1\nName: bringing\nVersion: 1.0\n")
    (packed / "entry_points.txt").write_text("[opentelemetry_otlp_credential_provider]\nown = requests:Session\n")
    variables = {"PYTHONPATH": str(tmp_path), "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "own"}
    with http_receiver(Answer(302, {"Location": "/login"})) as received:
        program = subprocess.run(  # noqa: S603  # this very Python, with a program of this file
            [sys.executable, "-c", BROUGHT, received.url],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    assert (program.stdout, received.spans) == ("302 Found\n", [])
