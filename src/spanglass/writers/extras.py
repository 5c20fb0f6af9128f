"""What no convention has a word for: attempts, the time's split, streams, limits, the API's own errors."""

from operator import attrgetter
from typing import Any

from spanglass.credentials import scrub_url
from spanglass.record import Attempt, Record, StreamStats, Usage
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own
from spanglass.writers.table import NANOSECONDS, durations, table
from spanglass.writers.writer import Writer

# The response headers that tell the caller's limits: the attribute of each, and its type.
RATE_LIMITS: dict[str, tuple[str, type[int] | type[str]]] = {
    "x-ratelimit-limit-requests": (own.SPANGLASS_RATELIMIT_LIMIT_REQUESTS, int),
    "x-ratelimit-limit-tokens": (own.SPANGLASS_RATELIMIT_LIMIT_TOKENS, int),
    "x-ratelimit-remaining-requests": (own.SPANGLASS_RATELIMIT_REMAINING_REQUESTS, int),
    "x-ratelimit-remaining-tokens": (own.SPANGLASS_RATELIMIT_REMAINING_TOKENS, int),
    "x-ratelimit-reset-requests": (own.SPANGLASS_RATELIMIT_RESET_REQUESTS, str),
    "x-ratelimit-reset-tokens": (own.SPANGLASS_RATELIMIT_RESET_TOKENS, str),
}
REFUSAL = "refusal"
REDIRECT = 300  # the first HTTP status that the SDK takes for an error

_START = table((otel.SERVER_ADDRESS, "address"), (otel.SERVER_PORT, "port"))
_CALL = table(
    (own.SPANGLASS_SDK_HELPER, "helper"),
    (own.SPANGLASS_RESPONSE_ID, "response_id"),
    (own.SPANGLASS_RESPONSE_SERVICE_TIER, "service_tier"),
    (own.SPANGLASS_RESPONSE_SYSTEM_FINGERPRINT, "fingerprint"),
    (own.SPANGLASS_RESPONSE_STATUS, "status"),
    (own.SPANGLASS_REQUEST_PREVIOUS_RESPONSE_ID, "previous_response"),
    (own.SPANGLASS_REQUEST_CONVERSATION_ID, "conversation"),
    (own.SPANGLASS_RESPONSE_VECTOR_COUNT, "vectors"),
)
_TOLD = table(
    (own.SPANGLASS_USAGE_TOLD_PROMPT_TOKENS, "prompt"),
    (own.SPANGLASS_USAGE_TOLD_COMPLETION_TOKENS, "completion"),
    (own.SPANGLASS_USAGE_TOLD_TOTAL_TOKENS, "total"),
)
_SPLIT = durations(
    (own.SPANGLASS_TIME_ATTEMPTS, "attempts"),
    (own.SPANGLASS_TIME_BACKOFF, "backoff"),
    (own.SPANGLASS_TIME_BODY, "body"),
    (own.SPANGLASS_TIME_REST, "rest"),
)
_STREAM = table((own.SPANGLASS_STREAM_OUTCOME, "outcome"), (own.SPANGLASS_STREAM_CHUNK_COUNT, "chunks"))
_STREAM_TIMES = durations(
    (own.SPANGLASS_STREAM_TIME_TO_FIRST_CHUNK, "first"),
    (own.SPANGLASS_STREAM_LONGEST_GAP, "longest_gap"),
    (own.SPANGLASS_STREAM_LONGEST_GAP_AT, "longest_gap_at"),
)
_FAILURE = table(
    (otel.ERROR_TYPE, "type"),
    (otel.HTTP_RESPONSE_STATUS_CODE, "status"),
    (own.SPANGLASS_ERROR_CODE, "code"),
    (own.SPANGLASS_ERROR_TYPE, "api_type"),
    (own.SPANGLASS_ERROR_PARAM, "param"),
    (own.SPANGLASS_RESPONSE_REQUEST_ID, "request_id"),
)
_ATTEMPT = table(
    (otel.HTTP_REQUEST_METHOD, "method"),
    (otel.SERVER_ADDRESS, "address"),
    (otel.SERVER_PORT, "port"),
    (otel.HTTP_RESPONSE_STATUS_CODE, "status"),
)
_RETRY = table(
    (own.SPANGLASS_ATTEMPT_RETRY_REASON, "reason"),
    (own.SPANGLASS_ATTEMPT_BACKOFF_SOURCE, "backoff_source"),
    (own.SPANGLASS_ATTEMPT_RETRY_AFTER, "retry_after"),
)


