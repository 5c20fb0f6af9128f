"""Spans in one file of SQLite: written by one thread at a time, read by any number beside it."""

import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.entry import Entry
from spanglass.dashboard.retention import LOW, MAX_AGE, MAX_BYTES, Limits, remove, set_right, shrink, size
from spanglass.dashboard.schema import WAL, connected, is_there, made, prepare, transaction, truncate
from spanglass.export.otlp_spans import SpanReader

EVERY: Final = 2.0
"""Seconds between two looks at what is due to leave."""

GONE: Final = "it has been removed or replaced: start the dashboard anew"

ADD_SPAN: Final = """
INSERT INTO spans (trace, span, start, session, line) VALUES (?, ?, ?, ?, ?) ON CONFLICT (trace, span) DO NOTHING
"""
ADD_TEXT: Final = "INSERT INTO texts (id, pairs, text) VALUES (?, ?, ?)"
ADD_TO_TRACE: Final = """
INSERT INTO traces (trace, start, end, spans, failed, retried, project, session, arrived)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (trace) DO UPDATE SET
  start = min(start, excluded.start), end = max(end, excluded.end), spans = spans + excluded.spans,
  failed = failed | excluded.failed, retried = retried | excluded.retried,
  project = coalesce(project, excluded.project), session = coalesce(session, excluded.session),
  arrived = excluded.arrived
"""
CHANGED: Final = "UPDATE state SET changes = changes + 1"

# Which lines there are is found first: to sort the lines themselves would be to read them all.
OF_TRACE: Final = """
SELECT line FROM spans WHERE id IN (SELECT id FROM spans WHERE trace = ? ORDER BY start, id LIMIT ?) ORDER BY start, id
"""


class Unavailable(Exception):  # noqa: N818 - what it is: the sender keeps its spans, and tries again
    """The file takes nothing for now: the disk is full, another process has locked it, or the like."""


class Store:
    """The spans of one file. What `add` has returned from is there after a crash of this process.

    A trace leaves the file `max_age` seconds after its last span has come, and the oldest traces leave one that has
    more than `max_bytes`; None is no limit. That is done by a thread in the background, as long as the store is open.
    """

    def __init__(self, path: Path, *, max_age: float | None = MAX_AGE, max_bytes: int | None = MAX_BYTES) -> None:
        """Open the file, or make it; ValueError for one that is none of ours, OSError where it cannot be opened."""
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._closed = f"{path} has been closed: open it anew."
        self._limits = Limits(max_age, max_bytes)
        self._writing = threading.Lock()
        self._local = threading.local()
        self._readers = weakref.WeakSet[_Reader]()
        self._closing = threading.Event()
        made(path)
        self._writer = _opened(path)
        self._spoilt = ""
        self._file = path.stat().st_ino
        self._keeper = threading.Thread(target=self._keep, name="spanglass-dashboard-retention", daemon=True)
        if self._limits != (None, None):
            self._keeper.start()

    def add(self, entries: Iterable[Entry]) -> int:
        """Keep spans, all of them or none, and return how many were new; Unavailable where that is not possible now.

        Of a span that comes again the first is kept: a sender that had no answer sends it once more.
        """
        with self._changing() as cursor:
            new = [entry for entry in entries if _is_added(cursor, entry)]
            if new:
                cursor.executemany(ADD_TO_TRACE, _of_traces(new))
                cursor.execute(CHANGED)
            return len(new)

    def state(self) -> str:
        """Return what changes whenever spans have come or gone."""
        ((file, changes),) = self.read("SELECT file, changes FROM state")
        return f"{file}-{changes}"

    def read(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query; Unavailable where the file cannot be read."""
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Give this thread's connection, by which nothing is written; a store that is closed waits for the block.

        Unavailable where the block raises an error of SQLite.
        """
        reader = self._reader()
        with self._told(), reader.lock:
            yield reader.connection

    def trace(self, trace: str, most: int) -> list[ReadableSpan]:
        """Return the spans of a trace by their start, at most so many."""
        return self._spans(OF_TRACE, (trace, most))

    def span(self, trace: str, span: str) -> ReadableSpan | None:
        """Return one span by the ids of its trace and its own."""
        return next(iter(self._spans("SELECT line FROM spans WHERE trace = ? AND span = ?", (trace, span))), None)

    def expire(self) -> int:
        """Have leave what is due to, and return how many spans that were; Unavailable where that is not possible now.

        Those that come are not held up: it is done in small steps, with pauses as long as the steps.
        """
        max_age, max_bytes = self._limits
        now = time.time_ns()
        before = 0 if max_age is None else now - int(max_age * 1e9)
        with self._changing() as cursor:
            set_right(cursor, now)
            most = None if max_bytes is None or size(cursor).all <= max_bytes else int(max_bytes * LOW)
        left = sum(self._steps(lambda: self._remove(before, most)))
        for _ in self._steps(lambda: self._shrink(max_bytes)):
            pass
        return left

    def close(self) -> None:
        """Let go of the file."""
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join()
        with self._writing:
            self._writer.close()
        for reader in [*self._readers]:
            reader.close()
        self._readers.clear()

    def _reader(self) -> "_Reader":
        """Return what this thread reads by."""
        if self._closing.is_set():
            raise Unavailable(self._closed)
        found: _Reader | None = getattr(self._local, "reader", None)
        if found is None:
            with self._told():
                found = self._local.reader = _Reader(self.path)
            self._readers.add(found)
        return found

    def _keep(self) -> None:
        while not self._closing.wait(EVERY):
            with suppress(Unavailable):  # until it is possible again
                self.expire()

    def _steps(self, step: Callable[[], int]) -> Iterator[int]:
        """Yield what each step comes to, until one comes to nothing."""
        while not self._closing.is_set():
            begun = time.monotonic()
            if not (done := step()):
                return
            yield done
            self._closing.wait(time.monotonic() - begun)

    def _remove(self, before: int, most: int | None) -> int:
        with self._changing() as cursor:
            if removed := remove(cursor, before, most):
                cursor.execute(CHANGED)
            return removed

    def _shrink(self, max_bytes: int | None) -> bool:
        with self._holding() as writer:
            shrunk = shrink(writer, max_bytes)
            if _bytes(self._log) > WAL:
                truncate(writer)
            return shrunk

    def _spans(self, query: str, values: Sequence[object]) -> list[ReadableSpan]:
        return [*spans_of(str(line) for (line,) in self.read(query, values))]

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Cursor]:
        """Change the file: what the block does, or nothing."""
        with self._holding() as writer, transaction(writer) as cursor:
            yield cursor

    @contextmanager
    def _holding(self) -> Generator[sqlite3.Connection]:
        """Have the connection that writes, alone."""
        with self._writing:
            if self._closing.is_set():
                raise Unavailable(self._closed)
            if self._spoilt or not is_there(self.path, self._file):
                raise Unavailable(self._spoilt or GONE)
            with self._told():
                yield self._writer

    @contextmanager
    def _told(self) -> Generator[None]:
        """Raise as Unavailable what SQLite raises; where it is no file of SQLite any more, from now on."""
        try:
            yield
        except sqlite3.Error as error:
            if type(error) is sqlite3.DatabaseError:  # of no narrower class
                self._spoilt = f"{error}: start the dashboard anew with another file"
            raise Unavailable(str(error)) from error


