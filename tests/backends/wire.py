"""Spans as one flat dict, from what was sent and from what arrived: equal only when every field is.

A key says where (`ChatCompletion 0 / attributes / llm.model_name`), and a value that is not a text says its type, since
in Python `1 == 1.0 == True` and on the wire they differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status
from opentelemetry.sdk.trace import ReadableSpan

Flat = dict[str, str]


def sent(spans: Iterable[ReadableSpan]) -> Flat:
    """Return the spans that a program finished."""
    return flat(nested(spans))


def nested(spans: Iterable[ReadableSpan]) -> list[dict[str, Any]]:
    """Return the spans that a program finished, each as a nested dict, in the order of their start."""
    return sorted(map(_of_span, spans), key=_order)


def arrived(traces: Iterable[ResourceSpans]) -> Flat:
    """Return the spans that a collector handed on, each with the one resource and scope it stands in."""
    return flat(sorted(map(_of_wire, traces), key=_order))


def flat(spans: Iterable[dict[str, Any]]) -> Flat:
    """Return nested spans as one flat dict, numbered in the order given."""
    return {
        " / ".join((f"{span['name']} {number}", *path)): text
        for number, span in enumerate(spans)
        for path, text in _leaves(span)
    }


def _order(span: dict[str, Any]) -> tuple[int, str]:
    return span["start"], span["span id"]


def _leaves(value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the text of everything in nested mappings and sequences; what is empty is a leaf."""
    if isinstance(value, Mapping | list | tuple) and value:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            for path, text in _leaves(inner):
                yield (str(key), *path), text
    elif isinstance(value, str):
        yield (), value
    else:
        yield (), f"<{type(value).__name__} {value!r}>"


def _of_span(span: ReadableSpan) -> dict[str, Any]:
    context, scope = span.get_span_context(), span.instrumentation_scope
    assert context is not None
    assert scope is not None
    return {
        "name": span.name,
        "trace id": f"{context.trace_id:032x}",
        "span id": f"{context.span_id:016x}",
        "parent id": f"{span.parent.span_id:016x}" if span.parent else "",
        "trace state": context.trace_state.to_header(),
        "kind": span.kind.name,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "status message": span.status.description or "",
        "attributes": _plain(span.attributes or {}),
        "events": [
            {"name": event.name, "time": event.timestamp, "attributes": _plain(event.attributes or {})}
            for event in span.events
        ],
        "links": [f"{link.context.trace_id:032x} {link.context.span_id:016x}" for link in span.links],
        "dropped": [span.dropped_attributes, span.dropped_events, span.dropped_links],
        "resource": _plain(span.resource.attributes),
        "resource schema": span.resource.schema_url,
        "scope": [scope.name, scope.version or "", scope.schema_url or "", _plain(scope.attributes or {})],
    }


def _of_wire(trace: ResourceSpans) -> dict[str, Any]:
    ((scope,), (span,)) = trace.scope_spans, trace.scope_spans[0].spans
    return {
        "name": span.name,
        "trace id": span.trace_id.hex(),
        "span id": span.span_id.hex(),
        "parent id": span.parent_span_id.hex(),
        "trace state": span.trace_state,
        "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        "status message": span.status.message,
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": event.name, "time": event.time_unix_nano, "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "links": [f"{link.trace_id.hex()} {link.span_id.hex()}" for link in span.links],
        "dropped": [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count],
        "resource": _attributes(trace.resource.attributes),
        "resource schema": trace.schema_url,
        "scope": [scope.scope.name, scope.scope.version, scope.schema_url, _attributes(scope.scope.attributes)],
    }


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()}


def _attributes(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case None:
            return None
        case kind:
            return getattr(value, kind)
