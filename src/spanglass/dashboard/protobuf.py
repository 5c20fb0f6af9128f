"""The spans of an OTLP request as protobuf."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as Scope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from spanglass.dashboard.entry import Unkept
from spanglass.export.otlp_json import REMOTE

T = TypeVar("T")
Fields = dict[int, list[bytes]]

# How a field's value is written: the low three bits of what stands before it.
VARINT: Final = 0
WITH_LENGTH: Final = 2
FIXED: Final = {1: 8, 5: 4}
MORE: Final = 0x80
"""The bit of a byte of a number after which more of it comes."""

MOST: Final = 100_000
"""Resources, scopes and spans of a request, with what else is beside them, and events and links."""
CROWDED: Final = f"no more than {MOST:,} spans, events and links are in a request"

KINDS: Final = {kind.value + 1: kind for kind in SpanKind}
CODES: Final = {code.value: code for code in StatusCode}


class TooMany(ValueError):  # noqa: N818 - what there is
    """A request has more than anybody sends."""


def parts(request: bytes) -> Iterator[Callable[[], ReadableSpan]]:
    """Yield what makes each span of an `ExportTraceServiceRequest`; ValueError for bytes that are none, or TooMany.

    A span is decoded on its own, so that one that is malformed, or too deep, raises DecodeError and the others do not;
    Unkept is raised by one that has too much in it.
    An id that is none is 0.
    """
    room = iter(range(MOST))
    for group in _fields(request, room).get(1, ()):
        around = _fields(group, room)
        resource = _Once(partial(_resource, around))
        for scoped in around.get(2, ()):
            within = _fields(scoped, room)
            scope = _Once(partial(_scope, within))
            for span in within.get(2, ()):
                yield partial(_made, span, resource, scope, room)


class _Once(Generic[T]):
    """What is made when it is first asked for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None

    def __call__(self) -> T:
        if self._made is None:
            self._made = self._make()
        return self._made


def _made(span: bytes, resource: _Once[Resource], scope: _Once[Scope], room: Iterator[int]) -> ReadableSpan:
    said = Span.FromString(span)
    within = len(said.events) + len(said.links)
    if sum(1 for _ in islice(room, within)) < within:
        raise Unkept(CROWDED)
    return _span(said, resource(), scope())


def _resource(fields: Fields) -> Resource:
    said = ResourceMessage.FromString(b"".join(fields.get(1, ())))  # what comes twice is merged, as protobuf has it
    return Resource(_attributes(said.attributes), _schema(fields))


def _scope(fields: Fields) -> Scope:
    said = InstrumentationScope.FromString(b"".join(fields.get(1, ())))
    return Scope(said.name, said.version, _schema(fields), _attributes(said.attributes))


def _schema(fields: Fields) -> str:
    return fields.get(3, [b""])[-1].decode()


def _fields(message: bytes, room: Iterator[int]) -> Fields:
    """Return the fields of a message that have a length, by their numbers; each takes a place in the room."""
    fields: Fields = {}
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if next(room, None) is None:
            raise TooMany
        if kind == WITH_LENGTH:
            size, at = _varint(message, at)
            fields.setdefault(tag >> 3, []).append(message[at : at + size])
        elif kind == VARINT:
            size, at = 0, _varint(message, at)[1]
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise ValueError
        at += size
        if at > end or not tag >> 3:
            raise ValueError
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number, and where the next thing begins."""
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            raise ValueError
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < MORE:
            return number, at
    raise ValueError


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
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in PLAIN else NESTED[kind](value) if kind in NESTED else None


PLAIN: Final = frozenset({"string_value", "bool_value", "int_value", "double_value", "bytes_value"})
NESTED: Final[dict[str, Callable[[AnyValue], Any]]] = {
    "array_value": lambda value: tuple(map(_value, value.array_value.values)),
    "kvlist_value": lambda value: _attributes(value.kvlist_value.values),
}
"""How each kind of value is read; one that came to OTLP later is None."""
