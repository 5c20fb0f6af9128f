"""Spans in one file of SQLite: written by one thread at a time, read by any number beside it."""

import json
import sqlite3
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.entry import Entry
from spanglass.export.otlp_spans import SpanReader

T = TypeVar("T")

VERSION: Final = 1
"""Of the tables; what an older or a newer version of spanglass wrote is not read."""
PATIENCE: Final = 2.0
"""Seconds in which a lock of another process may be given up."""
WAL: Final = 64 * 2**20
"""Bytes that the log beside the file may keep after it was taken over."""

TABLES: Final = """
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, start INTEGER NOT NULL, session TEXT,
  line TEXT NOT NULL, UNIQUE (trace, span)
);
CREATE INDEX spans_session ON spans (session) WHERE session IS NOT NULL;
CREATE TABLE texts (id INTEGER PRIMARY KEY, pairs TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE traces (
  trace TEXT PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL, spans INTEGER NOT NULL,
  failed INTEGER NOT NULL, retried INTEGER NOT NULL, project TEXT, session TEXT
) WITHOUT ROWID;
CREATE INDEX traces_start ON traces (start);
CREATE INDEX traces_session ON traces (session, start) WHERE session IS NOT NULL;
CREATE INDEX traces_project ON traces (project);
"""

ADD_SPAN: Final = "INSERT OR IGNORE INTO spans (trace, span, start, session, line) VALUES (?, ?, ?, ?, ?)"
ADD_TEXT: Final = "INSERT INTO texts (id, pairs, text) VALUES (?, ?, ?)"
ADD_TO_TRACE: Final = """
INSERT INTO traces (trace, start, end, spans, failed, retried, project, session) VALUES (?, ?, ?, 1, ?, ?, ?, ?)
ON CONFLICT (trace) DO UPDATE SET
  start = min(start, excluded.start), end = max(end, excluded.end), spans = spans + 1,
  failed = failed | excluded.failed, retried = retried | excluded.retried,
  project = coalesce(project, excluded.project), session = coalesce(session, excluded.session)
"""


class Unavailable(Exception):  # noqa: N818 - what it is: the sender keeps its spans, and tries again
    """The file takes nothing for now: the disk is full, another process has locked it, or the like."""


class Store:
    """The spans of one file. What `add` has returned from is there after a crash of this process."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; ValueError for one that is none of ours, OSError where it cannot be made."""
        self.path = path
        self._writing = threading.Lock()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = self._connect()
            _prepare(self._writer)
        except sqlite3.Error as error:
            message = f"{path} cannot be used ({error}): give the path of one that spanglass has made, or a new one."
            raise ValueError(message) from None

    def add(self, entries: Iterable[Entry]) -> int:
        """Keep spans, all of them or none, and return how many were new; Unavailable where that is not possible now.

        Of a span that comes again the first is kept: a sender that had no answer sends it once more.
        """
        with self._writing:
            try:
                with _transaction(self._writer) as cursor:
                    return sum(_add(cursor, entry) for entry in entries)
            except sqlite3.Error as error:
                raise Unavailable(str(error)) from error

    def state(self) -> str:
        """Return what changes whenever spans have come or gone."""
        ((first, last),) = self.read("SELECT (SELECT min(id) FROM spans), (SELECT max(id) FROM spans)")
        return f"{first}-{last}"

    def read(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        return self.reader().execute(query, values).fetchall()

    def trace(self, trace: str, most: int) -> list[ReadableSpan]:
        """Return the spans of a trace by their start, at most so many."""
        query = "SELECT line FROM spans WHERE trace = ? ORDER BY start, id LIMIT ?"
        return [*spans_of(str(line) for (line,) in self.read(query, (trace, most)))]

    def reader(self) -> sqlite3.Connection:
        """Return this thread's connection, by which nothing is written."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
            found.execute("PRAGMA query_only = on")
        return found

    def close(self) -> None:
        """Let go of the file."""
        with self._writing:
            for connection in self._opened:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self._opened.append(connection)
        return connection


def spans_of(found: Iterable[str]) -> Iterator[ReadableSpan]:
    """Yield the spans of lines as `Entry.line` is one."""
    reader = SpanReader()
    for line in found:
        yield from reader.read(json.loads(line))


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none."""
    connection.execute("PRAGMA auto_vacuum = incremental")  # only of a file that is new
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = normal")  # what is committed outlives the process, if not the machine
    connection.execute(f"PRAGMA journal_size_limit = {WAL}")
    with _transaction(connection) as cursor:
        ((version,),) = cursor.execute("PRAGMA user_version").fetchall()
        ((tables,),) = cursor.execute("SELECT count(*) FROM sqlite_master").fetchall()
        if not version and not tables:
            for statement in filter(str.strip, TABLES.split(";")):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            message = "another program or another version has made it"
            raise sqlite3.DatabaseError(message)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Cursor]:
    """Commit what is done in the block, or none of it."""
    with connection:
        cursor = connection.execute("BEGIN IMMEDIATE")
        yield cursor


def _add(cursor: sqlite3.Cursor, entry: Entry) -> bool:
    cursor.execute(ADD_SPAN, (entry.trace, entry.span, entry.start, entry.session, entry.line))
    if cursor.rowcount != 1:
        return False
    cursor.execute(ADD_TEXT, (cursor.lastrowid, entry.pairs, entry.text))
    of_trace = (entry.trace, entry.start, entry.end, entry.failed, entry.retried, entry.project, entry.session)
    cursor.execute(ADD_TO_TRACE, of_trace)
    return True
