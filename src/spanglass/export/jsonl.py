"""Spans in files: OTLP/JSON, one request a line, as the Collector's file exporter writes it too."""

import gzip
import json
import logging
import os
import re
import stat
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.otlp_json import Json, lines
from spanglass.export.otlp_spans import MALFORMED, SpanReader

log = logging.getLogger("spanglass")

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
SIZE: Final = 4
"""Bytes of the size that the Collector writes before each block that it compresses."""
BLANK: Final = "\0\t\n\r \ufeff"
"""What may be around a line: also zeros of a machine that crashed, and the mark that some editors begin with."""
BEGIN: Final = '{"resource'
REQUEST: Final = re.compile(rf"{re.escape(BEGIN)}[A-Z_]")
"""How a request begins: `resourceSpans` or the like. It stands nowhere else: in a text, quotes are escaped."""


def spans_to_jsonl(spans: Iterable[ReadableSpan]) -> str:
    """Return finished spans as OTLP/JSON, one request with one span a line; an empty text where there are none.

    `read_jsonl` reads it, and so do the Collector's otlpjsonfile receiver and `jq`. All of it can be written as UTF-8,
    and nothing in it ends a line but the newlines.
    """
    return "".join(f"{line}\n" for line in lines(spans))


def read_jsonl(path: str | os.PathLike[str]) -> Iterator[ReadableSpan]:
    """Give the spans of an OTLP/JSON file one by one, in its order, reading as it goes, however large the file is.

    It may be one of `configure(file=)` or `spans_to_jsonl`, or one that the Collector's file exporter wrote as JSON, of
    which logs and metrics are left out; also compressed by gzip. A line that was cut short, as by a program that was
    killed while it wrote, is left out and told in the log, wherever it is.

    Raises OSError at once for a file that cannot be read, and ValueError at the first line that is no OTLP/JSON.
    """
    file = Path(path).expanduser()
    try:
        mode = file.stat().st_mode
        if stat.S_ISREG(mode):  # what is none, such as a pipe, is opened but once
            file.open("rb").close()
    except OSError as error:
        message = f"{file} cannot be read ({error.strerror}): give the path of a file with spans as OTLP/JSON."
        raise type(error)(message) from None
    if stat.S_ISDIR(mode):
        message = f"{file} is a directory: give the path of a file with spans as OTLP/JSON."
        raise IsADirectoryError(message)
    return _spans(file)


def _spans(file: Path) -> Iterator[ReadableSpan]:
    reader = SpanReader()
    cut: list[int] = []
    with _opened(file) as stream:
        for number, line in _lines(file, stream, cut):
            with _told(file, number):
                request = _request(line)
                if request is None:
                    cut.append(number)
                    request = _request(_last(line)) or {}
                yield from reader.read(request)
    if cut:
        log.warning(
            "spanglass: %s is cut short in line %d, as where a program was killed while it wrote; what is whole was "
            "read (%d such lines in all).",
            file,
            cut[0],
            len(cut),
        )


@contextmanager
def _told(file: Path, number: int) -> Generator[None]:
    """Say in one sentence where it is that a file is none for us."""
    try:
        yield
    except MALFORMED:
        message = (
            f"{file} has no OTLP/JSON in line {number}: give a file that has one request in each line, as "
            "configure(file=) and the Collector's file exporter write it."
        )
        raise ValueError(message) from None


@contextmanager
def _opened(file: Path) -> Generator[Iterable[bytes]]:
    with file.open("rb") as raw:
        head = raw.peek(SIZE + len(ZSTD))
        if ZSTD in (head[: len(ZSTD)], head[SIZE : SIZE + len(ZSTD)]):
            message = (
                f"{file} is compressed by zstd, which is not read here: decompress it, or have the Collector's file "
                "exporter write without compression."
            )
            raise ValueError(message)
        if head.startswith(GZIP):
            with gzip.GzipFile(fileobj=raw) as plain:
                yield plain
        else:
            yield raw


def _lines(file: Path, stream: Iterable[bytes], cut: list[int]) -> Iterator[tuple[int, str]]:
    """Yield the numbers and the texts of the lines that have something on them, as far as gzip goes."""
    number = 0
    try:
        for number, line in enumerate(stream, 1):
            if text := line.decode("utf-8", "replace").strip(BLANK):
                yield number, text
    except EOFError:
        cut.append(number + 1)
    except (gzip.BadGzipFile, zlib.error):
        message = f"{file} is damaged after line {number}, and gzip reads no further: take what `gzip -dc` gives of it."
        raise ValueError(message) from None


def _request(line: str) -> Json | None:
    """Return the request of a line, or None where it is not whole; raises one of MALFORMED for what never was one."""
    try:
        return cast("Json", json.loads(line))
    except ValueError:
        if REQUEST.search(line) or BEGIN.startswith(line):
            return None
        raise


def _last(line: str) -> str:
    """Return what another writer has added to a line that was cut short; if none has, that line."""
    begins = [found.start() for found in REQUEST.finditer(line)]
    return line[begins[-1] :] if begins else line
