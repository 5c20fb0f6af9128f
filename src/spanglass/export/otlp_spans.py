"""The spans of OTLP/JSON, whoever wrote it: also with protobuf's own names, those of its enums, and base64 for hex."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from spanglass.export.otlp_json import REMOTE, Json

T = TypeVar("T")

SPANS: Final = "resourceSpans"
OTHERS: Final = frozenset({"resourceLogs", "resourceMetrics", "resourceProfiles"})
"""What a file of the Collector may have besides spans."""

MALFORMED: Final = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What `SpanReader.read` raises for JSON that is no request of OTLP."""

KINDS: Final[dict[int | str, SpanKind]] = {
    0: SpanKind.INTERNAL,
    "SPAN_KIND_UNSPECIFIED": SpanKind.INTERNAL,
    **{kind.value + 1: kind for kind in SpanKind},
    **{f"SPAN_KIND_{kind.name}": kind for kind in SpanKind},
}
CODES: Final[dict[int | str, StatusCode]] = {
    **{code.value: code for code in StatusCode},
    **{f"STATUS_CODE_{code.name}": code for code in StatusCode},
}


class SpanReader:
    """Makes spans of requests; those of the same origin as the one before share its resource and scope."""

    def __init__(self) -> None:
        self._resource = _Last(_resource)
        self._scope = _Last(_scope)

    def read(self, request: Json) -> Iterator[ReadableSpan]:
        """Yield the spans of one request, none of one for logs or metrics; raises one of MALFORMED for all else."""
        for make in self.parts(request):
            yield make()

    def parts(self, request: Json) -> Iterator[Callable[[], ReadableSpan]]:
        """Yield what makes each span, and raises one of MALFORMED for that one alone; raises as `read` does."""
        request = _recased(request) if any("_" in name for name in request) else request
        if request and SPANS not in request and not OTHERS.intersection(request):
            raise ValueError
        for group in _list(request, SPANS):
            around = {**group, "scopeSpans": None}
            for scoped in _list(group, "scopeSpans"):
                within = {**scoped, "spans": None}
                for span in _list(scoped, "spans"):
                    yield partial(self._made, span, around, within)

    def _made(self, span: Json, group: Json, scoped: Json) -> ReadableSpan:
        return _span(span, self._resource(group), self._scope(scoped))


class _Last(Generic[T]):
    """Makes a thing of JSON, and gives the same one as long as the JSON is the same."""

    def __init__(self, make: Callable[[Json], T]) -> None:
        self._make = make
        self._last: tuple[Json, T] | None = None

    def __call__(self, given: Json) -> T:
        if self._last is None or self._last[0] != given:
            self._last = (given, self._make(given))
        return self._last[1]


def _recased(tree: Any) -> Any:
    """Return JSON with its names in camel case."""
    if isinstance(tree, Mapping):
        return {_camel(name): _recased(inner) for name, inner in cast("Json", tree).items()}
    return [*map(_recased, tree)] if tree.__class__ is list else tree


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _resource(group: Json) -> Resource:
    return Resource(_attributes(group.get("resource") or {}), _text(group, "schemaUrl"))


def _scope(scoped: Json) -> InstrumentationScope:
    said: Json = scoped.get("scope") or {}
    name, version, schema = _text(said, "name"), _text(said, "version"), _text(scoped, "schemaUrl")
    return InstrumentationScope(name, version, schema, _attributes(said))


def _span(span: Json, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    has_parent = _id(span, "parentSpanId", 8) > 0
    return ReadableSpan(
        name=_text(span, "name"),
        context=_context(span, "spanId"),
        parent=_context(span, "parentSpanId", remote=_remote(span)) if has_parent else None,
        resource=resource,
        attributes=_kept_attributes(span),
        events=_kept(span, "events", "droppedEventsCount", _event),
        links=_kept(span, "links", "droppedLinksCount", _link),
        kind=KINDS[span.get("kind") or 0],
        status=_status(span.get("status") or {}),
        start_time=int(span.get("startTimeUnixNano") or 0),
        end_time=int(span.get("endTimeUnixNano") or 0),
        instrumentation_scope=scope,
    )


def _context(said: Json, name: str, *, remote: bool = False) -> SpanContext:
    """Return the context of the span whose id has this name: a parent's flags and state are those of its child."""
    state = _text(said, "traceState")
    return SpanContext(
        _id(said, "traceId", 16),
        _id(said, name, 8),
        remote,
        # Sampled, whatever is said: not all exporters say it, and what is not sampled goes nowhere.
        TraceFlags(int(said.get("flags") or 0) & 0xFF | TraceFlags.SAMPLED),
        TraceState.from_header([state]) if state else None,
    )


def _remote(said: Json) -> bool:
    return bool(int(said.get("flags") or 0) & REMOTE)


def _id(said: Json, name: str, size: int) -> int:
    text = _text(said, name)
    raw = bytes.fromhex(text) if len(text) == 2 * size else _bytes(text)
    if len(raw) not in (0, size):
        raise ValueError
    return int.from_bytes(raw, "big")


def _event(event: Json) -> Event:
    return Event(_text(event, "name"), _kept_attributes(event), int(event.get("timeUnixNano") or 0))


def _link(link: Json) -> Link:
    return Link(_context(link, "spanId", remote=_remote(link)), _kept_attributes(link))


def _status(status: Json) -> Status:
    code = CODES[status.get("code") or 0]
    message = _text(status, "message")
    return Status(code, message or None if code is StatusCode.ERROR else None)


def _kept(said: Json, name: str, dropped: str, make: Callable[[Json], T]) -> Sequence[T]:
    """Return the events or links, as the SDK has them that has no place for more."""
    items = tuple(map(make, _list(said, name)))
    if not said.get(dropped):
        return items
    bounded = BoundedList[T](len(items))
    bounded.extend(items)
    bounded.dropped = int(said[dropped])
    return bounded


def _kept_attributes(said: Json) -> Mapping[str, Any]:
    """Return the attributes, likewise."""
    attributes = _attributes(said)
    if not said.get("droppedAttributesCount"):
        return attributes
    bounded = BoundedAttributes(attributes=attributes)
    bounded.dropped = int(said["droppedAttributesCount"])
    return bounded


def _attributes(said: Json) -> dict[str, Any]:
    return _pairs(_list(said, "attributes"))


def _pairs(pairs: Sequence[Json]) -> dict[str, Any]:
    return {_text(pair, "key"): _value(pair.get("value") or {}) for pair in pairs}


def _text(said: Json, name: str) -> str:
    found = said.get(name) or ""
    if not isinstance(found, str):
        raise TypeError
    return found


def _list(said: Json, name: str) -> Sequence[Json]:
    found: Sequence[Json] = said.get(name) or []
    if not isinstance(found, list):
        raise TypeError
    return found


def _value(value: Json) -> Any:
    for kind, inner in value.items():
        if kind in VALUES and inner is not None:
            return VALUES[kind](inner)
    return None


def _bytes(text: str) -> bytes:
    return base64.b64decode(f"{text}==".translate(STANDARD), validate=False)  # whatever padding it has


STANDARD: Final = str.maketrans("-_", "+/")
VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    "stringValue": str,
    "boolValue": bool,
    "intValue": int,
    "doubleValue": float,
    "bytesValue": _bytes,
    "arrayValue": lambda array: tuple(_value(item) for item in _list(array, "values")),
    "kvlistValue": lambda pairs: _pairs(_list(pairs, "values")),
}
"""How each kind of value is read; one that OTLP has not yet is None."""