class _Reader:
    """A connection that reads, closed at the latest when the thread that has it is gone."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.connection = connected(path)
        self.connection.execute("PRAGMA query_only = on")

    def __del__(self) -> None:
        self.connection.close()

    def close(self) -> None:
        """End what is being read."""
        with suppress(sqlite3.ProgrammingError):  # its thread may have ended just now
            self.connection.interrupt()
        with self.lock:
            self.connection.close()


def spans_of(found: Iterable[str]) -> Iterator[ReadableSpan]:
    """Yield the spans of lines as `Entry.line` is one."""
    reader = SpanReader()
    for line in found:
        yield from reader.read(json.loads(line))


def _opened(path: Path) -> sqlite3.Connection:
    """Return the connection that writes."""
    with ExitStack() as opened:
        try:
            connection = opened.enter_context(closing(connected(path)))
            if prepare(connection):
                opened.pop_all()
                return connection
        except sqlite3.OperationalError as error:
            message = f"{path} cannot be opened ({error}): try again, or choose another file to keep spans in."
            raise OSError(message) from None
        except sqlite3.DatabaseError:  # no file of SQLite
            pass
    message = f"{path} is not a file that this version of the dashboard has made: choose another to keep spans in."
    raise ValueError(message)


def _bytes(file: Path) -> int:
    """Return the size of a file; 0 of one that is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _is_added(cursor: sqlite3.Cursor, entry: Entry) -> bool:
    cursor.execute(ADD_SPAN, (entry.trace, entry.span, entry.start, entry.session, entry.line))
    if cursor.rowcount != 1:
        return False
    cursor.execute(ADD_TEXT, (cursor.lastrowid, entry.pairs, entry.text))
    return True


def _of_traces(entries: Iterable[Entry]) -> Iterator[tuple[object, ...]]:
    """Yield what the spans of each trace come to."""
    traces: dict[str, list[Entry]] = {}
    for entry in entries:
        traces.setdefault(entry.trace, []).append(entry)
    for trace, spans in traces.items():
        yield (
            trace,
            min(entry.start for entry in spans),
            max(entry.end for entry in spans),
            len(spans),
            any(entry.failed for entry in spans),
            any(entry.retried for entry in spans),
            next((entry.project for entry in spans if entry.project is not None), None),
            next((entry.session for entry in spans if entry.session is not None), None),
            time.time_ns(),
        )
