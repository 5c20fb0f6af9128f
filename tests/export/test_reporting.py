"""What is said of a receiver, and what one span that is too large for it costs."""

from http import HTTPStatus

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
from opentelemetry.sdk.trace import TracerProvider

from otlp_receivers import Received, grpc_receiver, http_receiver
from spanglass.export.batching import BatchProcessor
from spanglass.export.endpoint import resolve
from spanglass.export.otlp import open_receiver

LARGE = 4 * 1024 * 1024 + 1


def ship(received: Received, protocol: str, *sizes: int) -> tuple[bool, list[str], int]:
    """End a span of each size, named by it; return whether all arrived within four seconds, which, and the drops."""
    target = resolve(received.url, protocol, environ={})
    processor = BatchProcessor(open_receiver(target))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    for size in sizes:
        provider.get_tracer("test").start_span(str(size), attributes={"text": "a" * size}).end()
    flushed = processor.force_flush(4000)
    processor.close(0)
    return flushed, received.spans, processor.dropped


def said(place: str, protocol: str, why: str) -> str:
    """Return the one line that spans which are too large cost."""
    return (
        f"spanglass: {place} does not take a span of 4.2 MB over {protocol} ({why}), and it is dropped: let the "
        "receiver take larger messages, or record less in one span; this is said once."
    )


def test_too_large_over_grpc(caplog: pytest.LogCaptureFixture) -> None:
    """A span that a gRPC receiver refuses for its size is told once, not sent again, and costs no other span."""
    with grpc_receiver() as received:
        outcome = ship(received, "grpc", 1, LARGE, 2, LARGE, 3)

    assert (outcome, caplog.messages) == (
        (False, ["1", "2", "3"], 2),
        [said(received.url, "grpc", "RESOURCE_EXHAUSTED")],
    )


def test_too_large_for_a_smaller_limit() -> None:
    """A span that a gRPC receiver with a lower limit refuses is given up, and holds up no other."""
    with grpc_receiver(grpc.StatusCode.RESOURCE_EXHAUSTED) as received:
        outcome = ship(received, "grpc", 1_100_000, 1)

    assert outcome == (False, ["1"], 1)


def test_too_large_over_http(caplog: pytest.LogCaptureFixture) -> None:
    """A span that a receiver refuses for its size over HTTP is told as such, and the receiver not as out of reach."""
    with http_receiver(413) as received:
        outcome = ship(received, "http/protobuf", LARGE, 1)

    assert (outcome, caplog.messages) == (
        (False, ["1"], 1),
        [said(f"{received.url}/v1/traces", "http/protobuf", f"413 {HTTPStatus(413).phrase}")],
    )


def test_many_large(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Spans that together are more than a receiver takes in one message all arrive, and nobody says anything."""
    with grpc_receiver() as received:
        outcome = ship(received, "grpc", *[20_000] * 500)
        printed = capfd.readouterr()

    assert (outcome, caplog.messages, printed) == ((True, ["20000"] * 500, 0), [], ("", ""))


def test_busy(caplog: pytest.LogCaptureFixture) -> None:
    """A gRPC receiver that is out of a resource is asked again, where the size cannot be why."""
    with grpc_receiver(grpc.StatusCode.RESOURCE_EXHAUSTED) as received:
        outcome = ship(received, "grpc", 1)

    assert (outcome, caplog.messages) == ((True, ["1"], 0), [])
