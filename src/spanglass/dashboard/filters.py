"""Which traces a list is to have: read from the query of its address, told again, and written as SQL."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from starlette.datastructures import URL, QueryParams

from spanglass.dashboard.entry import SEPARATOR, folded, pair
from spanglass.export.words import duration, one_line
from spanglass.plain import LARGEST

UNITS: Final = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|min|m|h|)")
SPANS_OF_TIME: Final = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
}
CURSOR: Final = re.compile(r"([0-9]{1,19})-([0-9a-f]{32})")
TERM: Final = re.compile(r'"([^"]+)"(?!\S)|(\S+)')
"""A phrase in quotes, or a word; a quote that ends nowhere is a character as any."""
MOST_TERMS: Final = 20
LONGEST: Final = 1000
"""Characters of a text that is searched for, or of an attribute."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

Place = tuple[int, str]
"""Where in a list something is: the start of a trace in nanoseconds since the epoch, and its id."""


class Condition(NamedTuple):
    """A part of a WHERE, and the values of its marks."""

    sql: str
    values: tuple[object, ...]


class Chip(NamedTuple):
    """A filter in force: what it says, of what time it speaks, and the address of the page without it."""

    label: str
    time: str | None
    without: str


@dataclass(slots=True)
class Filters:
    """What traces must have to be listed. `wrong` has a sentence for each value that is none."""

    window: list[Condition] = field(default_factory=list[Condition])
    cheap: list[Condition] = field(default_factory=list[Condition])
    texts: list[Condition] = field(default_factory=list[Condition])
    before: Place | None = None
    wrong: list[str] = field(default_factory=list[str])
    moving: bool = False


def filters(query: QueryParams, now: datetime) -> Filters:
    """Return what a query asks for; what it says beside is left out."""
    made = Filters()
    for name, value in query.multi_items():
        if name in READERS and value.strip():
            try:
                READERS[name](made, value if name in AS_IT_IS else value.strip(), now)
            except ValueError as error:
                made.wrong.append(str(error))
    return made


def chips(url: URL) -> Iterator[Chip]:
    """Yield the filters that an address has in force; the one left out begins at the newest again."""
    query = QueryParams(url.query)
    for name, value in query.multi_items():
        if name in LABELS and value.strip():
            label, time = LABELS[name](value.strip())
            yield Chip(one_line(label, 120), time, without(query, name, value))


def without(query: QueryParams, name: str, value: str | None = None) -> str:
    """Return the query without one pair of it, or all of that name, and without its place in the list."""
    kept = [(key, own) for key, own in query.multi_items() if own and key != "before"]
    kept = [(key, own) for key, own in kept if key != name or (value is not None and own != value)]
    return f"?{QueryParams(kept)}" if kept else "?"


def with_place(query: QueryParams, place: str) -> str:
    """Return the query that goes on after a place in the list."""
    kept = [(key, own) for key, own in query.multi_items() if own and key != "before"]
    return f"?{QueryParams([*kept, ('before', place)])}"


def terms(said: str) -> list[str]:
    """Return what must all be found: words, and phrases in quotes."""
    return [folded(phrase or word) for phrase, word in TERM.findall(said)]


