"""What the dashboard keeps of a span: all of it as OTLP/JSON, and what filters and searches need."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.export.notes import id_of
from spanglass.export.otlp_json import lines
from spanglass.reading.spans import SESSION, failed, is_attempt, resource_text, retried, text, times, trace_of
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel

SEPARATOR: Final = "\x1f"
"""What stands before and after each pair and each text."""
LONGEST: Final = 256
"""Characters of the longest value that a filter by attribute finds."""
DEEPEST: Final = 32
"""How many lists and maps a value may be in; protobuf itself ends at some 47."""
LARGEST: Final = 16 * 2**20
"""Characters of the longest line."""
NO_IDS: Final = "a trace id has 16 bytes and a span id 8, and not all are zero"
TOO_DEEP: Final = f"no value is in more than {DEEPEST} lists or maps"
TOO_LARGE: Final = f"no span has more than {LARGEST:,} characters as JSON"
LATEST: Final = 2**63 - 1
"""What a column of SQLite holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A span as it is kept. Times are nanoseconds since the epoch, ids are in hex.

    `line` is the span as OTLP/JSON. `text` has every text that it holds, and `pairs` its short attributes and those of
    its resource as `name=value`: casefolded, each between separators.
    """

    trace: str
    span: str
    start: int
    end: int
    failed: bool
    retried: bool
    project: str | None
    session: str | None
    line: str
    text: str
    pairs: str


class Unkept(ValueError):  # noqa: N818 - what becomes of the span
    """Why a span is not kept, in words for who has sent it."""


def entry(span: ReadableSpan) -> Entry:
    """Return what is kept of a span; Unkept for one without ids, or whose values are too deep or too large."""
    if not trace_of(span) or not id_of(span):
        raise Unkept(NO_IDS)
    if any(map(_is_deep, _all_attributes(span))):
        raise Unkept(TOO_DEEP)
    start, end = (min(time, LATEST) for time in times(span))
    (line,) = lines([span])
    if len(line) > LARGEST:
        raise Unkept(TOO_LARGE)
    texts = [*_texts(span)]
    pairs = [f"{name}={value}" for name, value in _pairs(span)]
    return Entry(
        trace=format_trace_id(trace_of(span)),
        span=format_span_id(id_of(span)),
        start=start,
        end=end,
        failed=failed(span) and not is_attempt(span),
        retried=retried(span),
        project=_whole(resource_text(span, oi.OPENINFERENCE_PROJECT_NAME) or resource_text(span, otel.SERVICE_NAME)),
        session=_whole(text(span, *SESSION)),
        line=line,
        text=_joined(texts),
        pairs=_joined(pairs),
    )


def pair(name: str, value: str) -> str:
    """Return what stands in `Entry.pairs` of a span that has this attribute; as a part of it also of any other."""
    return f"{SEPARATOR}{_folded(f'{name}={value}')}{SEPARATOR}"


def folded(said: str) -> str:
    """Return a text as it is searched for, and as it stands in an entry: in no case, and of whole characters."""
    return _folded(said).replace(SEPARATOR, " ")


def _whole(said: str | None) -> str | None:
    """Return a text of whole characters, None where it says nothing."""
    return said.encode("utf-8", "replace").decode() if said else None


def _joined(texts: list[str]) -> str:
    return f"{SEPARATOR}{SEPARATOR.join(map(folded, texts))}{SEPARATOR}"


def _folded(said: str) -> str:
    return said.casefold().replace("\0", " ").encode("utf-8", "replace").decode()  # SQLite ends a text at a NUL


def _texts(span: ReadableSpan) -> Iterator[str]:
    yield span.name
    yield span.status.description or ""
    yield from _strings(span.attributes or {})
    for event in span.events:
        yield event.name
        yield from _strings(event.attributes or {})


def _strings(value: object) -> Iterator[str]:
    """Yield the texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, object]", value).values():
            yield from _strings(inner)
    elif isinstance(value, tuple | list):
        for inner in cast("tuple[object, ...]", value):
            yield from _strings(inner)


def _all_attributes(span: ReadableSpan) -> Iterator[Mapping[str, object]]:
    scope = span.instrumentation_scope
    yield span.attributes or {}
    yield span.resource.attributes
    yield (scope and scope.attributes) or {}
    for event in span.events:
        yield event.attributes or {}
    for link in span.links:
        yield link.attributes or {}


def _is_deep(attributes: Mapping[str, object]) -> bool:
    """Tell whether a value is in too many lists and maps."""
    held = [*filter(_holds, attributes.values())]
    for _ in range(DEEPEST):
        if not held:
            return False
        held = [inner for each in held for inner in _held(each) if _holds(inner)]
    return bool(held)


def _holds(value: object) -> bool:
    return isinstance(value, tuple | list | Mapping)


def _held(value: object) -> Iterable[object]:
    return cast("Mapping[str, object]", value).values() if isinstance(value, Mapping) else cast("tuple[object]", value)


def _pairs(span: ReadableSpan) -> Iterator[tuple[str, str]]:
    for attributes in (span.resource.attributes, span.attributes or {}):
        for name, value in attributes.items():
            told = value if isinstance(value, str) else _plain(value)
            if told is not None and len(told) <= LONGEST:
                yield name, told


def _plain(value: object) -> str | None:
    """Return a number or a truth as it is written in JSON; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
