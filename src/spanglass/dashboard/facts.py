"""What is known of a span beside what was said in it, as rows of a table."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.prices import cost
from spanglass.export.words import dollars, duration
from spanglass.plain import fields
from spanglass.reading.spans import (
    CACHED,
    FIRST_CHUNK,
    SPLIT,
    TOKENS_IN,
    TOKENS_OUT,
    failed,
    is_call,
    number,
    seconds,
    text,
)
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own


class Fact(NamedTuple):
    """One row: what it is, what it is like, and what there is to say of it."""

    name: str
    value: str
    note: str = ""


class Share(NamedTuple):
    """A part of the time of a call; where it begins and how long it is are percents."""

    name: str
    value: str
    start: float
    width: float


TOKENS: Final = (
    ("in", TOKENS_IN, ""),
    ("in, read from the cache", CACHED, "part of those in"),
    (
        "in, written to the cache",
        (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE, ai.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
        "part of those in",
    ),
    ("in, audio", (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_AUDIO, ai.GEN_AI_USAGE_AUDIO_INPUT_TOKENS), "part of those in"),
    ("out", TOKENS_OUT, ""),
    (
        "out, reasoning",
        (oi.LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING, ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
        "part of those out",
    ),
    (
        "out, audio",
        (oi.LLM_TOKEN_COUNT_COMPLETION_DETAILS_AUDIO, ai.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS),
        "part of those out",
    ),
    (
        "out, estimated",
        (own.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS,),
        "an estimate: the provider told none, and each chunk with content counts as one",
    ),
    ("total", (oi.LLM_TOKEN_COUNT_TOTAL,), ""),
    (
        "told, in",
        (own.SPANGLASS_USAGE_TOLD_PROMPT_TOKENS,),
        "not counted here: on another call's span, or paid by nobody",
    ),
    (
        "told, out",
        (own.SPANGLASS_USAGE_TOLD_COMPLETION_TOKENS,),
        "not counted here: on another call's span, or paid by nobody",
    ),
    (
        "told, total",
        (own.SPANGLASS_USAGE_TOLD_TOTAL_TOKENS,),
        "not counted here: on another call's span, or paid by nobody",
    ),
)
MEASURED: Final = (
    ("first chunk", FIRST_CHUNK, "from the start of the call"),
    ("longest gap", (own.SPANGLASS_STREAM_LONGEST_GAP,), "between two chunks"),
    ("processing", (own.SPANGLASS_PROCESSING_TIME,), "as the server says"),
    ("backoff", (own.SPANGLASS_ATTEMPT_BACKOFF,), "before the next attempt"),
)
ERROR: Final = (
    ("code", own.SPANGLASS_ERROR_CODE),
    ("type, in the API's word", own.SPANGLASS_ERROR_TYPE),
    ("parameter", own.SPANGLASS_ERROR_PARAM),
    ("request id", own.SPANGLASS_RESPONSE_REQUEST_ID),
    ("retry reason", own.SPANGLASS_ATTEMPT_RETRY_REASON),
    ("retry-after", own.SPANGLASS_ATTEMPT_RETRY_AFTER),
)


MOST_MET: Final = 20
"""Exceptions that are told beside the error; all of them are events."""


def usage(span: ReadableSpan) -> list[Fact]:
    """Return the tokens, and what they cost or why that is not known."""
    counts = ((name, number(span, *names), note) for name, names, note in TOKENS)
    facts = [Fact(name, _whole(count), note) for name, count, note in counts if count is not None]
    facts += _details(span)
    if not is_call(span):
        return facts
    price = cost(span)
    return [*facts, Fact("cost", "not known", _unpriced(span)) if price is None else Fact("cost", dollars(price))]


def _whole(count: float) -> str:
    return f"{count:,.0f}"


def _details(span: ReadableSpan) -> Iterator[Fact]:
    """Yield the counts that have no name of their own."""
    begin = f"{own.SPANGLASS_USAGE_DETAILS}."
    for name in span.attributes or {}:
        if name.startswith(begin) and (count := number(span, name)) is not None:
            yield Fact(name.removeprefix(begin), _whole(count), "as the provider calls it")


def _unpriced(span: ReadableSpan) -> str:
    if number(span, *TOKENS_IN) is None:
        return "the provider told no tokens"
    if find_spec("genai_prices") is None:
        return "prices come with pip install 'spanglass[prices]'"
    return "no price is known for what this provider, model, service tier or tools charge"


def shares(span: ReadableSpan) -> list[Share]:
    """Return where the time of a call went, in the order in which it did."""
    found = [(name, number(span, attribute) or 0.0) for name, attribute in SPLIT]
    whole = sum(max(spent, 0) for _, spent in found)
    shares: list[Share] = []
    passed = 0.0
    for name, spent in found:
        if spent > 0:
            shares.append(Share(name, duration(spent), round(passed / whole * 100, 3), round(spent / whole * 100, 3)))
            passed += spent
    return shares


def times(span: ReadableSpan) -> list[Fact]:
    """Return how long the span took, and what else was measured."""
    measured = ((name, number(span, *names), note) for name, names, note in MEASURED)
    facts = [Fact("duration", duration(seconds(span)))]
    facts += [Fact(name, duration(value), note) for name, value, note in measured if value is not None]
    chunks = number(span, own.SPANGLASS_STREAM_CHUNK_COUNT)
    if chunks is not None:
        facts.append(Fact("chunks", _whole(chunks)))
    outcome = text(span, own.SPANGLASS_STREAM_OUTCOME)
    if outcome is not None:
        facts.append(Fact("stream outcome", outcome))
    attempts = number(span, own.SPANGLASS_ATTEMPT_COUNT)
    if attempts is not None:
        facts.append(Fact("attempts", _whole(attempts)))
    return facts


def errors(span: ReadableSpan) -> list[Fact]:
    """Return what is known of the error of a span that failed, or of an exception that it met; else nothing."""
    met = [event.attributes or {} for event in span.events if event.name == otel.EXCEPTION][:MOST_MET]
    if not failed(span) and not met:
        return []
    facts = [Fact("message", span.status.description)] if span.status.description else []
    kind = text(span, otel.ERROR_TYPE)
    if kind:
        facts.append(Fact("type", kind))
    status = number(span, otel.HTTP_RESPONSE_STATUS_CODE)
    if status is not None:
        facts.append(Fact("HTTP status", f"{status:.0f}"))
    facts += [Fact(name, said) for name, attribute in ERROR if (said := text(span, attribute))]
    for attributes in met:
        parts = [str(attributes.get(name) or "") for name in (otel.EXCEPTION_TYPE, otel.EXCEPTION_MESSAGE)]
        if not all(any(part in fact.value for fact in facts) for part in parts):
            facts.append(Fact("exception", ": ".join(filter(None, parts))))
    return facts


def tracebacks(span: ReadableSpan) -> list[str]:
    """Return the tracebacks of the exceptions that the span met."""
    found = ((event.attributes or {}).get(otel.EXCEPTION_STACKTRACE) for event in span.events)
    return [trace for trace in found if isinstance(trace, str) and trace][:MOST_MET]


def parameters(span: ReadableSpan) -> list[Fact]:
    """Return the parameters of the request, each value as JSON."""
    asked = text(span, oi.LLM_INVOCATION_PARAMETERS, oi.EMBEDDING_INVOCATION_PARAMETERS)
    if asked is None:
        begin = ai.GEN_AI_REQUEST_MODEL.removesuffix("model")
        named = ((name, value) for name, value in (span.attributes or {}).items() if name.startswith(begin))
        return [Fact(name.removeprefix(begin), written(value)) for name, value in named]
    try:
        own_fields = fields(json.loads(asked))
    except (ValueError, RecursionError):
        return [Fact("as they are", asked)]
    return [Fact(name, written(value)) for name, value in own_fields.items()]


def written(value: object) -> str:
    """Return a value as it is written: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
