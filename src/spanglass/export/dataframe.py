"""Spans as a table of pandas, with the columns that Phoenix's own tables of spans have."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, format_span_id, format_trace_id

from spanglass.export.sizes import copied
from spanglass.semconv.openinference import OPENINFERENCE_SPAN_KIND

if TYPE_CHECKING:
    import pandas as pd

INDEX: Final = "context.span_id"
EPOCH: Final = datetime.fromtimestamp(0, tz=timezone.utc)
LARGEST: Final = 2**63  # pandas counts, nanoseconds too, in 64 bits
DTYPES: Final = {frozenset({int}): "Int64", frozenset({bool}): "boolean"}
"""The types of columns that pandas would make something else where a span has no value."""


def to_dataframe(spans: Iterable[ReadableSpan]) -> "pd.DataFrame":
    """Return finished spans as a pandas DataFrame: a row for each, in their order, and a column for each attribute.

    The columns are those of Phoenix's `get_spans_dataframe`: `name`, `span_kind` (OpenInference's), `parent_id`,
    `start_time` and `end_time` (UTC), `status_code`, `status_message`, `events`, `context.span_id`, `context.trace_id`,
    and the name of each attribute after `attributes.`; where a span has no such attribute, its value is missing. The
    index is `context.span_id` as well.

    Raises ImportError where pandas is not installed, which the extra `spanglass[pandas]` brings.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - it is an extra, and heavy
    except ImportError as error:
        message = "to_dataframe() needs pandas, 2 or newer: pip install 'spanglass[pandas]'."
        raise ImportError(message, name="pandas") from error
    rows = [*spans]
    columns: dict[str, pd.Series[Any]] = {}
    for name, dtype, read in COLUMNS:
        columns[name] = pd.Series([read(span) for span in rows], dtype=dtype)
    for name in ("start_time", "end_time"):
        columns[name] = pd.to_datetime(columns[name], unit="ns", utc=True)
    for name, values in _attributes(rows).items():
        columns[f"attributes.{name}"] = pd.Series(values, dtype=_dtype(values))
    table = pd.DataFrame(columns)
    table.index = pd.Index(columns[INDEX])
    return table


def _attributes(spans: Sequence[ReadableSpan]) -> dict[str, list[Any]]:
    """Return a column for each attribute that any span has."""
    columns: dict[str, list[Any]] = defaultdict(lambda: [None] * len(spans))
    for row, span in enumerate(spans):
        for name, value in copied(span.attributes or {}).items():
            columns[name][row] = _plain(value)
    return columns


def _dtype(values: Iterable[object]) -> str | None:
    return DTYPES.get(frozenset(_kind(value) for value in values if value is not None))


def _kind(value: object) -> type:
    return object if isinstance(value, int) and not -LARGEST <= value < LARGEST else type(value)


def _plain(value: object) -> Any:
    """Return lists for the tuples of OpenTelemetry, as Phoenix has them and JSON too."""
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in cast("Mapping[str, object]", value).items()}
    return value


def _context(span: ReadableSpan) -> SpanContext:
    return span.context or INVALID_SPAN_CONTEXT


def _time(nanoseconds: int | None) -> int | None:
    return nanoseconds if -LARGEST <= (nanoseconds or 0) < LARGEST else None


def _event(event: Event) -> dict[str, Any]:
    time = _time(event.timestamp)
    told = None if time is None else (EPOCH + timedelta(microseconds=time // 1000)).isoformat()
    return {"name": event.name, "timestamp": told, "attributes": _plain(event.attributes or {})}


COLUMNS: Final[tuple[tuple[str, str | None, Callable[[ReadableSpan], Any]], ...]] = (
    ("name", None, lambda span: span.name),
    ("span_kind", None, lambda span: (span.attributes or {}).get(OPENINFERENCE_SPAN_KIND, "UNKNOWN")),
    ("parent_id", None, lambda span: format_span_id(span.parent.span_id) if span.parent else None),
    ("start_time", "Int64", lambda span: _time(span.start_time)),
    ("end_time", "Int64", lambda span: _time(span.end_time)),
    ("status_code", None, lambda span: span.status.status_code.name),
    ("status_message", None, lambda span: span.status.description or ""),
    ("events", "object", lambda span: tuple(map(_event, span.events))),  # of a list Phoenix's client drops two
    (INDEX, None, lambda span: format_span_id(_context(span).span_id)),
    ("context.trace_id", None, lambda span: format_trace_id(_context(span).trace_id)),
)
