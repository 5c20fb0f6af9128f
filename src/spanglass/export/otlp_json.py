"""A finished span as a line of OTLP/JSON: one whole request, with the span's own resource and scope.

It says what OpenTelemetry's encoder says, and two things more that OTLP has a place for: the flags of a trace, and the
trace state of a link. What no reader would take is made to fit: half a character is replaced, a number of more than
64 bits is a text, a time before 1970 is 0.
"""

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json import JSONEncoder
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext, Status

from spanglass.export.sizes import copied

Json = dict[str, Any]

KNOWN_REMOTE: Final = 0x100  # of the flags: that the next one says something
REMOTE: Final = 0x200  # of the flags: that the parent, or what is linked to, came from another process
ORIGINS: Final = 64  # how many pairs of a resource and a scope are remembered
LARGEST: Final = 2**63
BREAKS: Final = ("\x85", "\u2028", "\u2029")  # where some readers end a line; JSON lets them stand in a text

_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def lines(spans: Iterable[ReadableSpan]) -> Iterator[str]:
    """Yield each span as a line, without the newline."""
    return map(LineWriter(), spans)


class LineWriter:
    """Writes spans as lines; those of the same origin share what is around them."""

    def __init__(self) -> None:
        self._origins: dict[tuple[int, int], tuple[ReadableSpan, str, str]] = {}

    def __call__(self, span: ReadableSpan) -> str:
        """Return a span as a line, without the newline."""
        origin = (id(span.resource), id(span.instrumentation_scope))
        if origin not in self._origins:
            if len(self._origins) == ORIGINS:
                self._origins.clear()
            self._origins[origin] = (span, *_around(span))  # the span keeps both alive, and so their ids their own
        _, before, after = self._origins[origin]
        return f"{before}{_text(_span(span))}{after}"


def _around(span: ReadableSpan) -> tuple[str, str]:
    """Return what stands before and after a span of this resource and scope."""
    resource, scope = span.resource, span.instrumentation_scope
    scoped: Json = {"scope": {}, "spans": []}
    if scope is not None:
        scoped["scope"] = _said(name=scope.name, version=scope.version, attributes=_attributes(scope.attributes))
        scoped |= _said(schemaUrl=scope.schema_url)
    whole = {
        "resource": _said(attributes=_attributes(resource.attributes)),
        "scopeSpans": [scoped],
        **_said(schemaUrl=resource.schema_url),
    }
    before, spans, after = _text({"resourceSpans": [whole]}).partition('"spans":[')  # in a text, quotes are escaped
    return before + spans, after


def _span(span: ReadableSpan) -> Json:
    context = span.context or INVALID_SPAN_CONTEXT
    said = _said(
        **_context(context),
        parentSpanId=f"{span.parent.span_id:016x}" if span.parent else "",
        flags=_flags(context, span.parent),
        name=span.name,
        kind=span.kind.value + 1,
        startTimeUnixNano=_time(span.start_time),
        endTimeUnixNano=_time(span.end_time),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=span.dropped_attributes,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links,
    )
    return {**said, "status": _status(span.status)}


def _said(**fields: Any) -> Json:
    """Return the fields that say something: in OTLP an empty one is none."""
    return {name: value for name, value in fields.items() if value}


def _context(context: SpanContext) -> Json:
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "traceState": context.trace_state.to_header(),
    }


def _flags(context: SpanContext, remote: SpanContext | None) -> int:
    return context.trace_flags & 0xFF | KNOWN_REMOTE | (REMOTE if remote and remote.is_remote else 0)


def _time(nanoseconds: int | None) -> str:
    return str(max(0, nanoseconds or 0))


def _event(event: Event) -> Json:
    return _said(
        timeUnixNano=_time(event.timestamp),
        name=event.name,
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes,
    )


def _link(link: Link) -> Json:
    return _said(
        **_context(link.context),
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes,
        flags=_flags(link.context, link.context),
    )


def _status(status: Status) -> Json:
    return _said(code=status.status_code.value, message=status.description)


def _attributes(attributes: Mapping[str, Any] | None) -> list[Json]:
    return [{"key": str(key), "value": _value(value)} for key, value in copied(attributes or {}).items()]


def _value(value: object) -> Json:
    write = WRITERS.get(type(value))
    if write is None:
        write = next((write for kind, write in WRITERS.items() if isinstance(value, kind)), _word)
    return write(value)


def _word(value: object) -> Json:
    return {"stringValue": str(value)}


def _int(value: int) -> Json:
    text = f"{value:d}"
    return {"intValue": text} if -LARGEST <= value < LARGEST else {"stringValue": text}


def _double(value: float) -> Json:
    if math.isfinite(value):
        return {"doubleValue": value}
    return {"doubleValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


WRITERS: Final[dict[type, Callable[[Any], Json]]] = {
    str: lambda value: {"stringValue": value},
    bool: lambda value: {"boolValue": value},
    int: _int,
    float: _double,
    type(None): lambda _: {},
    bytes: lambda value: {"bytesValue": base64.b64encode(value).decode()},
    tuple: lambda value: {"arrayValue": {"values": [_value(item) for item in value]}},
    Sequence: lambda value: {"arrayValue": {"values": [_value(item) for item in value]}},
    Mapping: lambda value: {"kvlistValue": {"values": _attributes(value)}},
}
"""How each kind of value is written, the narrower kinds first."""


def _text(value: Json) -> str:
    """Return JSON on one line, whoever reads it, and of whole characters."""
    text = _encode(value)
    if text.isascii():
        return text
    for char in BREAKS:
        text = text.replace(char, f"\\u{ord(char):04x}")
    try:
        text.encode()
    except UnicodeEncodeError:  # halves of a character: two that fit are one, and of another nothing is known
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
