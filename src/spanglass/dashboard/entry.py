"""What the dashboard keeps of a span: all of it as OTLP/JSON, and what filters and searches need."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.export.notes import id_of
from spanglass.export.otlp_json import LineWriter
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
SCALARS: Final = frozenset({str, bool, int, float, bytes, type(None)})
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


def entry(span: ReadableSpan, write: Callable[[ReadableSpan], str] | None = None) -> Entry:
    """Return what is kept of a span; Unkept for one without ids, or whose values are too deep or too large.

    `write` makes its line: one `LineWriter` for many spans is quicker than one for each.
    """
    if not trace_of(span) or not id_of(span):
        raise Unkept(NO_IDS)
    if any(map(_is_deep, _all_attributes(span))):
        raise Unkept(TOO_DEEP)
    start, end = (min(time, LATEST) for time in times(span))
    line = (write or LineWriter())(span)
    if len(line) > LARGEST:
        raise Unkept(TOO_LARGE)
    project = resource_text(span, oi.OPENINFERENCE_PROJECT_NAME) or resource_text(span, otel.SERVICE_NAME)
    session = text(span, *SESSION)
    return Entry(
        trace=format_trace_id(trace_of(span)),
        span=format_span_id(id_of(span)),
        start=start,
        end=end,
        failed=failed(span) and not is_attempt(span),
        retried=retried(span),
        project=_whole(project) if project else None,
        session=_whole(session) if session else None,
        line=line,
        text=_joined([*_texts(span)]),
        pairs=_joined([*_pairs(span)]),
    )


def pair(name: str, value: str) -> str:
    """Return what stands in `Entry.pairs` of a span that has this attribute; as a part of it also of any other."""
    return f"{SEPARATOR}{_folded(f'{name}={value}')}{SEPARATOR}"


def folded(said: str) -> str:
    """Return a text as it is searched for, and as it stands in an entry: in no case, and of whole characters."""
    return _folded(said).replace(SEPARATOR, " ")


def _joined(texts: Sequence[str]) -> str:
    joined = SEPARATOR.join(("", *texts, ""))
    if joined.count(SEPARATOR) != len(texts) + 1:  # some text has one, which is rare
        joined = SEPARATOR.join(("", *(text.replace(SEPARATOR, " ") for text in texts), ""))
    return _folded(joined)


def _whole(said: str) -> str:
    """Return a text of whole characters."""
    return said if said.isascii() else said.encode("utf-8", "replace").decode()


def _folded(said: str) -> str:
    return _whole(said.casefold().replace("\0", " "))  # SQLite ends a text at a NUL


def _texts(span: ReadableSpan) -> Iterator[str]:
    yield span.name
    yield span.status.description or ""
    yield from _strings((span.attributes or {}).values())
    for event in span.events:
        yield event.name
        yield from _strings((event.attributes or {}).values())


def _strings(values: Iterable[object]) -> Iterator[str]:
    """Yield the texts among values, however deep."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif _holds(value):
            yield from _strings(_held(value))


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
    return type(value) not in SCALARS and isinstance(value, tuple | list | Mapping)


def _held(value: object) -> Iterable[object]:
    return cast("Mapping[str, object]", value).values() if isinstance(value, Mapping) else cast("tuple[object]", value)


def _pairs(span: ReadableSpan) -> Iterator[str]:
    for attributes in (span.resource.attributes, span.attributes or {}):
        for name, value in attributes.items():
            told = plain(value)
            if told is not None and len(told) <= LONGEST:
                yield f"{name}={told}"


def plain(value: object) -> str | None:
    """Return a text, a number or a truth as a filter by attribute finds it; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
