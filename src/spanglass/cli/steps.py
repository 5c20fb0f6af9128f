"""One span as the lines that a person reads of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.export.notes import id_of, parent_of, status_of
from spanglass.export.prices import cost
from spanglass.export.words import counted, dollars, duration, lines, one_line
from spanglass.reading.conversation import all_sent, completions, embedded, prompts, received, sent, tools, vectors
from spanglass.reading.spans import (
    CACHED,
    MODEL,
    TOKENS_IN,
    TOKENS_OUT,
    failed,
    is_attempt,
    is_call,
    looks,
    number,
    resource_text,
    text,
    times,
)
from spanglass.record import Message, Part
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own
from spanglass.writers.budget import FOLDED

LAST: Final = 4  # messages sent that are shown of a call, where not all are
TOLD: Final = (
    (own.SPANGLASS_USAGE_TOLD_PROMPT_TOKENS, "in"),
    (own.SPANGLASS_USAGE_TOLD_COMPLETION_TOKENS, "out"),
)
THOUGHT: Final = "reasoning"
SOURCES: Final = {
    "retry-after-ms": ", as the server asked (retry-after-ms)",
    "retry-after": ", as the server asked (retry-after)",
    "sdk": ", as the SDK chose",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a label before a colon where it has one, and a text. What is not to be `cut` is folded."""

    text: str
    label: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What is shown of a span; times are nanoseconds since the epoch. `note` is told beside the status."""

    id: int
    parent: int | None
    start: int
    end: int
    name: str
    status: str
    note: str
    lines: tuple[Line, ...]


def step(span: ReadableSpan, *, whole: bool) -> Step:
    """Return what is shown of a span; with `whole` all of its content, else a line of each of the last messages."""
    start, end = times(span)
    return Step(
        id=id_of(span),
        parent=parent_of(span),
        start=start,
        end=end,
        name=_name(span),
        status=status_of(span),
        note=_note(span),
        lines=tuple(_lines(span, whole=whole)),
    )


def _name(span: ReadableSpan) -> str:
    name = one_line(span.name)
    if is_attempt(span):
        return f"{name} {(number(span, otel.HTTP_REQUEST_RESEND_COUNT) or 0) + 1:.0f}"
    kind = text(span, oi.OPENINFERENCE_SPAN_KIND)
    return name if kind is None or _asks(span) else f"{name} ({one_line(kind)})"


def _asks(span: ReadableSpan) -> bool:
    """Tell whether the span is of a request to the API, be it of a model or not."""
    return is_call(span) or looks(span)


def _note(span: ReadableSpan) -> str:
    if not is_attempt(span):
        return ""
    code = number(span, otel.HTTP_RESPONSE_STATUS_CODE)
    return f"HTTP {code:.0f}" if code is not None else one_line(_error(span)) if failed(span) else ""


def _lines(span: ReadableSpan, *, whole: bool) -> Iterator[Line]:
    for facts in (_about(span), _facts(span)):
        told = ", ".join(facts)
        if told:
            yield Line(told)
    if failed(span) and not is_attempt(span):
        error = _error(span)
        yield from _said("error", error, whole=True) if whole else (Line(one_line(error), "error"),)
    if _asks(span):
        yield from _embedded(span, whole=whole)
        yield from _conversation(span, whole=whole)
    else:
        for label, name in (("input", oi.INPUT_VALUE), ("output", oi.OUTPUT_VALUE)):
            value = text(span, name)
            if value:
                yield from _said(label, value, whole=whole)
    if whole:
        for event in span.events:
            stacktrace = (event.attributes or {}).get(otel.EXCEPTION_STACKTRACE)
            if isinstance(stacktrace, str):
                yield from _said("traceback", stacktrace.rstrip(), whole=True)


def _about(span: ReadableSpan) -> Iterator[str]:
    """Yield what the program says of itself and of this work, at the outermost span."""
    if span.parent is not None:
        return
    of_program = (("project", oi.OPENINFERENCE_PROJECT_NAME), ("environment", otel.DEPLOYMENT_ENVIRONMENT_NAME))
    of_span = (("session", oi.SESSION_ID), ("user", oi.USER_ID), ("metadata", oi.METADATA))
    told = [(label, resource_text(span, name)) for label, name in of_program]
    told += [(label, text(span, name)) for label, name in of_span]
    yield from (f"{label} {one_line(value)}" for label, value in told if value)


def _facts(span: ReadableSpan) -> Iterator[str]:
    """Yield in a few words each what is known of the call or the attempt, besides what was said."""
    if is_attempt(span):
        yield from _attempt_facts(span)
        return
    if not _asks(span):
        return
    model = text(span, *MODEL)
    if model:
        yield one_line(model)
    yield from _tokens(span)
    price = cost(span)
    if price is not None:
        yield dollars(price)
    yield from _stream(span)
    reason = text(span, oi.LLM_FINISH_REASON, own.SPANGLASS_RESPONSE_STATUS)
    if reason and reason != text(span, own.SPANGLASS_STREAM_OUTCOME):
        yield one_line(reason)
    yield from _links(span)
    attempts = int(number(span, own.SPANGLASS_ATTEMPT_COUNT) or 1)
    if attempts > 1:
        yield counted(attempts, "attempt")
    request_id = text(span, own.SPANGLASS_RESPONSE_REQUEST_ID)
    if request_id and failed(span):
        yield f"request id {one_line(request_id)}"


def _links(span: ReadableSpan) -> Iterator[str]:
    """Yield which span began the response that this one looks at."""
    for link in span.links if looks(span) else ():
        elsewhere = span.context is None or link.context.trace_id != span.context.trace_id
        trace = f" of trace {format_trace_id(link.context.trace_id)}" if elsewhere else ""
        yield f"begun by span {format_span_id(link.context.span_id)}{trace}"


def _attempt_facts(span: ReadableSpan) -> Iterator[str]:
    request_id = text(span, own.SPANGLASS_RESPONSE_REQUEST_ID)
    if request_id and failed(span):
        yield f"request id {one_line(request_id)}"
    backoff = number(span, own.SPANGLASS_ATTEMPT_BACKOFF)
    if backoff is not None:
        source = text(span, own.SPANGLASS_ATTEMPT_BACKOFF_SOURCE) or ""
        yield f"waited {duration(backoff)}{SOURCES.get(source, '')}"


def _tokens(span: ReadableSpan) -> Iterator[str]:
    prompt = number(span, *TOKENS_IN)
    completion = number(span, *TOKENS_OUT)
    guess = number(span, own.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS)
    cached = number(span, *CACHED)
    told = [] if prompt is None else [f"{prompt:,.0f} in"]
    if cached:
        told[-1:] = [f"{told[-1]} ({cached:,.0f} cached)"] if told else [f"{cached:,.0f} cached"]
    if completion is not None:
        told.append(f"{completion:,.0f} out")
    elif guess is not None:
        told.append(f"~{guess:,.0f} out")
    if told:
        yield f"tokens {' + '.join(told)}"
        return
    counts = ((number(span, name), which) for name, which in TOLD)
    known = [f"{count:,.0f} {which}" for count, which in counts if count is not None]
    if known:
        yield f"tokens {' + '.join(known)} (not counted here)"


def _stream(span: ReadableSpan) -> Iterator[str]:
    outcome = text(span, own.SPANGLASS_STREAM_OUTCOME)
    if outcome is None:
        return
    chunks = int(number(span, own.SPANGLASS_STREAM_CHUNK_COUNT) or 0)
    first = number(span, own.SPANGLASS_STREAM_TIME_TO_FIRST_CHUNK)
    yield f"stream {one_line(outcome)} after {counted(chunks, 'chunk')}"
    if first is not None:
        yield f"the first after {duration(first)}"


def _error(span: ReadableSpan) -> str:
    """Return what the status says, or else the kind of the error."""
    kind = text(span, otel.ERROR_TYPE) or ""
    return span.status.description or kind.rpartition(".")[2] or "failed"


def _embedded(span: ReadableSpan, *, whole: bool) -> Iterator[Line]:
    """Yield how many vectors came, and what was embedded."""
    count, dimensions = vectors(span)
    if count:
        yield Line(counted(count, "vector") + (f" of {counted(dimensions, 'dimension')}" if dimensions else ""))
    texts = embedded(span)
    for given in texts if whole else texts[:LAST]:
        yield from _said("text", given, whole=whole)
    if not whole and len(texts) > LAST:
        yield Line(f"... {counted(len(texts) - LAST, 'text')} more")


def _conversation(span: ReadableSpan, *, whole: bool) -> Iterator[Line]:
    if whole:
        parameters = text(span, oi.LLM_INVOCATION_PARAMETERS, oi.EMBEDDING_INVOCATION_PARAMETERS)
        if parameters:
            yield from _said("parameters", parameters, whole=True)
        for tool in tools(span):
            yield from _said("tool offered", tool, whole=True)
    messages = (all_sent(span) if whole else sent(span)) or prompts(span)
    if not whole and len(messages) > LAST:
        yield Line(_before(messages[:-LAST]))
        messages = messages[-LAST:]
    hosted = own.SPANGLASS_RESPONSE_STATUS in (span.attributes or {})
    for message in (*messages, *received(span), *completions(span)):
        lines = (_texts_of(message, whole=whole), _calls_of(message, whole=whole))
        yield from chain(*(reversed(lines) if hosted else lines))


def _before(messages: Sequence[Message]) -> str:
    """Say how many messages are not shown; one that stands for those that were folded says so."""
    listed = sum(message.role != FOLDED for message in messages)
    return f"... {'more than ' if listed < len(messages) else ''}{counted(listed, 'message')} before"


def _label(message: Message) -> str:
    return " ".join(one_line(word) for word in (message.role or "message", message.name, message.tool_call_id) if word)


def _texts_of(message: Message, *, whole: bool) -> Iterator[Line]:
    """Yield what a message says; in a response, beside a call, that is what the provider's own tool has given."""
    texts = [*_texts(message)]
    for said in texts if whole else [" ".join(texts)] if texts else []:
        yield from _said(_label(message), said, whole=whole)


def _calls_of(message: Message, *, whole: bool) -> Iterator[Line]:
    label = _label(message)
    if message.function_name is not None:
        yield from _said(label, f"{message.function_name}({message.function_arguments or ''})", whole=whole)
    for call in message.tool_calls or ():
        yield from _said(label, f"{call.name}({call.arguments or ''})", whole=whole)


def _texts(message: Message) -> Iterator[str]:
    if message.content:
        yield message.content
    for part in message.parts or ():
        yield _part(part)
    if message.refusal:
        yield message.refusal


def _part(part: Part) -> str:
    if part.kind == "text" and part.text is not None:
        return part.text
    hidden = "encrypted" if part.encrypted and not part.text else None
    named = None if part.kind == THOUGHT else part.id
    said: Sequence[str | None] = (part.name, part.url, named, part.text, hidden)
    return f"[{' '.join((part.kind, *filter(None, said)))}]"


def _said(label: str, said: str, *, whole: bool) -> Iterator[Line]:
    """Yield what was said: on one line that is cut, or all of it, its later lines indented."""
    if not whole:
        yield Line(one_line(said), one_line(label), cut=True)
        return
    for count, line in enumerate(lines(said)):
        yield Line(f"  {line}" if count else line, "" if count else one_line(label))
