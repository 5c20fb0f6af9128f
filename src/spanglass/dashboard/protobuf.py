"""The spans of an OTLP request as protobuf."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as Scope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from spanglass.export.otlp_json import REMOTE

KINDS: Final = {kind.value + 1: kind for kind in SpanKind}
CODES: Final = {code.value: code for code in StatusCode}


def spans_of(request: ExportTraceServiceRequest) -> Iterator[ReadableSpan]:
    """Yield the spans of a request; an id that is none is 0."""
    for group in request.resource_spans:
        resource = _resource(group)
        for scoped in group.scope_spans:
            scope = _scope(scoped)
            for span in scoped.spans:
                yield _span(span, resource, scope)


def _resource(group: ResourceSpans) -> Resource:
    return Resource(_attributes(group.resource.attributes), group.schema_url)


def _scope(scoped: ScopeSpans) -> Scope:
    said: InstrumentationScope = scoped.scope
    return Scope(said.name, said.version, scoped.schema_url, _attributes(said.attributes))


def _span(span: Span, resource: Resource, scope: Scope) -> ReadableSpan:
    trace, flags = _id(span.trace_id, 16), span.flags
    parent = _id(span.parent_span_id, 8)
    state = _state(span.trace_state)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace, _id(span.span_id, 8), False, _flags(flags), state),  # noqa: FBT003 - the SDK's own order
        parent=SpanContext(trace, parent, bool(flags & REMOTE), _flags(flags), state) if parent else None,
        resource=resource,
        attributes=_kept_attributes(span.attributes, span.dropped_attributes_count),
        events=_kept(map(_event, span.events), span.dropped_events_count),
        links=_kept(map(_link, span.links), span.dropped_links_count),
        kind=KINDS.get(span.kind, SpanKind.INTERNAL),
        status=_status(span.status.code, span.status.message),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
    )


def _id(raw: bytes, size: int) -> int:
    return int.from_bytes(raw, "big") if len(raw) == size else 0


def _flags(flags: int) -> TraceFlags:
    return TraceFlags(flags & 0xFF | TraceFlags.SAMPLED)  # not all exporters say it, and what is not goes nowhere


def _state(header: str) -> TraceState | None:
    return TraceState.from_header([header]) if header else None


def _status(code: int, message: str) -> Status:
    status = CODES.get(code, StatusCode.UNSET)
    return Status(status, message or None if status is StatusCode.ERROR else None)


def _event(event: Span.Event) -> Event:
    return Event(event.name, _kept_attributes(event.attributes, event.dropped_attributes_count), event.time_unix_nano)


def _link(link: Span.Link) -> Link:
    context = SpanContext(
        _id(link.trace_id, 16),
        _id(link.span_id, 8),
        bool(link.flags & REMOTE),
        _flags(link.flags),
        _state(link.trace_state),
    )
    return Link(context, _kept_attributes(link.attributes, link.dropped_attributes_count))


def _kept(items: Iterable[Any], dropped: int) -> Any:
    """Return events or links, as the SDK has them that has no place for more."""
    kept = tuple(items)
    if not dropped:
        return kept
    bounded = BoundedList[Any](len(kept))
    bounded.extend(kept)
    bounded.dropped = dropped
    return bounded


def _kept_attributes(pairs: Iterable[KeyValue], dropped: int) -> Mapping[str, Any]:
    """Return attributes, likewise."""
    attributes = _attributes(pairs)
    if not dropped:
        return attributes
    bounded = BoundedAttributes(attributes=attributes)
    bounded.dropped = dropped
    return bounded


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    read = VALUES.get(value.WhichOneof("value") or "")
    return read(value) if read else None


VALUES: Final[dict[str, Callable[[AnyValue], Any]]] = {
    "string_value": lambda value: value.string_value,
    "bool_value": lambda value: value.bool_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: value.double_value,
    "bytes_value": lambda value: value.bytes_value,
    "array_value": lambda value: tuple(map(_value, value.array_value.values)),
    "kvlist_value": lambda value: _attributes(value.kvlist_value.values),
}
"""How each kind of value is read; one that came to OTLP later is None."""
