"""The spans of a table of pandas, as `to_dataframe` and Phoenix's `get_spans_dataframe` make one."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanglass.semconv import openinference as oi

if TYPE_CHECKING:
    import pandas as pd

Row: TypeAlias = Mapping[str, Any]

SPAN: Final = "context.span_id"
TRACE: Final = "context.trace_id"
PREFIX: Final = "attributes."
JSON: Final = (oi.METADATA, oi.LLM_PROMPT_TEMPLATE_VARIABLES, oi.TOOL_PARAMETERS, "document.metadata")
"""Attributes of which Phoenix takes apart the JSON that they are."""
SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
HINT: Final = "give one as to_dataframe() or Phoenix's get_spans_dataframe() makes it"


def spans_of_frame(frame: "pd.DataFrame") -> Iterator[ReadableSpan]:
    """Yield the span of each row, whatever the index is; missing values are none, and times without a zone are UTC.

    Lists and mappings within attributes, as Phoenix makes them, become attributes of their own again. What no table
    has, such as the resource, is not there. Raises ValueError of one sentence for a table that has no ids or times.
    """
    table = _Table(frame)
    for number in range(len(frame)):
        yield _checked(number, table.row(number))


class _Table:
    """The columns of a frame, each as what gives its value in a row, or None where that is missing."""

    def __init__(self, frame: Any) -> None:
        if SPAN not in frame.columns and frame.index.name == SPAN:
            frame = frame.reset_index()
        named: dict[str, Any] = {str(name): frame[name] for name in frame.columns}
        for name in (SPAN, TRACE):
            if name not in named:
                message = f"The DataFrame has no column {name}: {HINT}."
                raise ValueError(message)
        self._columns = {name: _READERS.get(name, _values)(column) for name, column in named.items()}

    def row(self, number: int) -> Row:
        """Return what is not missing in a row."""
        return {name: value for name, read in self._columns.items() if (value := read(number)) is not None}


def _checked(number: int, row: Row) -> ReadableSpan:
    try:
        return _span(row)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
        message = f"Row {number} of the DataFrame is no span: {HINT}."
        raise ValueError(message) from None


def _values(column: Any) -> Callable[[int], Any]:
    import pandas as pd  # noqa: PLC0415 - an extra, which is there where a DataFrame is

    found: list[Any] = [_plain(value) for value in column]
    missing = [not isinstance(value, list | tuple) and cast("bool", pd.isna(value)) for value in found]
    if any(missing) and column.dtype.kind == "f" and all(map(_is_whole, found, missing)):
        found = [0 if none else int(value) for value, none in zip(found, missing, strict=True)]
    return lambda row: None if missing[row] else found[row]


def _is_whole(value: float, missing: bool) -> bool:  # noqa: FBT001 - one of a row of pairs
    """Tell whether it may have been a whole number, which pandas makes a float where another row has none."""
    return missing or value.is_integer()


def _times(column: Any) -> Callable[[int], int | None]:
    """Return nanoseconds since the epoch."""
    import pandas as pd  # noqa: PLC0415 - the same

    try:
        moments: list[Any] = [*pd.to_datetime(column, utc=True)]
    except (ValueError, TypeError, OverflowError) as error:
        message = f"The DataFrame has no times in its column {column.name} ({error}): {HINT}."
        raise ValueError(message) from None
    return lambda row: None if pd.isna(moments[row]) else _nanoseconds(moments[row])


def _nanoseconds(moment: Any) -> int:
    return int(moment.as_unit("ns").value)


_READERS: Final[dict[str, Callable[[Any], Callable[[int], Any]]]] = {"start_time": _times, "end_time": _times}


def _plain(value: Any) -> Any:
    """Return a value of Python for one of numpy's."""
    return value.tolist() if hasattr(value, "tolist") else value


def _span(row: Row) -> ReadableSpan:
    trace = int(row[TRACE], 16)
    attributes = dict(_attributes({name.removeprefix(PREFIX): row[name] for name in row if name.startswith(PREFIX)}))
    if row.get("span_kind", "UNKNOWN") != "UNKNOWN":
        attributes.setdefault(oi.OPENINFERENCE_SPAN_KIND, row["span_kind"])
    code = StatusCode.__members__.get(str(row.get("status_code")), StatusCode.UNSET)
    message = row.get("status_message") or None
    return ReadableSpan(
        name=str(row.get("name", "")),
        context=_context(trace, row[SPAN]),
        parent=_context(trace, row["parent_id"]) if row.get("parent_id") else None,
        resource=Resource.get_empty(),  # without one it would be this process's own
        attributes=attributes,
        events=tuple(_event(event) for event in row.get("events", ())),
        status=Status(code, message if code is StatusCode.ERROR else None),
        start_time=row.get("start_time"),
        end_time=row.get("end_time"),
    )


def _context(trace: int, span: str) -> SpanContext:
    return SpanContext(trace, int(span, 16), is_remote=False, trace_flags=SAMPLED)


def _event(event: Row) -> Event:
    import pandas as pd  # noqa: PLC0415 - the same

    when = event.get("timestamp")
    time = _nanoseconds(pd.to_datetime(when, utc=True)) if when else 0
    return Event(str(event.get("name", "")), dict(_attributes(event.get("attributes") or {})), time)


def _attributes(nested: Row) -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        yield from _flat(str(name), _plain(value))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value by its name, and what is in one that has others in it each by a name of its own."""
    if isinstance(value, Mapping) and name.endswith(JSON):
        yield name, json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, Mapping):
        for key, inner in cast("Row", value).items():
            yield from _flat(f"{name}.{key}", _plain(inner))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in cast("Sequence[Any]", value)):
        for number, inner in enumerate(cast("Sequence[Any]", value)):
            yield from _flat(f"{name}.{number}", inner)
    elif value is not None:
        yield name, _tuple(value)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else value
