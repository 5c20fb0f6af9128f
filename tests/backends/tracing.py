"""A program's spans, sent to a backend and kept here beside."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.util.types import AttributeValue

from spanglass import OpenAIInstrumentor
from spanglass.export.batching import BatchProcessor, Sending
from spanglass.export.endpoint import resolve
from spanglass.export.otlp import open_receiver


@contextmanager
def traced(
    endpoints: Mapping[str, str],
    protocol: str,
    *,
    project: str,
    headers: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[list[ReadableSpan]]:
    """Trace OpenAI in the block, with these settings, and send its spans by `protocol` to its endpoint.

    They go by what `configure` sends by. The list is filled when the block ends, in the order of the spans' start; by
    then the backend has taken them all.
    """
    receiver = open_receiver(resolve(endpoints[protocol], protocol, headers, environ={}))
    with traced_to(receiver, project=project, settings=settings) as spans:
        yield spans


@contextmanager
def traced_to(
    receiver: Sending, *, project: str, settings: Mapping[str, Any] | None = None
) -> Iterator[list[ReadableSpan]]:
    """Do so with what sends them."""
    kept, spans = InMemorySpanExporter(), list[ReadableSpan]()
    who: dict[str, AttributeValue] = {
        "service.name": "night-desk",
        "service.desks": 2,
        "service.lamps": ["green", "red"],
        "openinference.project.name": project,
    }
    resource = Resource.create(who, "https://example.com/1")
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
    shipped = BatchProcessor(receiver)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.add_span_processor(shipped)
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider, **settings or {})
    try:
        yield spans
        assert shipped.force_flush(60_000), "not every span was taken"
    finally:
        instrumentor.uninstrument()
        provider.shutdown()
        spans += sorted(kept.get_finished_spans(), key=lambda span: (span.start_time or 0, span.name))
