"""Spans as tests of the pages need them: made by hand, with what they are to show."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

START: Final = 1_700_000_000_000_000_000
MS: Final = 1_000_000
_numbers: Final = count(1)


def made(  # noqa: PLR0913 - as much as a span has
    attributes: Mapping[str, Any] | None = None,
    *,
    name: str = "ChatCompletion",
    trace: int | None = None,
    parent: int | None = None,
    at: int = 0,
    events: Sequence[Event] = (),
    links: Sequence[Link] = (),
    resource: Mapping[str, Any] | None = None,
    failed: str | None = None,
) -> ReadableSpan:
    """Return a span of 10 ms that begins `at` ms after all, in a trace of its own unless that is given."""
    number = next(_numbers)
    trace = trace or number << 64 | number
    begun = START + at * MS
    return ReadableSpan(
        name=name,
        context=SpanContext(trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
        parent=SpanContext(trace, parent, is_remote=False) if parent else None,
        resource=Resource(dict(resource or {})),
        attributes=dict(attributes or {}),
        events=events,
        links=links,
        status=Status(StatusCode.ERROR, failed) if failed else Status(StatusCode.OK),
        start_time=begun,
        end_time=begun + 10 * MS,
        instrumentation_scope=InstrumentationScope("spanglass", "1"),
    )


def chat(
    *sent: Mapping[str, Any], received: Sequence[Mapping[str, Any]] = (), others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the attributes of a call: messages by the names that OpenInference has after `message.`."""
    found: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"}
    for side, messages in (("input", sent), ("output", received)):
        for number, message in enumerate(messages):
            for key, value in message.items():
                found[f"llm.{side}_messages.{number}.message.{key}"] = value
    return {**found, **(others or {})}


def says(role: str, content: str, **others: Any) -> dict[str, Any]:
    """Return a message of one text."""
    return {"role": role, "content": content, **others}


def calls(name: str, arguments: str, identity: str) -> dict[str, Any]:
    """Return a message that asks for a tool."""
    at = "tool_calls.0.tool_call"
    return {
        "role": "assistant",
        f"{at}.id": identity,
        f"{at}.function.name": name,
        f"{at}.function.arguments": arguments,
    }


def part(number: int, kind: str, **fields: str) -> dict[str, str]:
    """Return a part of a message, its fields by the names that follow `message_content.`, with `__` for a dot."""
    at = f"contents.{number}.message_content"
    return {f"{at}.type": kind, **{f"{at}.{name.replace('__', '.')}": value for name, value in fields.items()}}


def path_of(span: ReadableSpan) -> str:
    """Return where the page of a span's trace is."""
    assert span.context is not None

    return f"/traces/{span.context.trace_id:032x}"


def whole_of(span: ReadableSpan) -> str:
    """Return what the addresses of a span's own texts begin with."""
    assert span.context is not None

    return f"{path_of(span)}/spans/{span.context.span_id:016x}"