def _search(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - as all of them are called
    wanted = terms(value)
    if len(value) > LONGEST or len(wanted) > MOST_TERMS:
        message = f"A search has at most {LONGEST:,} characters and {MOST_TERMS} words: leave some out."
        raise ValueError(message)
    made.texts += [Condition("instr(texts.text, ?)", (term,)) for term in wanted]


def _attribute(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
    if len(value) > LONGEST:
        message = (
            f"An attribute to filter by has at most {LONGEST:,} characters: search for a part of its text instead."
        )
        raise ValueError(message)
    name, equals, wanted = (part.strip() for part in value.partition("="))
    if not name:
        message = f"“{one_line(value, 60)}” names no attribute: write name=value, or a name alone for any value."
        raise ValueError(message)
    if equals:
        # What a form sends has other ends of lines than it was given, and what is typed may have spaces around.
        sought = tuple(
            {pair(*one): None for one in (_split(value), _split(value.replace("\r\n", "\n")), (name, wanted))}
        )
        made.texts.append(Condition(f"({' OR '.join(['instr(texts.pairs, ?)'] * len(sought))})", sought))
    else:  # a long value is not among the pairs, nor is a list: only its name is looked for, as it is written
        named = (pair(name, "").rstrip(SEPARATOR), f'"key":{json.dumps(name, ensure_ascii=False)}')
        made.texts.append(Condition("(instr(texts.pairs, ?) OR instr(spans.line, ?))", named))


def _split(value: str) -> tuple[str, str]:
    name, _, wanted = value.partition("=")
    return name, wanted


def _slow(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
    made.cheap.append(Condition("end - start >= ?", (int(_seconds(value) * 1e9),)))


def _seconds(value: str) -> float:
    read = DURATION.fullmatch(value.lower())
    if read is None:
        message = f"“{one_line(value, 60)}” is no duration: write one such as 2s, 500ms or 1.5min."
        raise ValueError(message)
    return float(read[1]) * UNITS[read[2]]


def _since(made: Filters, value: str, now: datetime) -> None:
    if value not in SPANS_OF_TIME:
        message = f"“{one_line(value, 60)}” is no span of time: choose one of {', '.join(SPANS_OF_TIME)}."
        raise ValueError(message)
    made.moving = True
    made.window.append(Condition("start >= ?", (_nanoseconds(now - SPANS_OF_TIME[value][1]),)))


def _from(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
    made.window.append(Condition("start >= ?", (_nanoseconds(_time(value)),)))


def _to(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
    made.window.append(Condition("start <= ?", (_nanoseconds(_time(value)),)))


def _time(value: str) -> datetime:
    """Return a time, of UTC where it does not say."""
    try:
        read = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", value))
        return read if read.tzinfo else read.replace(tzinfo=timezone.utc)
    except ValueError:
        message = f"“{one_line(value, 60)}” is no time: write one such as 2026-01-31T14:00 (UTC)."
        raise ValueError(message) from None


def _nanoseconds(when: datetime) -> int:
    return min(max((when - EPOCH) // timedelta(microseconds=1) * 1000, 0), LARGEST - 1)


def _before(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
    read = CURSOR.fullmatch(value)
    if read is None:
        message = "The address of this page of older traces is not whole: go back to the newest."
        raise ValueError(message)
    made.before = (min(int(read[1]), LARGEST - 1), read[2])


def _column(condition: str) -> Callable[[Filters, str, datetime], None]:
    def read(made: Filters, value: str, now: datetime) -> None:  # noqa: ARG001 - the same
        made.cheap.append(Condition(condition, (value,) if "?" in condition else ()))

    return read


READERS: Final[dict[str, Callable[[Filters, str, datetime], None]]] = {
    "q": _search,
    "attr": _attribute,
    "errors": _column("failed"),
    "retried": _column("retried"),
    "slow": _slow,
    "project": _column("project = ?"),
    "since": _since,
    "from": _from,
    "to": _to,
    "before": _before,
}
"""What each name of the query means."""
AS_IT_IS: Final = frozenset({"attr", "project"})
"""Of which spaces around a value may be a part."""


def _told_time(value: str) -> str | None:
    try:
        return _time(value).isoformat()
    except ValueError:
        return None


def _told_slow(value: str) -> str:
    try:
        return duration(_seconds(value))
    except ValueError:
        return value


LABELS: Final[dict[str, Callable[[str], tuple[str, str | None]]]] = {
    "q": lambda value: (f"text: {value}", None),
    "attr": lambda value: (value if "=" in value else f"has {value}", None),
    "errors": lambda _: ("with errors", None),
    "retried": lambda _: ("retried", None),
    "slow": lambda value: (f"at least {_told_slow(value)}", None),
    "project": lambda value: (f"project: {value}", None),
    "since": lambda value: (SPANS_OF_TIME[value][0].lower() if value in SPANS_OF_TIME else value, None),
    "from": lambda value: ("from" if _told_time(value) else f"from {value}", _told_time(value)),
    "to": lambda value: ("to" if _told_time(value) else f"to {value}", _told_time(value)),
}
"""How each is told, and the time that it speaks of."""