def _write(record: Record, out: dict[str, Any]) -> None:
    _CALL(record, out)
    if record.attempts:
        out[own.SPANGLASS_ATTEMPT_COUNT] = len(record.attempts)
        _write_server(record.attempts[-1], out)
    if record.split is not None:
        _SPLIT(record.split, out)
    if record.failure is not None:
        _FAILURE(record.failure, out)
    usage = record.usage
    if usage is not None and (usage.details is not None or not usage.counted):
        _write_usage(usage, out)
    if record.stream is not None:
        _write_stream(record.stream, out)
        if usage is None and record.stream.estimated_tokens is not None:
            out[own.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS] = record.stream.estimated_tokens
    for message in record.output_messages or ():
        if message.refusal is not None or (message.parts and any(part.kind == REFUSAL for part in message.parts)):
            out[own.SPANGLASS_RESPONSE_REFUSAL] = True


def _write_usage(usage: Usage, out: dict[str, Any]) -> None:
    if not usage.counted:
        _TOLD(usage, out)
        return
    for key in usage.details or ():
        out[f"{own.SPANGLASS_USAGE_DETAILS}.{key}"] = (usage.details or {})[key]


def _write_stream(stream: StreamStats, out: dict[str, Any]) -> None:
    _STREAM(stream, out)
    _STREAM_TIMES(stream, out)


def _write_server(attempt: Attempt, out: dict[str, Any]) -> None:
    """Write what the server said of itself in the headers of this attempt's response."""
    if attempt.request_id is not None:
        out[own.SPANGLASS_RESPONSE_REQUEST_ID] = attempt.request_id
    if attempt.processing_ms is not None:
        out[own.SPANGLASS_PROCESSING_TIME] = attempt.processing_ms / 1000
    limits = attempt.limits or {}
    for header in limits:
        if header in RATE_LIMITS:
            name, kind = RATE_LIMITS[header]
            try:
                out[name] = kind(limits[header])
            except ValueError:  # not a number: its attribute holds numbers only
                continue


def attempt_attributes(attempt: Attempt, *, extras: bool) -> dict[str, Any]:
    """Return the attributes of an attempt's span, with our own names where `extras`."""
    out: dict[str, Any] = {oi.OPENINFERENCE_SPAN_KIND: "CHAIN"}
    _ATTEMPT(attempt, out)
    if attempt.url is not None:
        out[otel.URL_FULL] = scrub_url(attempt.url)
    if attempt.number > 1:
        out[otel.HTTP_REQUEST_RESEND_COUNT] = attempt.number - 1
    if attempt.failed:
        out[otel.ERROR_TYPE] = _error_type(attempt)
    if extras:
        _RETRY(attempt, out)
        _write_server(attempt, out)
        if attempt.backoff is not None:
            out[own.SPANGLASS_ATTEMPT_BACKOFF] = attempt.backoff / NANOSECONDS
    return out


def _error_type(attempt: Attempt) -> str:
    """Return the HTTP convention's word: the status where the server answered, the exception where it did not."""
    if attempt.failure is not None and (attempt.status is None or attempt.status < REDIRECT):
        return attempt.failure.type
    return str(attempt.status)


WRITER = Writer("spanglass", attrgetter("name"), _START, _write, marks_success=True)
