"""What a command writes: drawings on standard output, or bytes there or into a file."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO, Final, TextIO

import click
from rich.console import Console, RenderableType

from spanglass.cli.traces import stop
from spanglass.export.jsonl import expanded

STDOUT: Final = "standard output"


def say(*lines: str) -> None:
    """Write lines to standard output, each as it comes; ends the command with one sentence where that fails."""
    with _told(STDOUT):
        for line in lines:
            click.echo(line)


def draw(*drawings: RenderableType) -> None:
    """Write the drawings to standard output, without blanks at the ends of lines.

    They are as wide as the terminal, else as `COLUMNS` says, else 80 columns. What the encoding has no character for
    is spelled out, where it would be an error.
    """
    with _told(STDOUT):
        stdout = _stdout()
        console = Console(highlight=False)
        with console.capture() as drawn:
            for drawing in drawings:
                console.print(drawing)
        reconfigure = getattr(stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
        lines = drawn.get().rstrip("\n").split("\n")
        stdout.writelines(f"{line.rstrip()}\n" for line in lines)
        stdout.flush()  # so that it fails here where nobody reads any more


@contextmanager
def opened(output: str) -> Generator[BinaryIO]:
    """Give a file to write to, or standard output for a dash; ends the command with one sentence where that fails."""
    if output == "-":
        with _told(STDOUT):
            yield (buffer := _stdout().buffer)
            buffer.flush()
    else:
        with _told(output), expanded(output).open("wb") as file:
            yield file


def _stdout() -> TextIO:
    """Return standard output, which a shell's `>&-` closes."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]  # then it is, whatever its type says
        stop(f"{STDOUT} is closed: let it lead somewhere.")
    return sys.stdout


@contextmanager
def _told(output: str) -> Generator[None]:
    try:
        yield
    except BrokenPipeError:  # who reads has seen enough, and click ends quietly
        raise
    except OSError as error:
        if output == STDOUT:
            sys.stdout = None  # or Python tries again at its end what could not be written
        stop(f"{output} cannot be written ({error.strerror}).")
