"""What a command writes: drawings on standard output, or bytes there or into a file."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.console import Console, RenderableType

from spanglass.cli.traces import stop


def draw(*drawings: RenderableType) -> None:
    """Write the drawings to standard output, without blanks at the ends of lines.

    They are as wide as the terminal, else as `COLUMNS` says, else 80 columns. What the encoding has no character for
    is spelled out, where it would be an error.
    """
    with _told("standard output"):
        console = Console(highlight=False)
        with console.capture() as drawn:
            for drawing in drawings:
                console.print(drawing)
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
        lines = drawn.get().rstrip("\n").split("\n")
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in lines)
        sys.stdout.flush()  # so that it fails here where nobody reads any more


@contextmanager
def opened(output: str) -> Generator[BinaryIO]:
    """Give a file to write to, or standard output for a dash; ends the command with one sentence where that fails."""
    if output == "-":
        with _told("standard output"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    else:
        with _told(output), Path(output).expanduser().open("wb") as file:
            yield file


@contextmanager
def _told(output: str) -> Generator[None]:
    try:
        yield
    except BrokenPipeError:  # who reads has seen enough, and click ends quietly
        raise
    except OSError as error:
        stop(f"{output} cannot be written ({error.strerror}).")
