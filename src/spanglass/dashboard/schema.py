"""The dashboard's file: its tables, and how it is opened or made."""

import errno
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

APPLICATION: Final = 0x73706E67
"""What says, in the place that SQLite has for it, that a file is one of ours."""
VERSION: Final = 1
"""Of the tables; what an older or a newer version of spanglass wrote is not read."""
PATIENCE: Final = 2.0
"""Seconds in which a lock of another process may be given up."""
OWNER_ONLY: Final = 0o600
"""Who may read a file that is made: what was asked and answered is nobody else's. SQLite gives its log the same."""
WAL: Final = 64 * 2**20
"""Bytes that the log beside the file may keep after it was taken over."""
CHECKPOINT: Final = 4000
"""Pages in the log with which it is taken over."""
WRITERS_CACHE: Final = 32 * 2**10
"""KiB of the file that are in the memory of what writes: ids are random, and so are their places in an index."""
LOG_AHEAD: Final = "PRAGMA journal_mode = wal"

# The order of a row's columns matters: what stands before a long text is read without it.
TABLES: Final = """
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, start INTEGER NOT NULL, session TEXT,
  line TEXT NOT NULL, UNIQUE (trace, span)
);
CREATE INDEX spans_session ON spans (session, trace) WHERE session IS NOT NULL;
CREATE TABLE texts (id INTEGER PRIMARY KEY, pairs TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE traces (
  trace TEXT PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL, spans INTEGER NOT NULL,
  failed INTEGER NOT NULL, retried INTEGER NOT NULL, project TEXT, session TEXT, arrived INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX traces_start ON traces (start, end, failed, retried, project, session);
CREATE INDEX traces_session ON traces (session, start) WHERE session IS NOT NULL;
CREATE INDEX traces_project ON traces (project, start);
CREATE INDEX traces_arrived ON traces (arrived);
CREATE TABLE state (file TEXT NOT NULL, changes INTEGER NOT NULL);
INSERT INTO state VALUES (hex(randomblob(4)), 0);
"""


def made(path: Path) -> None:
    """Make the file and the directories that it is in, where there are none; OSError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with suppress(FileExistsError):  # which is not opened, as in `is_there`
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    except OSError as error:
        why = os.strerror(errno.ENOTDIR) if isinstance(error, FileExistsError) else error.strerror
        message = f"{path} cannot be opened ({why}): choose another file to keep spans in."
        raise OSError(message) from None


def connected(path: Path) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time."""
    file = f"{path.absolute().as_uri()}?mode=rw"  # one that has been removed is not made anew
    return sqlite3.connect(file, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=True)


def is_there(path: Path, file: int) -> bool:
    """Tell whether what is at this path is still the file of this inode, with something in it: SQLite does not look.

    It is not opened for that: where it is closed again, the system takes away the locks that SQLite has.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_ino == file and found.st_size > 0


def prepare(connection: sqlite3.Connection) -> bool:
    """Make the tables where there is nothing; return whether they are those of this version."""
    if not _is_empty(connection) and not _is_ours(connection):  # in this order: another one may make them in between
        return False
    connection.execute("PRAGMA auto_vacuum = incremental")  # only of a file that is new
    _log_ahead(connection)
    connection.execute("PRAGMA synchronous = normal")  # what is committed outlives the process, if not the machine
    connection.execute(f"PRAGMA journal_size_limit = {WAL}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
    connection.execute(f"PRAGMA cache_size = -{WRITERS_CACHE}")
    if _is_ours(connection):  # also where another one has locked it
        return True
    with transaction(connection) as cursor:
        if _is_empty(connection):  # still
            for statement in filter(str.strip, TABLES.split(";")):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA application_id = {APPLICATION}")
            cursor.execute(f"PRAGMA user_version = {VERSION}")
    return _is_ours(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Cursor]:
    """Commit what is done in the block, or none of it."""
    with connection:
        yield connection.execute("BEGIN IMMEDIATE")


def truncate(connection: sqlite3.Connection) -> None:
    """Take over the log, and empty it where nobody reads from it just now: else those that write would wait, too."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(truncate)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")


def _is_ours(connection: sqlite3.Connection) -> bool:
    return _marks(connection) == (APPLICATION, VERSION)


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables and _marks(connection) == (0, 0)


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return what a file says of who has made it."""
    application, version = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    return application, version


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Turn to a log ahead of the file: for that SQLite does not wait for another process that does the same."""
    end = time.monotonic() + PATIENCE
    while not _turned(connection) and time.monotonic() < end:
        time.sleep(0.01)
    connection.execute(LOG_AHEAD)


def _turned(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(LOG_AHEAD)
    except sqlite3.OperationalError:
        return False
    return True
