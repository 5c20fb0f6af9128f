"""What leaves the dashboard's file by itself: the oldest traces, whole, and not more than has to."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest
from kept import ended, entries, ids
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from processes import wait_until

from spanglass.dashboard import retention, schema, store
from spanglass.dashboard.retention import size
from spanglass.dashboard.schema import connected
from spanglass.dashboard.store import Store

KB = "x" * 1000


def add(kept: Store, trace: int, spans: int, size: int = 1) -> None:
    """Add a trace of so many spans, each of so many kB."""
    kept.add(entries(*(ended(trace, span, text=KB * size) for span in range(1, spans + 1))))


def counts(kept: Store) -> dict[int, int]:
    """Return how many spans each trace has, after a look at whether all tables say so."""
    told = {int(str(trace), 16): spans for trace, spans in kept.read("SELECT trace, spans FROM traces ORDER BY trace")}
    found = {
        int(str(trace), 16): spans for trace, spans in kept.read("SELECT trace, count(*) FROM spans GROUP BY trace")
    }

    assert (found, kept.read("SELECT id FROM spans ORDER BY id")) == (
        told,
        kept.read("SELECT id FROM texts ORDER BY id"),
    )

    return {trace: int(str(spans)) for trace, spans in told.items()}


def aged(file: Path, trace: int, seconds: int) -> None:
    """Have the last span of a trace have come so many seconds earlier."""
    with closing(connected(file)) as connection:
        connection.execute(
            "UPDATE traces SET arrived = arrived - ? WHERE trace = ?", (seconds * 10**9, f"{trace:032x}")
        )


def test_old_traces_leave(tmp_path: Path) -> None:
    """A trace leaves as long after its last span came as is said, however many spans it has, and the state changes."""
    file = tmp_path / "traces.db"
    with closing(Store(file, max_age=60, max_bytes=None)) as kept:
        for trace, spans in ((1, 3), (2, 2 * retention.SOME + 1), (3, 2)):
            add(kept, trace, spans)
        before = kept.state()
        none = kept.expire()
        aged(file, 1, 61)
        aged(file, 2, 62)
        aged(file, 3, 30)

        assert (0, 3 + 2 * retention.SOME + 1, {3: 2}, 0, True) == (
            none,
            kept.expire(),
            counts(kept),
            kept.expire(),
            before != kept.state(),
        )


def test_a_late_span_keeps_its_trace(tmp_path: Path) -> None:
    """A trace to which something has come stays, whatever times its spans tell."""
    file = tmp_path / "traces.db"
    with closing(Store(file, max_age=60, max_bytes=None)) as kept:
        add(kept, 1, 1)
        aged(file, 1, 61)
        kept.add(entries(ended(1, 2)))

        assert (0, {1: 2}) == (kept.expire(), counts(kept))


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """The oldest traces leave a file that is too large, whole; it gets smaller, and so does its log."""
    most = 4_000_000
    with closing(Store(tmp_path / "traces.db", max_age=None, max_bytes=most)) as kept:
        for trace in range(1, 21):
            add(kept, trace, 20, 8)
        kept.expire()
        left = counts(kept)
        with closing(connected(kept.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(truncate)").fetchall()

        assert ({20}, [*range(min(left), 21)], True, True) == (
            {*left.values()},
            [*left],
            most * 0.6 < kept.path.stat().st_size <= most,
            1 < min(left),
        )


def test_a_trace_that_is_too_large(tmp_path: Path) -> None:
    """Of the only trace that there is as many of the first spans leave as have to; the others leave before it."""
    most = 4_000_000
    with closing(Store(tmp_path / "traces.db", max_age=None, max_bytes=most)) as kept:
        add(kept, 1, 3)
        for begin in range(0, 1000, 100):
            kept.add(entries(*(ended(2, span, text=KB * 8) for span in range(begin + 1, begin + 101))))
        kept.expire()
        left = ids(*kept.trace(f"{2:032x}", 9999))

        assert ([2], [(2, span) for span in range(1001 - len(left), 1001)], True, 0) == (
            [*counts(kept)],
            left,
            0 < len(left) < 1000,
            kept.expire(),
        )


def test_a_log_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody reads for long, nobody waits until the log can be emptied; it is once they have read."""
    monkeypatch.setattr(schema, "PATIENCE", 60.0)
    monkeypatch.setattr(store, "WAL", 0)
    log = tmp_path / "traces.db-wal"
    with closing(Store(tmp_path / "traces.db", max_age=None, max_bytes=None)) as kept, ThreadPoolExecutor(1) as pool:
        add(kept, 1, 3)
        with kept.reading() as connection:
            rows = connection.execute("SELECT line FROM spans")
            rows.fetchone()
            add(kept, 2, 3)
            expiring = pool.submit(kept.expire)
            waited = wait([expiring], timeout=20).not_done
            held = log.stat().st_size
            rows.close()
        kept.expire()

        assert (set(), True, 0, {1: 3, 2: 3}) == (waited, held > 0, log.stat().st_size, counts(kept))


