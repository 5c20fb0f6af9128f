"""The ways of spans out of a program: that of `configure`, the SDK's own, and none."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanglass import configure


class Way(NamedTuple):
    """Where the spans come from, what tells how many of so many were dropped, and what waits until all are sent."""

    provider: TracerProvider
    dropped: Callable[[int], int]
    flush: Callable[[], object]


class Counting(SpanExporter):
    """Counts what an exporter delivers."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.delivered = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = self._exporter.export(spans)
        self.delivered += len(spans) if result is SpanExportResult.SUCCESS else 0
        return result


def configured(endpoint: str, protocol: str) -> Way:
    """Return the way that `configure` makes."""
    pipeline = configure(project="bench", endpoint=endpoint, protocol=protocol)
    assert isinstance(pipeline.provider, TracerProvider)
    return Way(pipeline.provider, lambda _: pipeline.dropped, pipeline.flush)


def by_hand(endpoint: str, protocol: str) -> Way:
    """Return the way that a program makes with the SDK alone; it does not count what it drops."""
    sending = GrpcExporter(endpoint, insecure=True) if protocol == "grpc" else HttpExporter(endpoint)
    exporter = Counting(sending)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Way(provider, lambda ended: ended - exporter.delivered, provider.force_flush)


def none(_endpoint: str, _protocol: str) -> Way:
    """Return a way that leads nowhere."""
    return Way(TracerProvider(shutdown_on_exit=False), lambda _: 0, lambda: None)


WAYS = {"configured": configured, "by hand": by_hand, "none": none}
