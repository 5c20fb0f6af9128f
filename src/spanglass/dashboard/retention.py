"""What leaves the dashboard's file: whole traces, those first to which nothing has come for the longest time."""

import sqlite3
from typing import Final, NamedTuple

MAX_AGE: Final = 7 * 24 * 3600.0
"""Seconds."""
MAX_BYTES: Final = 2**30
LOW: Final = 0.9
"""The share of the bytes that is left of a file that was too large, so that not each span makes room for one."""
SOME: Final = 256
"""Spans that leave in one transaction, for which those wait that come."""
FEW: Final = 16
"""Spans that leave of the only trace, before it is seen whether that was enough."""
SPARE: Final = 0.25
"""The share of the file that may be free: what comes next will have it."""
PAGES: Final = 512
"""That are given back to the disk at once."""

# Of a trace that came while the clock was ahead it is now that it came: else it would stay, and others leave before it.
AHEAD: Final = "UPDATE traces SET arrived = ?1 WHERE arrived > ?1"
OLDEST: Final = "SELECT trace, arrived, spans FROM traces ORDER BY arrived, trace LIMIT 2"
FIRST_SPANS: Final = "SELECT id FROM spans WHERE trace = ? ORDER BY id LIMIT ?"
# At 0 a trace is on its way out, and is the first to go on with, also after a crash.
LEAVING: Final = "UPDATE traces SET spans = spans - ?, arrived = iif(?, arrived, 0) WHERE trace = ?"


class Limits(NamedTuple):
    """How long spans are kept, in seconds after the last one of their trace has come, and in how many bytes."""

    max_age: float | None = MAX_AGE
    max_bytes: int | None = MAX_BYTES


class Size(NamedTuple):
    """How many bytes a file has, and how many of them are in use."""

    all: int
    used: int


def size(connection: sqlite3.Connection | sqlite3.Cursor) -> Size:
    """Return the size of the file, without its log."""
    page, count, free = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return Size(page * count, page * (count - free))


def set_right(cursor: sqlite3.Cursor, now: int) -> None:
    """Have nothing have come later than now, in nanoseconds since the epoch."""
    cursor.execute(AHEAD, (now,))


def remove(cursor: sqlite3.Cursor, before: int, most: int | None) -> int:
    """Have some spans leave, and return how many; there may be more.

    Those are due of traces to which nothing has come since `before`, in nanoseconds since the epoch, and the oldest as
    long as more than `most` bytes are in use. Of the only trace that there is no more leaves than has to.
    """
    removed = 0
    while removed < SOME:
        oldest = cursor.execute(OLDEST).fetchall()
        if not oldest:
            break
        trace, arrived, _ = oldest[0]
        too_large = most is not None and size(cursor).used > most
        if arrived and arrived >= before and not too_large:
            break
        stays = len(oldest) == 1 and arrived >= before
        removed += _remove(cursor, str(trace), FEW if stays else SOME - removed, stays=stays)
    return removed


def _remove(cursor: sqlite3.Cursor, trace: str, most: int, *, stays: bool) -> int:
    ids = cursor.execute(FIRST_SPANS, (trace, most)).fetchall()
    for table in ("texts", "spans"):
        cursor.executemany(f"DELETE FROM {table} WHERE id = ?", ids)  # noqa: S608 - ours
    cursor.execute(LEAVING, (len(ids), stays, trace))
    cursor.execute("DELETE FROM traces WHERE trace = ? AND (spans <= 0 OR ? = 0)", (trace, len(ids)))
    return max(len(ids), 1)


def shrink(connection: sqlite3.Connection, most: int | None) -> bool:
    """Give pages back to the disk where many are free, or the file has over `most` bytes; return whether it did."""
    before = size(connection)
    free = before.all - before.used
    if not free or (free <= before.all * SPARE and (most is None or before.all <= most)):
        return False
    connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    return size(connection).all < before.all