def test_a_clock_that_was_ahead(tmp_path: Path) -> None:
    """A trace that came while the clock was ahead stays no longer than one that comes when that is noticed."""
    file = tmp_path / "traces.db"
    with closing(Store(file, max_age=60, max_bytes=None)) as kept:
        add(kept, 1, 1)
        aged(file, 1, -1_000_000)
        none = kept.expire()
        aged(file, 1, 61)

        assert (0, 1, {}) == (none, kept.expire(), counts(kept))


def test_times_of_spans(tmp_path: Path) -> None:
    """What leaves is told by when it came, whatever times spans tell: of 1970, or of a year far away."""
    with closing(Store(tmp_path / "traces.db", max_age=60, max_bytes=None)) as kept:
        kept.add(entries(*(at(number, time) for number, time in enumerate((0, 1, 2**63, 2**64 - 1), 1))))

        assert (0, {1: 1, 2: 1, 3: 1, 4: 1}) == (kept.expire(), counts(kept))


def at(trace: int, time: int) -> ReadableSpan:
    """Return a span of that time."""
    return ReadableSpan("work", SpanContext(trace, 1, is_remote=False), start_time=time, end_time=time)


def test_it_leaves_while_spans_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While old traces leave all the time, whoever adds and reads is not held up, and no new span leaves."""
    monkeypatch.setattr(store, "EVERY", 0.001)
    file = tmp_path / "traces.db"
    with closing(Store(file, max_age=None, max_bytes=2_000_000)) as kept, ThreadPoolExecutor(2) as pool:

        def send(first: int) -> list[bool]:
            told = []
            for trace in range(first, first + 40):
                add(kept, trace, 10, 8)
                told.append(len(kept.trace(f"{trace:032x}", 99)) == 10)
            return told

        sent = [pool.submit(send, first) for first in (100, 200)]
        told = [each.result(60) for each in sent]
        wait_until(lambda: size_of(file) < 2_000_000, "a file that is small", seconds=30)
        left = counts(kept)

        assert ([[True] * 40] * 2, {10}, True) == (told, {*left.values()}, 0 < len(left) < 80)


def size_of(file: Path) -> int:
    """Return how many bytes the pages of a file have."""
    with closing(connected(file)) as connection:
        return size(connection).all


def test_it_happens_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due leaves while the store is open, and nobody asks for it."""
    monkeypatch.setattr(store, "EVERY", 0.01)
    with closing(Store(tmp_path / "traces.db", max_age=0.05)) as kept:
        add(kept, 1, 3)
        wait_until(lambda: not counts(kept), "what is due to leave", seconds=30)


def test_who_was_leaving(tmp_path: Path) -> None:
    """A trace that was leaving when the dashboard was killed leaves when it runs again, whatever its age."""
    file = tmp_path / "traces.db"
    with closing(Store(file, max_age=None, max_bytes=2**30)) as kept:
        add(kept, 1, retention.SOME + 1)
        add(kept, 2, 1)
        with kept._changing() as cursor:  # noqa: SLF001 - one step, and no more
            retention.remove(cursor, 0, 1)
    with closing(Store(file, max_age=None, max_bytes=2**30)) as kept:
        assert (1, {2: 1}) == (kept.expire(), counts(kept))
