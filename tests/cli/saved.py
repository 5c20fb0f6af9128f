"""Spans in a file, as a program saves them, and those in requests that a server has received."""

from collections.abc import Iterable
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, get_current_span

from spanglass import spans_to_jsonl
from spanglass.testing import Request


def pairs(count: int, text: str = "") -> list[ReadableSpan]:
    """Return pairs of spans, `child 0`, `parent 0`, …: each child has a parent, and a link to the parent before."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"openinference.project.name": "saved"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("test")
    before: list[Link] = []
    for number in range(count):
        with tracer.start_as_current_span(f"parent {number}", attributes={"text": text}):
            tracer.start_span(f"child {number}", links=before).end()
            before = [Link(get_current_span().get_span_context())]
    return list(kept.get_finished_spans())


def names(count: int) -> list[str]:
    """Return the names of so many pairs."""
    return [f"{who} {number}" for number in range(count) for who in ("child", "parent")]


def save(path: Path, spans: Iterable[ReadableSpan]) -> Path:
    """Write spans to a file, and return its path."""
    path.write_text(spans_to_jsonl(spans), encoding="utf-8")
    return path


def spans_in(requests: Iterable[Request]) -> list[Span]:
    """Return the spans of requests of OTLP over HTTP."""
    received = [ExportTraceServiceRequest.FromString(request.body) for request in requests]
    return [
        span
        for request in received
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
