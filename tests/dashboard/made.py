"""Spans as a test wants them: with times to the millisecond, in one trace."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own

TRACE = 0x5B8AA5A2D2C872E8321CF37308D69DF2
TRACE_ID = f"{TRACE:032x}"
MS = 10**6
BEGIN = 1_750_000_000 * 10**9
"""When time is 0."""


def context(span: int, trace: int = TRACE) -> SpanContext:
    """Return the context of a span."""
    return SpanContext(trace, span, False)  # noqa: FBT003 - OpenTelemetry's own order


def span(number: int, parent: int | None, start: float, end: float, name: str = "step", **fields: Any) -> ReadableSpan:
    """Return a span from `start` to `end`, in ms; `fields` are of ReadableSpan, but for `trace` and `failed`."""
    trace = fields.pop("trace", TRACE)
    failure = fields.pop("failed", None)
    return ReadableSpan(
        name=name,
        context=context(number, trace),
        parent=None if parent is None else context(parent, trace),
        start_time=BEGIN + round(start * MS),
        end_time=BEGIN + round(end * MS),
        status=Status(StatusCode.OK) if failure is None else Status(StatusCode.ERROR, failure),
        **{
            "resource": Resource({}),
            "kind": SpanKind.INTERNAL,
            "instrumentation_scope": InstrumentationScope("spanglass"),
            **fields,
        },
    )


def call(number: int, parent: int | None, start: float, end: float, **fields: Any) -> ReadableSpan:
    """Return a call of a model, with these attributes too."""
    said = {oi.OPENINFERENCE_SPAN_KIND: "LLM", oi.LLM_MODEL_NAME: "gpt-4o-mini", **fields.pop("attributes", {})}
    return span(number, parent, start, end, "ChatCompletion", attributes=said, **fields)


def attempt(number: int, parent: int, times: tuple[float, float], status: int | str, **attributes: Any) -> ReadableSpan:
    """Return an attempt that ended with an HTTP status or an error; attributes by the ends of our own names."""
    failed = status != 200
    said: dict[str, Any] = {otel.HTTP_REQUEST_METHOD: "POST", **names(attributes)}
    said[otel.HTTP_RESPONSE_STATUS_CODE if isinstance(status, int) else otel.ERROR_TYPE] = status
    return span(number, parent, *times, "attempt", attributes=said, failed="" if failed else None)


def names(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes whose names are given short, as `resent` and `backoff`."""
    return {NAMES[name]: value for name, value in attributes.items()}


NAMES = {
    "resent": otel.HTTP_REQUEST_RESEND_COUNT,
    "backoff": own.SPANGLASS_ATTEMPT_BACKOFF,
    "source": own.SPANGLASS_ATTEMPT_BACKOFF_SOURCE,
    "asked": own.SPANGLASS_ATTEMPT_RETRY_AFTER,
    "reason": own.SPANGLASS_ATTEMPT_RETRY_REASON,
    "request_id": own.SPANGLASS_RESPONSE_REQUEST_ID,
    "count": own.SPANGLASS_ATTEMPT_COUNT,
    "attempts": own.SPANGLASS_TIME_ATTEMPTS,
    "waited": own.SPANGLASS_TIME_BACKOFF,
    "body": own.SPANGLASS_TIME_BODY,
    "rest": own.SPANGLASS_TIME_REST,
    "outcome": own.SPANGLASS_STREAM_OUTCOME,
    "chunks": own.SPANGLASS_STREAM_CHUNK_COUNT,
    "first": own.SPANGLASS_STREAM_TIME_TO_FIRST_CHUNK,
    "gap": own.SPANGLASS_STREAM_LONGEST_GAP,
    "gap_at": own.SPANGLASS_STREAM_LONGEST_GAP_AT,
}


def retried() -> Sequence[ReadableSpan]:
    """Return a call of a second with three attempts: refused, then failed, then answered."""
    split = names({"count": 3, "attempts": 0.4, "waited": 0.6, "body": 0.0, "rest": 0.0})
    asked = {"backoff": 0.4, "source": "retry-after", "asked": "0.4", "reason": "status_429", "request_id": "req_1"}
    chosen = {"backoff": 0.2, "source": "sdk", "reason": "status_5xx"}
    return (
        attempt(2, 1, (0, 100), 429, **asked),
        attempt(3, 1, (500, 600), 503, resent=1, **chosen),
        attempt(4, 1, (800, 1000), 200, resent=2),
        call(1, None, 0, 1000, attributes=split),
    )


def linked(trace: int, number: int) -> Link:
    """Return a link to a span."""
    return Link(context(number, trace))
