"""The spans that the loads are made of: one like a small call's, and the same with long texts."""

from collections.abc import Callable
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

STARTED: Final[dict[str, AttributeValue]] = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.provider": "openai",
    "server.address": "api.openai.com",
}
FINISHED: Final[dict[str, AttributeValue]] = {
    "llm.model_name": "gpt-4o-mini-2024-07-18",
    "llm.invocation_parameters": '{"model": "gpt-4o-mini", "temperature": 0.2}',
    "input.mime_type": "application/json",
    "output.mime_type": "application/json",
    "llm.input_messages.0.message.role": "user",
    "llm.output_messages.0.message.role": "assistant",
    "llm.finish_reason": "stop",
    "llm.token_count.prompt": 24,
    "llm.token_count.completion": 9,
    "llm.token_count.total": 33,
    "spanglass.attempt.count": 1,
    "spanglass.time.attempts": 0.412,
}
# The texts of a call, which no two calls share; an answer is said once in the message and once in the output.
TEXTS: Final = (
    "input.value",
    "llm.input_messages.0.message.content",
    "llm.output_messages.0.message.content",
    "output.value",
)
# What each text has beside its number: 20 kB in all for the larger one, and for the largest so much that a queue is
# full in bytes before it is in number.
LENGTHS: Final = {"small": 31, "large": 4_720, "largest": 12_450}

Begin = Callable[[int], Span]


def spans(tracer: Tracer, size: str) -> Begin:
    """Return what makes a span of this size, all but ended; its number makes its texts its own."""
    filler = "What is the capital of France? " * (LENGTHS[size] // 31 + 1)
    filler = filler[: LENGTHS[size]]

    def begin(number: int) -> Span:
        span = tracer.start_span("ChatCompletion", kind=SpanKind.CLIENT, attributes=STARTED)
        span.set_attributes({**FINISHED, **{name: f"{number:08} {name} {filler}" for name in TEXTS}})
        span.set_status(StatusCode.OK)
        return span

    return begin


def encoded_bytes(size: str) -> int:
    """Return how many bytes one span of this size takes in OTLP."""
    return int(encode_spans([_one(size)]).ByteSize())


def attributes() -> int:
    """Return how many attributes each span has."""
    return len(_one("small").attributes or ())


def _one(size: str) -> ReadableSpan:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    spans(provider.get_tracer("bench"), size)(1).end()
    return kept.get_finished_spans()[0]
