"""Spans for the dashboard's file, as short as they can be said."""

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags

from spanglass.dashboard.entry import Entry, entry
from spanglass.semconv.openinference import LLM_MODEL_NAME, OPENINFERENCE_SPAN_KIND, SESSION_ID


def ended(trace: int, span: int, session: str | None = None, text: str = "") -> ReadableSpan:
    """Return a span of these ids that starts at its own id."""
    return ReadableSpan(
        name=text or "work",
        context=SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
        attributes={SESSION_ID: session} if session else {},
        start_time=span,
        end_time=span + 1,
    )


def asking(first: int, count: int = 1) -> list[ReadableSpan]:
    """Return calls from a number on, each of a trace of its own, of which each asks another model: `model-NUMBER`."""
    return [
        ReadableSpan(
            "ChatCompletion",
            SpanContext(number, number, is_remote=False),
            attributes={OPENINFERENCE_SPAN_KIND: "LLM", LLM_MODEL_NAME: f"model-{number}"},
            start_time=number,
            end_time=number,
        )
        for number in range(first, first + count)
    ]


def entries(*spans: ReadableSpan) -> list[Entry]:
    """Return what is kept of them."""
    return [*map(entry, spans)]


def ids(*spans: ReadableSpan) -> list[tuple[int, int]]:
    """Return the ids of spans, each of its trace and its own."""
    return [(span.context.trace_id, span.context.span_id) for span in spans if span.context]
