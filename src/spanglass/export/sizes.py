"""How many bytes a span takes in OTLP: a bound from above, cheap enough for the thread that ends the span.

Nothing is encoded for it. A length is counted with the five bytes that protobuf needs for it at most, and a number with
its ten, so that the bound is some ten bytes an attribute above the truth.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from opentelemetry.sdk.trace import ReadableSpan

FIELD: Final = 6  # a tag, and the length of what follows
VALUE: Final = 2 * FIELD  # around a text: that of the value, and that of the text in it
ATTRIBUTE: Final = 2 * FIELD  # around an attribute, and around its key
NUMBER: Final = 13  # a whole value that is a number, a truth or nothing
NUMBERS: Final = frozenset({bool, int, float, type(None)})
KINDS: Final = (str, bytes, Mapping, Sequence)  # what is measured by what is in it
SPAN: Final = 128  # ids, times, kind, flags, counts, and what is around the name, the state and the status
EVENT: Final = 32  # time and count, and what is around it and its name
LINK: Final = 64  # ids, flags and count, and what is around it
ORIGIN: Final = 8 * FIELD  # what is around a resource, a scope and their texts


def span_bytes(span: ReadableSpan) -> int:
    """Return how many bytes `span` takes at most, without its resource and scope."""
    total = SPAN + _text(span.name) + _attributes(span.attributes)
    if description := span.status.description:
        total += _text(description)
    if span.context and span.context.trace_state:
        total += _text(span.context.trace_state.to_header())
    for event in span.events:
        total += EVENT + _text(event.name) + _attributes(event.attributes)
    for link in span.links:
        total += LINK + _attributes(link.attributes)
    return total


def origin_bytes(span: ReadableSpan) -> int:
    """Return how many bytes the resource and the scope of `span` take at most, which a batch has once."""
    resource, scope = span.resource, span.instrumentation_scope
    total = ORIGIN + _text(resource.schema_url) + _attributes(resource.attributes)
    if scope:
        total += _text(scope.name) + _text(scope.version or "") + _text(scope.schema_url or "")
        total += _attributes(scope.attributes)
    return total


def copied(attributes: Mapping[str, object]) -> Mapping[str, object]:
    """Return a copy where there is a quick one: of a span's own attributes each look is a call of a function."""
    try:
        return cast("dict[str, object]", attributes).copy()
    except AttributeError:
        return attributes


def _attributes(attributes: Mapping[str, object] | None) -> int:
    if not attributes:
        return 0
    plain = copied(attributes)
    texts = [value for value in plain.values() if type(value) is str]
    total = (ATTRIBUTE + VALUE) * len(plain) + _text("".join(plain)) + _texts(texts)
    if len(texts) < len(plain):
        total += sum(_value(value) for value in plain.values() if type(value) is not str)
    return total


def _value(value: object) -> int:
    if type(value) in NUMBERS or not isinstance(value, KINDS):
        return NUMBER
    if isinstance(value, str):
        return VALUE + _text(value)
    if isinstance(value, bytes):
        return VALUE + len(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return VALUE + sum(ATTRIBUTE + _text(str(key)) + _value(of) for key, of in pairs)
    items = cast("Sequence[object]", value)
    if NUMBERS.issuperset(map(type, items)):
        return VALUE + NUMBER * len(items)
    return VALUE + sum(map(_value, items))


def _texts(texts: list[str]) -> int:
    return sum(map(len if all(map(str.isascii, texts)) else _text, texts))


def _text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
