"""Goes back through the traces, the newest first, until a page is full or its time is over."""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from spanglass.dashboard.filters import Condition, Filters, Place
from spanglass.dashboard.store import Store

PATIENCE: Final = 2.0
"""Seconds that one page may look."""
UNPASSED: Final = 5.0
"""How many times as long it may look at its first trace, after which it goes on with the next."""
STEPS: Final = 20_000
"""Of SQLite's virtual machine, between two looks at the clock."""

# The condition stands among the columns: a row that does not fit tells how far back it was looked.
# All others are in the index by start.
WALK: Final = "SELECT trace, start, end, project, session, {fits} FROM traces WHERE {window} {order}"
ORDER: Final = "ORDER BY start DESC, trace DESC"
SAID: Final = (
    "EXISTS (SELECT 1 FROM spans CROSS JOIN texts ON texts.id = spans.id WHERE spans.trace = traces.trace AND {sql})"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace as its table has it: times are nanoseconds since the epoch."""

    trace: str
    start: int
    end: int
    project: str | None
    session: str | None

    @property
    def place(self) -> Place:
        """Where in the list it stands."""
        return self.start, self.trace


@dataclass(frozen=True, slots=True)
class Found:
    """A page of traces; `older` is the place to go on after, None where that were all.

    `stopped` tells that the time was over there, before the page was full.
    """

    traces: list[Trace]
    older: Place | None = None
    stopped: bool = False


class Clock:
    """Interrupts a query when its time is over."""

    def __init__(self, seconds: float) -> None:
        self._begun = time.monotonic()
        self._seconds = seconds
        self.moved = False
        self.over = False

    def __call__(self) -> bool:
        """Tell whether the time is over, which is longer for the first trace."""
        allowed = self._seconds * (1 if self.moved else UNPASSED)
        self.over = time.monotonic() - self._begun > allowed
        return self.over


def search(store: Store, wanted: Filters, most: int, seconds: float) -> Found:
    """Return the newest traces that fit, at most so many, as far as they were found in that time.

    Unavailable where the file cannot be read.
    """
    clock = Clock(seconds)
    found: list[Trace] = []
    place = wanted.before
    with store.reading() as connection:
        try:
            with closing(_walked(connection, wanted, clock)) as walked:
                for trace, fits in walked:
                    if fits and len(found) == most:
                        return Found(found, found[-1].place)
                    place, clock.moved = trace.place, True
                    found += [trace] * fits
                    if clock():
                        return Found(found, place, stopped=True)
        except sqlite3.Error:
            if not clock.over:
                raise
            return Found(found, place if clock.moved else _following(connection, wanted), stopped=True)
    return Found(found)


def _walked(connection: sqlite3.Connection, wanted: Filters, clock: Clock) -> Generator[tuple[Trace, bool]]:
    """Yield the traces of the window, and whether each has what is wanted."""
    cheap = _all(wanted.cheap)
    said = _all([Condition(SAID.format(sql=sql), values) for sql, values in wanted.texts])
    window = _all(_window(wanted))
    query = WALK.format(fits=f"CASE WHEN {cheap.sql} THEN {said.sql} ELSE 0 END", window=window.sql, order=ORDER)
    with _timed(connection, clock):
        for *row, fits in connection.execute(query, (*cheap.values, *said.values, *window.values)):
            yield Trace(*row), bool(fits)


def _following(connection: sqlite3.Connection, wanted: Filters) -> Place | None:
    """Return the place of the first trace of the window."""
    window = _all(_window(wanted))
    query = f"SELECT start, trace FROM traces WHERE {window.sql} {ORDER} LIMIT 1"  # noqa: S608 - the filters' own words
    return next(iter(connection.execute(query, window.values)), None)


def _window(wanted: Filters) -> list[Condition]:
    before = [] if wanted.before is None else [Condition("(start, trace) < (?, ?)", wanted.before)]
    return [*wanted.window, *before]


def _all(conditions: list[Condition]) -> Condition:
    sql = " AND ".join(condition.sql for condition in conditions)
    return Condition(sql or "1", tuple(value for condition in conditions for value in condition.values))


@contextmanager
def _timed(connection: sqlite3.Connection, clock: Clock) -> Generator[None]:
    connection.set_progress_handler(clock, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
