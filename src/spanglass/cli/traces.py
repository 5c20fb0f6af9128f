"""The spans of a file: read one by one, told apart, and put together to traces."""

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

import click
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from spanglass.endpoints import responses
from spanglass.export.jsonl import expanded, read_jsonl
from spanglass.export.notes import ATTEMPT, CALLS, id_of
from spanglass.plain import LARGEST
from spanglass.semconv import gen_ai, openinference, otel
from spanglass.semconv import spanglass as own

T = TypeVar("T")

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

LOOKS: Final = frozenset(
    name
    for endpoint in (responses.RETRIEVE, responses.CANCEL, responses.COUNT)
    for name in (endpoint.name, endpoint.operation)
)
"""What asks no model: it looks at a response that another call has made, or counts."""

AROUND_CALLS: Final = frozenset({None, "create_agent", "invoke_agent", "invoke_workflow", "execute_tool"})
"""The operations of gen_ai that are no calls of a model, though they may name one, and sum up what its calls took."""


def stop(message: str) -> NoReturn:
    """End the command with one sentence on standard error, and the exit status 1."""
    raise click.ClickException(message)


def spans_of(path: str) -> Iterator[ReadableSpan]:
    """Yield the spans of a file; ends the command with one sentence where it cannot be read."""
    try:
        yield from read_jsonl(path)
    except OSError as error:
        stop(f"{path} cannot be read ({error.strerror})." if error.strerror else str(error))
    except ValueError as error:
        stop(str(error))


def check_is_file(path: str) -> None:
    """End the command with one sentence where a file cannot be read twice, as a pipe cannot."""
    try:
        mode = expanded(path).stat().st_mode
    except OSError:  # which is told where it is read
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        stop(f"{path} is no file, and it is read twice: save the spans to a file first.")


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


@dataclass(slots=True)
class Outline:
    """What is known of a trace when all of its spans have gone by; times in nanoseconds since the epoch."""

    spans: int = 0
    start: int = 0
    end: int = 0
    failed: bool = False
    retried: bool = False

    @property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return (self.end - self.start) / NANOSECONDS

    def add(self, span: ReadableSpan) -> None:
        """Take in one more span. An attempt that failed is part of a call, which says itself whether it failed."""
        start, end = times(span)
        self.start = min(self.start, start) if self.spans else start
        self.end = max(self.end, end)
        self.spans += 1
        self.failed = self.failed or (failed(span) and not is_attempt(span))
        self.retried = self.retried or retried(span)


def outlines(spans: Iterable[ReadableSpan]) -> dict[int, Outline]:
    """Return the outline of each trace, by its id."""
    found: dict[int, Outline] = {}
    for span in spans:
        found.setdefault(trace_of(span), Outline()).add(span)
    return found


def gathered(
    spans: Iterable[ReadableSpan], counts: Mapping[int, int], make: Callable[[ReadableSpan], T]
) -> Iterator[tuple[int, list[T]]]:
    """Yield the traces that `counts` has, each with what `make` makes of its spans, as soon as its last one went by.

    `counts` says how many spans a trace has. What is held at a time are the traces that have begun in the file and not
    yet ended there; of a span that the file has twice, the later one.
    """
    left = dict(counts)
    held: dict[int, dict[int, T]] = {}
    for span in spans:
        trace = trace_of(span)
        if trace not in left:
            continue  # not wanted, or written since it was counted
        left[trace] -= 1
        held.setdefault(trace, {})[id_of(span)] = make(span)
        if not left[trace]:
            del left[trace]
            yield trace, [*held.pop(trace).values()]
        if not left:
            return
    for trace, parts in held.items():  # the file has become shorter since
        yield trace, [*parts.values()]
