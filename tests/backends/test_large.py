"""Many large spans, and one that is too large, at a collector that refuses large messages."""

from collections.abc import Callable
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from processes import wait_until
from rotel_agent import Rotel, rotel_agent

from spanglass.export.batching import BatchProcessor
from spanglass.export.endpoint import GRPC, HTTP, resolve
from spanglass.export.otlp import open_receiver

pytestmark = pytest.mark.backend

COUNT = 500


def end(provider: TracerProvider, *sizes: int) -> list[ReadableSpan]:
    """End spans of so many bytes and some, at once, named by their numbers; return them."""
    tracer = provider.get_tracer("test")
    spans = [tracer.start_span(str(number), attributes={"text": "a" * size}) for number, size in enumerate(sizes)]
    for span in spans:
        span.end()
    return [span for span in spans if isinstance(span, ReadableSpan)]


def ship(rotel: Rotel, protocol: str, *sizes: int) -> tuple[bool, int, list[str]]:
    """End spans of so many bytes; return whether all were taken, how many were not, and the names that came out."""
    processor = BatchProcessor(open_receiver(resolve(rotel.endpoints[protocol], protocol, environ={})))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    end(provider, *sizes)
    flushed = processor.force_flush(5000)  # the exporter itself would be busy longer with one refusal
    processor.close(0)
    wait_until(lambda: len(names(rotel)) >= len(sizes) - processor.dropped, "the spans to leave Rotel", seconds=10)
    return flushed, processor.dropped, names(rotel)


def names(rotel: Rotel) -> list[str]:
    """Return the names of the spans that came out, in the order of their numbers."""
    requests = list(rotel.receiver.requests)
    groups = [scope for request in requests for group in request.resource_spans for scope in group.scope_spans]
    return sorted((span.name for group in groups for span in group.spans), key=int)


def refused_over_grpc(url: str, message: ExportTraceServiceRequest) -> str | None:
    """Send one message; return the status if it is refused."""
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        try:
            TraceServiceStub(channel).Export(message)  # type: ignore[no-untyped-call]  # generated
        except grpc.RpcError as error:
            return str(error.code().name)
    return None


def refused_over_http(url: str, message: ExportTraceServiceRequest) -> str | None:
    """Send one message; return the status if it is refused."""
    headers = {"Content-Type": "application/x-protobuf"}
    answer = requests.post(url, message.SerializeToString(), headers=headers, timeout=20)
    return None if answer.ok else str(answer.status_code)


@pytest.mark.parametrize(
    ("protocol", "send", "size", "status"),
    [(GRPC, refused_over_grpc, 20_000, "OUT_OF_RANGE"), (HTTP, refused_over_http, 60_000, "413")],
)
def test_all_in_one_are_refused(
    tmp_path: Path,
    protocol: str,
    send: Callable[[str, ExportTraceServiceRequest], str | None],
    size: int,
    status: str,
) -> None:
    """The collector refuses the spans of the test below in one message, so that they would be lost."""
    spans = end(TracerProvider(shutdown_on_exit=False), *[size] * COUNT)
    with rotel_agent(tmp_path) as rotel:
        outcome = [send(rotel.endpoints[protocol], encode_spans(part)) for part in (spans[:2], spans)]

    assert outcome == [None, status]


@pytest.mark.parametrize(
    ("sent", "variables"),
    [
        ((GRPC, 20_000), {}),
        ((HTTP, 20_000), {}),
        ((HTTP, 60_000), {}),
        ((HTTP, 60_000), {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}),
    ],
    ids=str,
)
def test_all_arrive(
    tmp_path: Path,
    sent: tuple[str, int],
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Large spans that end at once all arrive at a collector, and neither side has anything to complain of."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    protocol, size = sent
    with rotel_agent(tmp_path) as rotel:
        outcome = ship(rotel, protocol, *[size] * COUNT)
        printed = capfd.readouterr()
    complaints = [line for line in (tmp_path / "log.txt").read_text().splitlines() if " INFO" not in line]

    assert (outcome, complaints, caplog.messages, printed) == (
        (True, 0, [str(number) for number in range(COUNT)]),
        [],
        [],
        ("", ""),
    )


def test_one_is_too_large(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A span that a collector refuses for its size is told once, and costs no other span."""
    with rotel_agent(tmp_path) as rotel:
        outcome = ship(rotel, GRPC, 1, 4 * 1024 * 1024, 2)
        place = rotel.endpoints[GRPC]
    said = (
        f"spanglass: {place} does not take a span of 4.2 MB over grpc (OUT_OF_RANGE), and it is dropped: let the "
        "receiver take larger messages, or record less in one span; this is said once."
    )

    assert (outcome, caplog.messages) == ((False, 1, ["0", "2"]), [said])
