"""What a finished span says of a call, by whoever recorded it and by either convention."""

from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from spanglass.endpoints import responses
from spanglass.export.notes import ATTEMPT, CALLS
from spanglass.plain import LARGEST
from spanglass.semconv import gen_ai, openinference, otel
from spanglass.semconv import spanglass as own

NANOSECONDS: Final = 1e9

# What a call says by either convention.
MODEL: Final = (
    openinference.LLM_MODEL_NAME,
    openinference.EMBEDDING_MODEL_NAME,
    gen_ai.GEN_AI_RESPONSE_MODEL,
    gen_ai.GEN_AI_REQUEST_MODEL,
)
TOKENS_IN: Final = (openinference.LLM_TOKEN_COUNT_PROMPT, gen_ai.GEN_AI_USAGE_INPUT_TOKENS)
TOKENS_OUT: Final = (openinference.LLM_TOKEN_COUNT_COMPLETION, gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS)
CACHED: Final = (
    openinference.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ,
    gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
)

SESSION: Final = (openinference.SESSION_ID, gen_ai.GEN_AI_CONVERSATION_ID)
FIRST_CHUNK: Final = (own.SPANGLASS_STREAM_TIME_TO_FIRST_CHUNK, gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)

SPLIT: Final = (
    ("attempts", own.SPANGLASS_TIME_ATTEMPTS),
    ("backoff", own.SPANGLASS_TIME_BACKOFF),
    ("body", own.SPANGLASS_TIME_BODY),
    ("rest", own.SPANGLASS_TIME_REST),
)
"""Where the time of a call went, and what says so."""

LOOKS: Final = frozenset(
    name
    for endpoint in (responses.RETRIEVE, responses.CANCEL, responses.COUNT)
    for name in (endpoint.name, endpoint.operation)
)
"""What asks no model: it looks at a response that another call has made, or counts."""

AROUND_CALLS: Final = frozenset({None, "create_agent", "invoke_agent", "invoke_workflow", "execute_tool"})
"""The operations of gen_ai that are no calls of a model, though they may name one, and sum up what its calls took."""


def text(span: ReadableSpan, *names: str) -> str | None:
    """Return the first of these attributes that is a text."""
    attributes = span.attributes or {}
    return next((value for name in names if isinstance(value := attributes.get(name), str)), None)


def number(span: ReadableSpan, *names: str) -> float | None:
    """Return the first of these attributes that is a number: finite, and of 64 bits."""
    attributes = span.attributes or {}
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST:
            return value
    return None


def resource_text(span: ReadableSpan, name: str) -> str | None:
    """Return what the program said of itself by this name."""
    value = span.resource.attributes.get(name)
    return value if isinstance(value, str) else None


def trace_of(span: ReadableSpan) -> int:
    """Return the id of the trace."""
    return span.context.trace_id if span.context else 0


def times(span: ReadableSpan) -> tuple[int, int]:
    """Return start and end, in nanoseconds since the epoch; what never ended ends where it starts."""
    start = min(max(span.start_time or 0, 0), LARGEST)
    return start, min(max(span.end_time or start, start), LARGEST)


def seconds(span: ReadableSpan) -> float:
    """Return how long the span took."""
    start, end = times(span)
    return (end - start) / NANOSECONDS


def failed(span: ReadableSpan) -> bool:
    """Tell whether the span says that it failed."""
    return span.status.status_code is StatusCode.ERROR


def is_attempt(span: ReadableSpan) -> bool:
    """Tell whether the span is one HTTP attempt of a call."""
    return span.name == ATTEMPT and text(span, otel.HTTP_REQUEST_METHOD) is not None


def in_framework(span: ReadableSpan) -> bool:
    """Tell whether the span is a call of ours whose tokens a framework's span around it has as well."""
    attributes = span.attributes or {}
    return (
        is_ours(span)
        and attributes.get(openinference.OPENINFERENCE_SPAN_KIND) == "CHAIN"
        and openinference.LLM_SYSTEM in attributes
        and (not looks(span) or number(span, *TOKENS_IN) is not None)
    )


def is_ours(span: ReadableSpan) -> bool:
    """Tell whether spanglass has recorded the span."""
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == "spanglass"


def looks(span: ReadableSpan) -> bool:
    """Tell whether the span is of those of ours that ask no model, though one may tell what a response took."""
    return is_ours(span) and endpoint_of(span) in LOOKS


def endpoint_of(span: ReadableSpan) -> str:
    """Return what the endpoint of a call of ours is named, by the convention that named the span."""
    return span.name.partition(" ")[0]


def is_call(span: ReadableSpan) -> bool:
    """Tell whether the span is a call of a model, by whoever recorded it."""
    kind = text(span, openinference.OPENINFERENCE_SPAN_KIND)
    if kind is None:
        operation = text(span, gen_ai.GEN_AI_OPERATION_NAME)
        if operation in LOOKS:
            return number(span, *TOKENS_IN) is not None
        return operation not in AROUND_CALLS and text(span, gen_ai.GEN_AI_REQUEST_MODEL) is not None
    return kind in CALLS or in_framework(span)


def retried(span: ReadableSpan) -> bool:
    """Tell whether the span says that a call took more than one attempt."""
    if is_attempt(span):
        return (number(span, otel.HTTP_REQUEST_RESEND_COUNT) or 0) > 0
    return (number(span, own.SPANGLASS_ATTEMPT_COUNT) or 0) > 1
