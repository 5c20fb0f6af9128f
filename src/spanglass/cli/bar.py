"""How far a file was sent, on a bar where there is a terminal."""

import gzip
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spanglass.export.jsonl import GZIP

START: Final = (b'"startTimeUnixNano":', b'"start_time_unix_nano":')
"""What every span has once; within a text of JSON, where quotes are escaped, it cannot stand."""

Advance = Callable[[int], None]
Tell = Callable[[str], None]


@contextmanager
def bar(file: Path, settled: int) -> Generator[tuple[Advance, Tell]]:
    """Give what is called with the number of spans as they are settled, and with a word on why none are.

    The bar is on standard error where that is a terminal; elsewhere there are the words alone.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda _: None), (lambda text: click.echo(text, err=True))
        return
    words = TextColumn("{task.description}")
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("spans"), TimeRemainingColumn(), words)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=_count(file), completed=settled)

        def advance(count: int) -> None:
            progress.update(task, advance=count, description="")

        yield advance, lambda text: progress.update(task, description=text)


def _count(file: Path) -> int:
    """Return how many spans a file has, without reading what is in them."""
    count = 0
    with file.open("rb") as raw, suppress(EOFError, OSError):
        zipped = raw.peek(len(GZIP)).startswith(GZIP)
        for line in gzip.GzipFile(fileobj=raw) if zipped else raw:
            count += sum(map(line.count, START))
    return count
