"""Spans of calls of a model, as short as they can be said: what their list tells of them is all that they have."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanglass.semconv import openinference as oi

SECOND = 10**9
BEGIN = 1_769_868_000 * SECOND
"""2026-01-31, 14:00 UTC."""


def call(  # noqa: PLR0913 - each is a field of a span
    trace: int,
    span: int = 1,
    *,
    name: str = "ChatCompletion",
    prompt: str = "Hi",
    start: float = 0.0,
    seconds: float = 1.0,
    parent: int | None = None,
    failed: bool = False,
    project: str | None = None,
    events: tuple[Event, ...] = (),
    **attributes: Any,
) -> ReadableSpan:
    """Return the span of a call of `gpt-4o`; `__` in the name of an attribute is a dot."""
    begin = BEGIN + int(start * SECOND)
    given: Mapping[str, Any] = {key.replace("__", "."): value for key, value in attributes.items()}
    return ReadableSpan(
        name=name,
        context=_context(trace, span),
        parent=None if parent is None else _context(trace, parent),
        resource=Resource({} if project is None else {oi.OPENINFERENCE_PROJECT_NAME: project}),
        attributes={
            oi.OPENINFERENCE_SPAN_KIND: "LLM",
            oi.LLM_MODEL_NAME: "gpt-4o",
            f"{oi.LLM_INPUT_MESSAGES}.0.{oi.MESSAGE_ROLE}": "user",
            f"{oi.LLM_INPUT_MESSAGES}.0.{oi.MESSAGE_CONTENT}": prompt,
            **given,
        },
        events=events,
        status=Status(StatusCode.ERROR, "It failed") if failed else Status(StatusCode.OK),
        start_time=begin,
        end_time=begin + int(seconds * SECOND),
    )


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
