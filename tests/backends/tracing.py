"""A program's spans, sent to a backend and kept here beside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from spanglass import OpenAIInstrumentor

EXPORTERS: dict[str, Callable[[str, dict[str, str]], SpanExporter]] = {
    "http/protobuf": lambda endpoint, headers: HttpExporter(endpoint=endpoint, headers=headers),
    "grpc": lambda endpoint, headers: GrpcExporter(endpoint=endpoint, headers=headers, insecure=True),
}


@contextmanager
def traced(
    endpoints: dict[str, str], protocol: str, *, project: str, headers: Mapping[str, str] | None = None
) -> Iterator[list[ReadableSpan]]:
    """Trace OpenAI in the block, and send its spans by `protocol` to its endpoint, with these headers.

    The list is filled when the block ends, in the order of the spans' start; by then the backend has taken them all.
    """
    kept, spans = InMemorySpanExporter(), list[ReadableSpan]()
    resource = Resource({"service.name": "night-desk", "openinference.project.name": project}, "https://example.com/1")
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.add_span_processor(BatchSpanProcessor(EXPORTERS[protocol](endpoints[protocol], dict(headers or {}))))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield spans
    finally:
        instrumentor.uninstrument()
        provider.shutdown()
        spans += sorted(kept.get_finished_spans(), key=lambda span: (span.start_time or 0, span.name))
