"""What Phoenix answers for a span that it was sent: all of it, but for the few things that it is known to reword."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan

KIND = "openinference.span.kind"
EXCEPTION = ("exception.type", "exception.message", "exception.escaped", "exception.stacktrace")
PARSED = ("metadata", "tool.parameters", "llm.prompt_template.variables")  # JSON texts, taken apart into attributes


def shown(span: ReadableSpan) -> dict[str, Any]:
    """Return a span as Phoenix's REST interface words it: the kind apart, times in microseconds, some JSON taken apart.

    It keeps neither the resource nor the scope, the OpenTelemetry kind or links; those are the collector's test.
    """
    context = span.get_span_context()
    assert context is not None
    attributes = dict(span.attributes or {})
    return {
        "name": span.name,
        "context": {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"},
        "span_kind": attributes.pop(KIND),
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "start_time": _time(span.start_time),
        "end_time": _time(span.end_time),
        "status_code": span.status.status_code.name,
        "status_message": span.status.description or "",
        "attributes": dict(_reworded(attributes)),
        "events": [
            {"name": event.name, "timestamp": _time(event.timestamp), "attributes": _of_event(event)}
            for event in span.events
        ],
    }


def _time(nanoseconds: int | None) -> str:
    assert nanoseconds is not None
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc).isoformat()


def _of_event(event: Event) -> dict[str, Any]:
    """Return an event's attributes; of an exception, only the convention's own are kept."""
    attributes = _plain(event.attributes or {})
    if event.name != "exception":
        return attributes
    return {key: value for key, value in attributes.items() if key in EXCEPTION}


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()}


def _reworded(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in _plain(attributes).items():
        if key in PARSED:
            yield from _leaves(key, json.loads(value))
        else:
            yield key, value


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value
