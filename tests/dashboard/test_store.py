"""The dashboard's file: what is in it stays, comes once, and is nobody else's."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from kept import ended, entries, ids

from spanglass.dashboard.store import Store, Unavailable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet, in a directory that is not there either."""
    return tmp_path / "new" / "traces.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Give a store that is open as long as the test runs."""
    opened = Store(path)
    yield opened
    opened.close()


def test_what_is_read(store: Store) -> None:
    """A trace, a session and a span are read by their ids; those of a session are all of each trace that it is in."""
    first, second, third = (
        ended(trace, span, session) for trace, span, session in ((1, 1, "a"), (1, 2, None), (2, 3, "b"))
    )
    store.add(entries(third, second, first))

    assert [ids(first, second), ids(first), ids(first, second), ids(third), [], ids(second), []] == [
        ids(*store.trace(f"{1:032x}", 9)),
        ids(*store.trace(f"{1:032x}", 1)),
        ids(*store.session("a", 9)),
        ids(*store.session("b", 9)),
        ids(*store.session("c", 9)),
        ids(*filter(None, [store.span(f"{1:032x}", f"{2:016x}")])),
        ids(*filter(None, [store.span(f"{2:032x}", f"{2:016x}")])),
    ]


def test_what_comes_again(store: Store) -> None:
    """A span that is sent twice is there once, and counts once; the store's state changes only with what is new."""
    first, second = ended(1, 1), ended(1, 2)
    states = [store.state()]
    new = []
    for sent in ([first, first], [first], [second, first]):
        new.append(store.add(entries(*sent)))
        states.append(store.state())

    assert ([1, 0, 1], ids(first, second), [(2,)], [True, False, True]) == (
        new,
        ids(*store.trace(f"{1:032x}", 9)),
        store.read("SELECT spans FROM traces"),
        [before != after for before, after in pairwise(states)],
    )


def test_only_its_owner_reads_it(store: Store) -> None:
    """A file that is made, and its log, may be read by nobody but their owner."""
    store.add(entries(ended(1, 1)))

    assert {"traces.db": 0o600, "traces.db-wal": 0o600, "traces.db-shm": 0o600} == {
        file.name: file.stat().st_mode & 0o777 for file in store.path.parent.iterdir()
    }


def test_two_stores_of_one_file(store: Store) -> None:
    """What one store adds the other one shows at once, and its state changes."""
    other = Store(store.path)
    before = other.state()
    store.add(entries(ended(1, 1)))
    other.add(entries(ended(1, 1), ended(1, 2)))

    assert (True, other.state(), ids(*other.trace(f"{1:032x}", 9))) == (
        before != other.state(),
        store.state(),
        ids(*store.trace(f"{1:032x}", 9)),
    )
    other.close()


def test_after_the_end(path: Path) -> None:
    """A store that was closed says so, whatever is asked of it."""
    store = Store(path)
    store.close()
    store.close()
    told = []
    for use in (store.state, store.expire, lambda: store.add([])):
        with pytest.raises(Unavailable) as error:
            use()
        told.append(str(error.value))

    assert [f"{path} has been closed: open it anew."] * 3 == told
