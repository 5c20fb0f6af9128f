"""The attributes of a span in groups, by who has named them."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.credentials import REDACTED
from spanglass.dashboard.entry import LONGEST as LONGEST_FILTER
from spanglass.dashboard.entry import plain
from spanglass.dashboard.facts import written
from spanglass.semconv import gen_ai, openinference, otel
from spanglass.semconv import spanglass as own

MOST: Final = 400
"""Attributes of a group that are listed."""
LONGEST: Final = 400
"""Characters of a value that are shown in a table."""
OF_SPAN: Final = "attribute-"
OF_RESOURCE: Final = "resource-"
OF_SCOPE: Final = "scope-"
OF_EVENT: Final = "event-"
OF_LINK: Final = "link-"
CUT: Final = "… [cut: "
"""What stands in a text that was cut before it was recorded."""


FILTER: Final = "attr"
"""What the list calls its filter by attribute."""


class Attribute(NamedTuple):
    """One attribute; `more` counts the characters that are not shown, at `place` are all; `filter` is a query."""

    name: str
    value: str
    more: int
    place: str
    filter: str | None


class Group(NamedTuple):
    """Attributes of one convention; `more` counts those that are not listed."""

    title: str
    key: str
    attributes: list[Attribute]
    more: int


def _firsts(module: object, *others: str) -> frozenset[str]:
    """Return what the names of a convention begin with."""
    names = (value for name, value in vars(module).items() if name.isupper() and isinstance(value, str))
    return frozenset({*(name.partition(".")[0] for name in names if "." in name), *others})


OTHERS: Final = (
    "client", "code", "container", "db", "enduser", "host", "k8s", "messaging", "net", "network", "os", "peer",
    "process", "rpc", "telemetry", "thread", "user_agent",
)  # fmt: skip
CONVENTIONS: Final = (
    ("spanglass", "spanglass", _firsts(own)),
    ("OpenInference", "openinference", _firsts(openinference, "metadata", "reranker", "retrieval")),
    ("OpenTelemetry GenAI", "gen_ai", _firsts(gen_ai)),
    ("HTTP and other OpenTelemetry", "otel", _firsts(otel, *OTHERS)),
)


def groups(span: ReadableSpan) -> list[Group]:
    """Return the attributes of a span, those of its resource, and what is known of its scope."""
    rest: Mapping[str, Any] = dict(span.attributes or {})
    found: list[Group] = []
    for title, key, firsts in CONVENTIONS:
        mine = {name: value for name, value in rest.items() if name.partition(".")[0] in firsts}
        rest = {name: value for name, value in rest.items() if name not in mine}
        found.append(_group(title, key, mine))
    scope = span.instrumentation_scope
    of_scope = {} if scope is None else {"name": scope.name, "version": scope.version, "schema_url": scope.schema_url}
    told = {name: value for name, value in of_scope.items() if value}
    return [
        group
        for group in (
            *found,
            _group("Others", "others", rest),
            _group("Resource", "resource", span.resource.attributes, OF_RESOURCE),
            _group("Scope", "scope", {**told, **((scope and scope.attributes) or {})}, OF_SCOPE, filters=False),
        )
        if group.attributes
    ]


def table(attributes: Mapping[str, Any], place: str) -> list[Attribute]:
    """Return attributes that no filter finds, as those of an event; `place` is what their places begin with."""
    return _group("", "", attributes, place, filters=False).attributes


def _group(title: str, key: str, attributes: Mapping[str, Any], place: str = OF_SPAN, *, filters: bool = True) -> Group:
    listed = [_attribute(name, value, place, filters=filters) for name, value in islice(attributes.items(), MOST)]
    return Group(title, key, listed, len(attributes) - len(listed))


def _attribute(name: str, value: Any, place: str, *, filters: bool) -> Attribute:
    told, sought = written(value), plain(value) if filters else None
    found = sought is not None and len(sought) <= LONGEST_FILTER
    query = urlencode({FILTER: f"{name}={sought}"}, errors="replace") if found else None
    return Attribute(name, told[:LONGEST], max(0, len(told) - LONGEST), f"{place}{name}", query)


def whole(span: ReadableSpan, place: str) -> str | None:
    """Return the whole value at a place; None where there is none."""
    scope = span.instrumentation_scope
    holders = {
        OF_SPAN: span.attributes,
        OF_RESOURCE: span.resource.attributes,
        OF_SCOPE: scope and scope.attributes,
        **{f"{OF_EVENT}{number}-": event.attributes for number, event in enumerate(span.events)},
        **{f"{OF_LINK}{number}-": link.attributes for number, link in enumerate(span.links)},
    }
    for begin, attributes in holders.items():
        name = place.removeprefix(begin)
        if place.startswith(begin) and attributes and name in attributes:
            return written(attributes[name])
    return None


def warnings(span: ReadableSpan) -> list[str]:
    """Return what is not there of a span, and why."""
    texts = [value for value in _values(span) if isinstance(value, str)]
    said: list[str] = []
    if any(REDACTED in text for text in texts):
        said.append(f"Content was hidden before it was recorded: {REDACTED} stands in its place.")
    if any(CUT in text for text in texts):
        said.append("Texts were cut before they were recorded: each says so at its end.")
    counts = (
        (span.dropped_attributes, "attributes"),
        (span.dropped_events, "events"),
        (span.dropped_links, "links"),
    )
    said += [f"{count:,} {what} were dropped before the span was sent." for count, what in counts if count]
    return said


def _values(span: ReadableSpan) -> Iterable[object]:
    yield from (span.attributes or {}).values()
    for event in span.events:
        yield from (event.attributes or {}).values()
