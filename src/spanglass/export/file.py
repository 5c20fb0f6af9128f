"""Finished spans in a file on this machine, as OTLP/JSON: what `configure(file=)` sends batches to.

Several threads and processes may add to one file: each batch is written under a lock to the end of the file, all of it
or nothing. The file is opened for each batch, so that it may be renamed at any time.
"""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.otlp_json import lines
from spanglass.export.reporting import PAUSE, UNFIT, Sent
from spanglass.guard import foreign

if sys.platform != "win32":
    import fcntl

log = logging.getLogger("spanglass")

FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
GIVE: Final = "give the path of a file that this program may write, such as file='trace.jsonl'"


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file that takes spans; equal to another when both lead to the same place."""

    path: Path = field(compare=False)
    real: Path = field(repr=False)

    @property
    def shown(self) -> str:
        """The path, for a log."""
        return str(self.path)


def trace_file(given: str | os.PathLike[str]) -> TraceFile:
    """Return the file at a path, which is made where there is none, with the directory that it is in.

    Raises ValueError for what is no path, and OSError of one sentence that says what to do for what cannot be written.
    """
    try:
        path = Path(given).expanduser().absolute()
        real = path.resolve()
    except (TypeError, ValueError, RuntimeError):  # no text, a NUL in it, or the home directory of nobody
        message = f"file= cannot be {given!r}: {GIVE}."
        raise ValueError(message) from None
    try:
        os.close(_opened(path))
    except OSError as error:
        message = f"file= leads to {path}, which cannot be written ({error.strerror}): {GIVE}."
        raise type(error)(message) from None
    return TraceFile(path, real)


class FileReceiver:
    """Adds batches to a file, and says once where it cannot; they wait until it can."""

    def __init__(self, file: TraceFile) -> None:
        self._file = file
        self._unfit_told = False
        self.failing = False

    def send(self, spans: Sequence[ReadableSpan]) -> Sent:
        """Write one batch; a failure is a result and never an exception."""
        text, unfit = _encoded(spans)
        try:
            append(self._file.path, text)
        except OSError as error:
            return self._failed(error.strerror or type(error).__name__)
        if self.failing:
            self.failing = False
            log.info("spanglass: spans are written to %s again.", self._file.shown)
        return self._unfit(unfit) if unfit else Sent()

    def break_off(self) -> bool:
        """Break nothing off: what is written is soon written."""
        return False

    def close(self) -> None:
        """Close nothing: no file is open between batches."""

    def _unfit(self, count: int) -> Sent:
        if not self._unfit_told:
            self._unfit_told = True
            log.warning(
                "spanglass: %d spans cannot be encoded for %s, as where values are nested by the hundred, and are "
                "dropped: this is said once.",
                count,
                self._file.shown,
            )
        return Sent(count, UNFIT)

    def _failed(self, why: str) -> Sent:
        if not self.failing:
            self.failing = True
            log.warning(
                "spanglass: spans cannot be written to %s (%s): make room there, or let this program write; until then "
                "spans wait in the queue, and are dropped when it is full, and this is said once.",
                self._file.shown,
                why,
            )
        return Sent(why=why, again=PAUSE)


def _encoded(spans: Sequence[ReadableSpan]) -> tuple[bytes, int]:
    """Return the lines of the spans, and how many have none, because they cannot be encoded."""
    encoded = foreign(_lines, spans)
    if encoded is not None:
        return encoded, 0
    each = [foreign(_lines, [span]) for span in spans]
    return b"".join(line or b"" for line in each), each.count(None)


def _lines(spans: Sequence[ReadableSpan]) -> bytes:
    return "".join(f"{line}\n" for line in lines(spans)).encode()


def append(path: Path, text: bytes) -> None:
    """Add whole lines to the end of a file: all of them, or none and an OSError.

    Where a writer that was killed has left a line without its end, they begin with that.
    """
    descriptor = _opened(path)
    try:
        alone = _lock(descriptor)
        size = os.fstat(descriptor).st_size
        try:
            _write(descriptor, text if _ends_line(descriptor, size) else b"\n" + text)
        except OSError:
            if alone:
                with suppress(OSError):  # what is no file cannot be shortened
                    os.ftruncate(descriptor, size)
            raise
    finally:
        _unlock(descriptor)  # by itself it would be held on in a process that was forked meanwhile
        os.close(descriptor)


def _opened(path: Path) -> int:
    with suppress(FileNotFoundError):
        return os.open(path, FLAGS, 0o666)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, FLAGS, 0o666)


def _ends_line(descriptor: int, size: int) -> bool:
    if not size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)  # writing goes to the end all the same
    return os.read(descriptor, 1) == b"\n"


def _write(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _lock(descriptor: int) -> bool:
    """Keep other writers out, and return whether they are: not every system and file has locks."""
    if sys.platform == "win32":
        return False
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    return False


def _unlock(descriptor: int) -> None:
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
