"""Finished spans as tests of summaries and panels want them: made with the SDK, at times of their own."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

MS: Final = 1_000_000  # nanoseconds
OK: Final = Status(StatusCode.OK)
UNSET: Final = Status()
CHAIN: Final = {"openinference.span.kind": "CHAIN"}
ASKED: Final = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o-mini",
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Be brief.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "What is the capital of France?",
}


class Counted(IdGenerator):
    """Ids in the order in which spans begin, so that a panel can be compared whole."""

    def __init__(self) -> None:
        self.last = 0xA1B2C3D4

    def generate_span_id(self) -> int:
        """Return the next id."""
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        """Return the next id."""
        return self.generate_span_id() << 96 | 0xFEED


class Recorder:
    """Makes finished spans with the SDK, at times counted in ms from the trace's start."""

    def __init__(self, resource: Mapping[str, str] | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(
            resource=Resource(resource or {}), id_generator=Counted(), shutdown_on_exit=False
        )
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    def begin(self, name: str, start: float, attributes: Mapping[str, Any], parent: Span | None = None) -> Span:
        """Return a span that is still open."""
        context = set_span_in_context(parent) if parent else None
        return self.tracer.start_span(name, context, attributes=attributes, start_time=int((1e6 + start) * MS))

    def end(self, span: Span, end: float, status: Status = OK) -> None:
        """Finish a span."""
        span.set_status(status)
        span.end(int((1e6 + end) * MS))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """What has finished, in the order of its ends."""
        return self.exporter.get_finished_spans()


def one(attributes: Mapping[str, Any], status: Status = OK, end: float = 1240) -> tuple[ReadableSpan, ...]:
    """Return a trace that is one chat completion."""
    recorder = Recorder()
    recorder.end(recorder.begin("ChatCompletion", 0, {"openinference.span.kind": "LLM", **attributes}), end, status)
    return recorder.spans


def retried() -> tuple[ReadableSpan, ...]:
    """Return a trace whose call was answered at its third attempt."""
    recorder = Recorder({"openinference.project.name": "customer-support", "deployment.environment.name": "production"})
    answered = {"llm.token_count.total": 1087, "llm.finish_reason": "stop", "spanglass.attempt.count": 3}
    call = recorder.begin("ChatCompletion", 0, {**ASKED, **answered})
    posted = {"openinference.span.kind": "CHAIN", "http.request.method": "POST"}
    failed: list[tuple[float, float, dict[str, Any]]] = [
        (1, 11, {"http.response.status_code": 429, "spanglass.attempt.backoff": 0.3,
                 "spanglass.attempt.backoff_source": "retry-after-ms"}),
        (311, 5316, {"error.type": "httpx.ReadTimeout", "spanglass.attempt.backoff": 0.8125,
                     "spanglass.attempt.backoff_source": "sdk"}),
    ]  # fmt: skip
    for start, end, attributes in failed:
        recorder.end(recorder.begin("attempt", start, {**posted, **attributes}, call), end, Status(StatusCode.ERROR))
    recorder.end(recorder.begin("attempt", 6128.5, {**posted, "http.response.status_code": 200}, call), 6999, UNSET)
    recorder.end(call, 7000.25)
    return recorder.spans
