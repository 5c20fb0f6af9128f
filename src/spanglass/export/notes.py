"""What a summary needs of one span: a few short texts, whatever the span holds."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from itertools import count
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from spanglass.export.prices import cost
from spanglass.export.sizes import copied
from spanglass.export.words import one_line
from spanglass.plain import LARGEST
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own

LONGEST: Final = 240  # characters kept of any one text

ROLE: Final = re.compile(rf"{oi.LLM_INPUT_MESSAGES}\.(\d{{1,9}})\.{oi.MESSAGE_ROLE}")
PART: Final = f".{oi.MESSAGE_CONTENT_TEXT}"
MODEL_NAME: Final = "model_name"  # in the metadata of a function: the model that it expects
EMBEDDED: Final = f"{oi.EMBEDDING_EMBEDDINGS}.0.{oi.EMBEDDING_TEXT}"
PROMPT: Final = f"{oi.LLM_PROMPTS}.0.{oi.PROMPT_TEXT}"
ATTEMPT: Final = "attempt"
FETCHES: Final = ("RetrieveResponse", "CancelResponse", "fetch_response", "cancel_response")
COMPLETE: Final = (None, "completed")  # outcomes of what has come to its end
CALLS: Final = frozenset({"LLM", "EMBEDDING"})  # the kinds that stand for calls of a model
TOOLS: Final = {
    "ChatCompletion": "openai_chat",
    "Response": "openai_response",
    "CompactResponse": "openai_compact",
    "RetrieveResponse": "openai_retrieve",
    "CancelResponse": "openai_cancel",
    "CountInputTokens": "openai_count_tokens",
    "CreateEmbeddings": "openai_embeddings",
    "Completion": "openai_completion",
}
UNMADE: Final = frozenset({"queued", "in_progress"})  # what the API says of a response that it has only begun
UNFINISHED: Final = frozenset({"incomplete", "cancelled"})  # and of one that did not come to its end
BACKOFF_SOURCES: Final = {
    "retry-after-ms": "asked for by the server",
    "retry-after": "asked for by the server",
    "sdk": "chosen by the SDK",
}

Attributes = Mapping[str, Any]


class Call(NamedTuple):
    """What is added up of the calls of a trace; `started` is in ns.

    `unmade` is 1 of a call that has begun a response in the background, and -1 of the one that told what it took.
    """

    started: int
    model: str | None
    prompt: str | None
    tokens: int | None
    estimated: bool
    cost: Decimal | None
    retries: int
    unmade: int = 0


class Note(NamedTuple):
    """As much of one span as a summary needs: a few short texts, whatever the span holds.

    `kind` is OpenInference's, ATTEMPT, or None of a span that is no step. Times are ns; `end` is None of a span that
    has not ended.
    """

    span_id: int
    parent_id: int | None
    kind: str | None
    tool: str = ""
    start: int = 0
    end: int | None = None
    status: str = ""
    detail: str = ""
    backoff: float | None = None  # seconds waited after an attempt
    source: str = ""
    resent: bool = False
    expected: str | None = None  # the model that a function expects
    call: Call | None = None


def read(span: ReadableSpan) -> Note:
    """Return what is noted of a span, which may be open still."""
    attributes = copied(span.attributes or {})
    kind = attributes.get(oi.OPENINFERENCE_SPAN_KIND)
    if span.name == ATTEMPT and otel.HTTP_REQUEST_METHOD in attributes:
        kind = ATTEMPT
    if not isinstance(kind, str):
        return Note(id_of(span), parent_of(span), None)
    status = status_of(span)
    source = text_of(attributes, own.SPANGLASS_ATTEMPT_BACKOFF_SOURCE) or ""
    return Note(
        id_of(span),
        parent_of(span),
        kind,
        _tool(span.name, attributes, kind),
        span.start_time or 0,
        span.end_time,
        status,
        line(", ".join(_details(span, attributes, kind))),
        _number(attributes, own.SPANGLASS_ATTEMPT_BACKOFF),
        BACKOFF_SOURCES.get(source, source),
        kind == ATTEMPT and otel.HTTP_REQUEST_RESEND_COUNT in attributes,
        None if kind in CALLS else _expected(attributes),
        _call(span, attributes) if kind in CALLS else None,
    )


def _call(span: ReadableSpan, attributes: Attributes) -> Call:
    tokens, estimated = _tokens(attributes)
    return Call(
        span.start_time or 0,
        text_of(attributes, oi.LLM_MODEL_NAME) or text_of(attributes, oi.EMBEDDING_MODEL_NAME),
        _prompt(attributes) or text_of(attributes, EMBEDDED) or text_of(attributes, PROMPT),
        tokens,
        estimated,
        cost(span),
        max(int(_number(attributes, own.SPANGLASS_ATTEMPT_COUNT) or 1) - 1, 0),
        1 if attributes.get(own.SPANGLASS_RESPONSE_STATUS) in UNMADE else -(span.name in FETCHES),
    )


def line(text: str) -> str:
    """Return a text as one line that no terminal obeys."""
    return one_line(text, LONGEST)


def id_of(span: ReadableSpan) -> int:
    """Return the id of a span, 0 where it has none."""
    return span.context.span_id if span.context else 0


def parent_of(span: ReadableSpan) -> int | None:
    """Return the id of the span that a span is in."""
    return None if span.parent is None else span.parent.span_id


def text_of(attributes: Attributes, name: str) -> str | None:
    """Return an attribute as one line, None where it is no text."""
    value = attributes.get(name)
    return line(value) if isinstance(value, str) else None


def _number(attributes: Attributes, name: str) -> float | None:
    value = attributes.get(name)
    return value if isinstance(value, int | float) and abs(value) < LARGEST else None


def status_of(span: ReadableSpan) -> str:
    """Return OK, FAILED, INCOMPLETE (a stream that did not reach its end, or what was cancelled) or OPEN."""
    if span.end_time is None:
        return "OPEN"
    if span.status.status_code is StatusCode.ERROR:
        return "FAILED"
    outcome = (span.attributes or {}).get(own.SPANGLASS_STREAM_OUTCOME)
    succeeded = span.status.status_code is StatusCode.OK  # whatever else it has met on the way
    return "OK" if outcome in COMPLETE and (succeeded or not _cut_short(span)) else "INCOMPLETE"


def _cut_short(span: ReadableSpan) -> bool:
    """Tell whether a span was cancelled, or its response did not come to its end."""
    told = (span.attributes or {}).get(own.SPANGLASS_RESPONSE_STATUS)
    return told in UNFINISHED or any(event.name == otel.EXCEPTION for event in span.events)


def _prompt(attributes: Attributes) -> str | None:
    """Return what the user said last, the texts of all its parts."""
    users = [int(found[1]) for name, value in attributes.items() if value == "user" and (found := ROLE.fullmatch(name))]
    if not users:
        return None
    said = f"{oi.LLM_INPUT_MESSAGES}.{max(users)}."
    whole = attributes.get(said + oi.MESSAGE_CONTENT)
    if isinstance(whole, str):
        return line(whole) or None
    parts = said + oi.MESSAGE_CONTENTS
    texts = [value for name, value in attributes.items() if name.startswith(parts) and name.endswith(PART)]
    return line(" ".join(map(str, texts))) or None


def _tokens(attributes: Attributes) -> tuple[int | None, bool]:
    """Return the tokens of a call, and whether they are an estimate."""
    told = _number(attributes, oi.LLM_TOKEN_COUNT_TOTAL)
    guess = _number(attributes, own.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS) if told is None else None
    known = told if told is not None else guess
    return (None if known is None else int(known)), guess is not None


def _expected(attributes: Attributes) -> str | None:
    """Return the model that a function was said to call."""
    with suppress(TypeError, ValueError, AttributeError, RecursionError):  # a program may write anything there
        return text_of(json.loads(attributes[oi.METADATA]), MODEL_NAME) if oi.METADATA in attributes else None
    return None


def _tool(name: str, attributes: Attributes, kind: str) -> str:
    if name not in TOOLS or not (kind in CALLS or oi.LLM_SYSTEM in attributes):
        return line(name)
    return f"{TOOLS[name]}{'_stream' if own.SPANGLASS_STREAM_OUTCOME in attributes else ''}"


def _details(span: ReadableSpan, attributes: Attributes, kind: str) -> Iterator[str]:
    """Yield how a span ended: its stream's outcome and length, then its error, the tools it calls or why it stopped."""
    status = _number(attributes, otel.HTTP_RESPONSE_STATUS_CODE) if kind == ATTEMPT else None
    outcome, chunks = (
        text_of(attributes, own.SPANGLASS_STREAM_OUTCOME),
        _number(attributes, own.SPANGLASS_STREAM_CHUNK_COUNT),
    )
    if outcome:
        yield outcome
    if chunks is not None:
        yield f"{chunks:.0f} chunk{'' if chunks == 1 else 's'}"
    if status is not None:
        yield f"HTTP {status:.0f}"
    elif span.status.status_code is StatusCode.ERROR:
        yield _error(span, attributes)
    elif calls := [*_calls(attributes)]:
        yield f"calls {', '.join(calls)}"
    else:
        reason = text_of(attributes, oi.LLM_FINISH_REASON) or text_of(attributes, own.SPANGLASS_RESPONSE_STATUS)
        if reason and reason != outcome:
            yield reason


def _error(span: ReadableSpan, attributes: Attributes) -> str:
    kind = text_of(attributes, otel.ERROR_TYPE)
    return line(span.status.description or "") or (kind.rpartition(".")[2] if kind else "error")


def _calls(attributes: Attributes) -> Iterator[str]:
    """Yield the names of the tools that the model asks for, in its first choice; a response has one, of many items."""
    for item in count() if own.SPANGLASS_RESPONSE_STATUS in attributes else range(1):
        said = f"{oi.LLM_OUTPUT_MESSAGES}.{item}."
        for number in count():
            name = text_of(attributes, f"{said}{oi.MESSAGE_TOOL_CALLS}.{number}.{oi.TOOL_CALL_FUNCTION_NAME}")
            if name is None:
                break
            yield name
        if said + oi.MESSAGE_ROLE not in attributes:
            return
