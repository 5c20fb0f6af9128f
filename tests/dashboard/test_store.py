"""The dashboard's file: what is in it stays, comes once, and is nobody else's."""

import gc
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kept import ended, entries, ids

from spanglass.dashboard import schema
from spanglass.dashboard.schema import APPLICATION, VERSION
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
    """A trace and a span are read by their ids."""
    first, second, third = (ended(trace, span) for trace, span in ((1, 1), (1, 2), (2, 3)))
    store.add(entries(third, second, first))

    assert [ids(first, second), ids(first), ids(second), []] == [
        ids(*store.trace(f"{1:032x}", 9)),
        ids(*store.trace(f"{1:032x}", 1)),
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


def test_what_a_trace_adds_up_to(store: Store) -> None:
    """A trace has what its spans say together, also where they come one by one: of two projects the first."""
    first, second, third = entries(ended(1, 1), ended(1, 2), ended(1, 3))
    store.add([replace(first, start=5, end=6, failed=True, project="p", session="s")])
    store.add([replace(second, start=3, end=9, retried=True, project="q", session=None)])
    store.add([replace(third, start=4, end=5, project=None, session="t")])

    assert [(3, 9, 3, 1, 1, "p", "s")] == store.read(
        "SELECT start, end, spans, failed, retried, project, session FROM traces"
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


def foreign(path: Path, *statements: str) -> None:
    """Make a file of SQLite that is another program's, or another version's."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


AGAIN = "try again, or choose another file to keep spans in."
NOT_OURS = "is not a file that this version of the dashboard has made: choose another to keep spans in."


@pytest.mark.parametrize(
    "make",
    [
        lambda path: foreign(path, "CREATE TABLE theirs (id)"),
        lambda path: foreign(path, "PRAGMA application_id = 5", "CREATE TABLE theirs (id)"),
        lambda path: foreign(path, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {VERSION + 1}"),
        lambda path: (path.parent.mkdir(), path.write_text("a text of somebody's " * 99)),
    ],
)
def test_files_of_others(path: Path, make: Callable[[Path], object]) -> None:
    """A file of another program or version is refused in one sentence, and nothing in it is changed."""
    make(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(f"{path} {NOT_OURS}")):
        Store(path)

    assert ([path], before) == ([*path.parent.iterdir()], path.read_bytes())


def test_no_file_to_be_had(tmp_path: Path) -> None:
    """Where there can be no file, one sentence says why, and what to do."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "traces.db")
    os.mkfifo(tmp_path / "pipe")
    told = []
    for path in (tmp_path, *(tmp_path / name for name in ("file/traces.db", "link", "pipe"))):
        with pytest.raises(OSError, match="choose another file to keep spans in") as error:
            Store(path)
        told.append(str(error.value))

    assert [
        f"{tmp_path} cannot be opened (Is a directory): choose another file to keep spans in.",
        f"{tmp_path}/file/traces.db cannot be opened (Not a directory): choose another file to keep spans in.",
        f"{tmp_path}/link cannot be opened (unable to open database file): {AGAIN}",
        f"{tmp_path}/pipe cannot be opened (disk I/O error): {AGAIN}",
    ] == told


@pytest.fixture
def anyones(tmp_path: Path) -> Iterator[Path]:
    """Give a directory in which anyone may write, and that anyone may go to."""
    with TemporaryDirectory(dir="/tmp" if os.geteuid() == 0 else tmp_path) as made:  # noqa: S108 - pytest's own is root's
        Path(made).chmod(0o777)
        yield Path(made)


@contextmanager
def ordinary() -> Iterator[None]:
    """Be no superuser in the block: one may write whatever is read-only."""
    own = os.geteuid()
    os.seteuid(own or 65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.parametrize("closed", ["traces.db", "."])
def test_a_file_that_is_read_only(anyones: Path, closed: str) -> None:
    """A file that cannot be written, or a directory in which there can be no log, is refused in one sentence."""
    file = anyones / "traces.db"
    with closing(Store(file)) as store:
        store.add(entries(ended(1, 1)))
    before = file.read_bytes()
    (anyones / closed).chmod(0o555)
    with ordinary(), pytest.raises(OSError, match="choose another file to keep spans in") as raised:
        Store(file)

    assert (True, before) == (str(raised.value).startswith(f"{file} cannot be opened ("), file.read_bytes())


@pytest.mark.parametrize("name", ["a?mode=ro", "a#b", "%41", "100%", "file:x?vfs=none", "ä b", "';--"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    """A file is called as its name says, whatever means something else in a URI."""
    with closing(Store(tmp_path / name)) as store:
        store.add(entries(ended(1, 1)))
        found = sorted(each.name for each in tmp_path.iterdir())

    assert sorted([name, f"{name}-shm", f"{name}-wal"]) == found


def test_many_begin_at_once(path: Path) -> None:
    """Of several that begin with the same new file at once each can use it."""
    program = (
        "import sys; from pathlib import Path; from spanglass.dashboard import store; "
        "store.Store(Path(sys.argv[1])).state()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(6)]  # noqa: S603 - ours

    assert [0] * 6 == [process.wait(60) for process in processes]


@pytest.mark.parametrize("before", range(11))
def test_another_begins_meanwhile(path: Path, before: int) -> None:
    """Whichever statement another one makes the tables before, this one finds them to be its own."""
    schema.made(path)
    with closing(schema.connected(path)) as one, closing(schema.connected(path)) as other:
        run: list[str] = []

        def meanwhile(statement: str) -> None:
            run.append(statement)
            if len(run) == before + 1:
                schema.prepare(other)

        one.set_trace_callback(meanwhile)

        assert (True, True) == (schema.prepare(one), len(run) > before)


def test_readers_of_threads_that_are_gone(store: Store) -> None:
    """A thread that is gone leaves no connection behind, and none is left of a store that was closed."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.state).result()
    before = files(store.path)
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.state).result()
    store.state()
    after = files(store.path)
    store.close()

    assert (True, 0) == (after <= before + 2, files(store.path))


def files(path: Path) -> int:
    """Return how many descriptors this process has of a file and its log."""
    gc.collect()
    names = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(name.startswith(str(path)) for name in names)
