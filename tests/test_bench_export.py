"""The benchmark of the export: its search finds what it looks for, and its tables are whole."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import readme
from bench.export.load import load
from bench.export.search import Search, Step

SEARCH = Search(step=1, last=4, halvings=3, lasts=6, rest=0.1)
TESTS = Path(__file__).parent
NUMBER = re.compile(r"[\d,.]+( MB| s)?")

WAYS = ["HTTP, spans of 1.3 kB", "HTTP, spans of 20 kB", "gRPC, spans of 1.3 kB", "gRPC, spans of 20 kB"]
ROWS = {
    "spans a second": [
        *WAYS,
        *(f"the SDK's own processor, {way}" for way in WAYS[:3]),
    ],
    "a queue that is full, of spans of": ["1.3 kB", "20 kB", "51 kB"],
    "µs to end a span": [
        "no export, few spans",
        "no export, half of the highest rate",
        "HTTP, few spans",
        "HTTP, half of the highest rate",
        "gRPC, few spans",
        "gRPC, half of the highest rate",
        "the receiver stalls, the queue is full",
        "the receiver is gone, the queue is full",
    ],
    "calls of the OpenAI SDK": ["not traced", "traced, no export", "traced and exported over HTTP"],
}
COLUMNS = {
    "a queue that is full, of spans of": ["spans", "memory", "full after"],
    "µs to end a span": ["1.3 kB, median", "1.3 kB, 99th", "20 kB, median", "20 kB, 99th"],
    "calls of the OpenAI SDK": ["a second", "median ms", "99th ms"],
}


def cells(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return line.strip("| ").split(" | ")


def shape(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """Return the names of the rows and of the columns of each table, and each cell that is no number."""
    rows: dict[str, list[str]] = {}
    columns: dict[str, list[str]] = {}
    others: list[str] = []
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        (name, *heads), _, *lines = map(cells, table.splitlines())
        rows[name] = [line[0] for line in lines]
        columns[name] = heads
        others += [cell for line in lines for cell in line[1:] if not NUMBER.fullmatch(cell)]
        others += [line[0] for line in lines if len(line) != len(heads) + 1]
    return rows, columns, others


@pytest.mark.backend
def test_quick() -> None:
    """The command measures everything against a real collector, in seconds where it is told to be quick."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-m", "bench.export", "--quick"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert (ROWS, {"spans a second": ["2 threads"], **COLUMNS}, []) == shape(done.stdout)


def test_readme() -> None:
    """The README has the tables as the command prints them; the SDK's own processor is measured twice a row."""
    (part,) = re.findall(r"<!-- bench-export -->\n(.*?)\n<!-- end", readme.README.read_text("utf-8"), re.DOTALL)
    threads = ["1 thread", "4 threads", "16 threads", "64 threads"]

    assert (ROWS, {"spans a second": threads, **COLUMNS}, ["—"] * 6) == shape(part)


def taking(most: float, can: float = 1e9) -> Callable[[float, float], Step]:
    """Return a load that drops what is above `most`, of a program that ends no more than `can`."""
    return lambda rate, seconds: Step(min(rate, can), max(0, int((min(rate, can) - most) * seconds)), 0)


@pytest.mark.parametrize("most", [90.0, 999.0, 1_000.0, 5_000.0, 123_456.0])
def test_search(most: float) -> None:
    """The rate that is found is one that holds, and less than a tenth below the highest."""
    assert most * 0.9 < SEARCH.highest(taking(most), 1_000) <= most + 1


def test_search_for_nothing() -> None:
    """Where every load drops spans, no rate is found."""
    assert SEARCH.highest(lambda rate, _: Step(rate, 1, 0), 1_000) == 0


def test_search_in_a_slow_program() -> None:
    """Where the program ends fewer spans than it should, and none is dropped, that is the rate."""
    assert SEARCH.highest(taking(1e9, can=3_000), 1_000) == 3_000


def test_search_holds_longer() -> None:
    """A rate that a queue bears for a while is not found: it must hold for longer than it was looked for."""

    def load(rate: float, seconds: float) -> Step:
        return Step(rate, max(0, int((rate - 5_000) * seconds - 2_048)), 0)

    assert 5_000 * 0.9 < SEARCH.highest(load, 1_000) < 5_000 + 2_048 / 4


def test_search_sees_a_queue_that_fills() -> None:
    """A rate after which much is left to send does not hold, though nothing was dropped."""
    assert 900 < SEARCH.highest(lambda rate, _: Step(rate, 0, 0.2 if rate > 1_000 else 0), 1_000) <= 1_000


def test_load() -> None:
    """Each thread does its share, and no number is given twice."""
    told: list[list[int]] = [[], [], []]
    done = load([each.append for each in told], 600, 0.2)
    numbers = [number for each in told for number in each]

    assert [number % 3 for number in numbers] == [place for place, each in enumerate(told) for _ in each]
    assert done.calls == len(numbers) == len({*numbers}) <= 600 * 0.2 + 3
