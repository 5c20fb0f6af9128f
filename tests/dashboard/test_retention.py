"""What leaves the dashboard's file by itself: the oldest traces, whole, and not more than has to."""

from contextlib import closing
from pathlib import Path

import pytest
from kept import ended, entries, ids
from processes import wait_until

from spanglass.dashboard import retention, store
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
