"""Spans as one flat dict, from what was sent and from what arrived: equal only when every field is.

A key says where (`ChatCompletion 0 / attributes / llm.model_name`), and a value that is not a text says its type, since
in Python `1 == 1.0 == True` and on the wire they differ.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # it has no annotations
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData
from opentelemetry.sdk.trace import ReadableSpan

Nested = dict[str, Any]
IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def nested(spans: Iterable[ReadableSpan]) -> list[Nested]:
    """Return the spans that a program finished."""
    return [_of_span(span) for span in spans]


def arrived(groups: Iterable[ResourceSpans], spans: Iterable[ReadableSpan]) -> list[Nested]:
    """Return what arrived of the traces of `spans`, each span with the one resource and scope it stands in."""
    traces = {bytes.fromhex(trace) for trace in traces_of(spans)}
    return [
        _of_wire(group, scope, span)
        for group in groups
        for scope in group.scope_spans
        for span in scope.spans
        if span.trace_id in traces
    ]


def traces_of(spans: Iterable[ReadableSpan]) -> list[str]:
    """Return the ids of the traces of `spans` in hex, each once."""
    contexts = (span.get_span_context() for span in spans)
    return [*dict.fromkeys(f"{context.trace_id:032x}" for context in contexts if context)]


def from_json(data: Mapping[str, Any]) -> Sequence[ResourceSpans]:
    """Return what a message in OTLP/JSON says, which has ids in hex; a field that OTLP has not is an error."""
    found: Sequence[ResourceSpans] = ParseDict(_with_bytes(data), TracesData()).resource_spans
    return found


def _with_bytes(value: Any) -> Any:
    """Return JSON with its ids as protobuf's own JSON has them."""
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    if isinstance(value, Mapping):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode() if key in IDS else _with_bytes(inner)
            for key, inner in value.items()
        }
    return value


def flat(spans: Iterable[Nested]) -> dict[str, str]:
    """Return nested spans as one flat dict, numbered as they started; a field that is empty is none, as in OTLP."""
    return {
        " / ".join((f"{span['name']} {number}", field, *path)): text
        for number, span in enumerate(sorted(spans, key=lambda span: (span["start"], span["span id"])))
        for field, value in span.items()
        if value not in ("", [], {})
        for path, text in _leaves(value)
    }


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


def _of_span(span: ReadableSpan) -> Nested:
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
        "links": [  # OpenTelemetry's encoder leaves their trace state out
            {
                "trace id": f"{link.context.trace_id:032x}",
                "span id": f"{link.context.span_id:016x}",
                "attributes": _plain(link.attributes or {}),
            }
            for link in span.links
        ],
        "dropped": [span.dropped_attributes, span.dropped_events, span.dropped_links],
        "resource": _plain(span.resource.attributes),
        "resource schema": span.resource.schema_url,
        "scope": [scope.name, scope.version or "", _plain(scope.attributes or {})],
        "scope schema": scope.schema_url or "",
    }


def _of_wire(group: ResourceSpans, scope: ScopeSpans, span: Span) -> Nested:
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
        "links": [
            {
                "trace id": link.trace_id.hex(),
                "span id": link.span_id.hex(),
                "attributes": _attributes(link.attributes),
            }
            for link in span.links
        ],
        "dropped": [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count],
        "resource": _attributes(group.resource.attributes),
        "resource schema": group.schema_url,
        "scope": [scope.scope.name, scope.scope.version, _attributes(scope.scope.attributes)],
        "scope schema": scope.schema_url,
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
