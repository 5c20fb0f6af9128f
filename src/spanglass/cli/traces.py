"""The spans of a file: read one by one, told apart, and put together to traces."""

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import click
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.jsonl import expanded, read_jsonl
from spanglass.export.notes import id_of
from spanglass.reading.spans import NANOSECONDS, failed, is_attempt, retried, times, trace_of

T = TypeVar("T")


def stop(message: str) -> NoReturn:
    """End the command with one sentence on standard error, and the exit status 1."""
    raise click.ClickException(message)


def spans_of(path: str) -> Iterator[ReadableSpan]:
    """Yield the spans of a file; ends the command with one sentence where it cannot be read."""
    try:
        yield from read_jsonl(path)
    except OSError as error:
        stop(f"{path} cannot be read ({error.strerror})." if error.strerror else str(error))
    except ValueError as error:
        stop(str(error))


def check_is_file(path: str) -> None:
    """End the command with one sentence where a file cannot be read twice, as a pipe cannot."""
    try:
        mode = expanded(path).stat().st_mode
    except OSError:  # which is told where it is read
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        stop(f"{path} is no file, and it is read twice: save the spans to a file first.")


@dataclass(slots=True)
class Outline:
    """What is known of a trace when all of its spans have gone by; times in nanoseconds since the epoch."""

    spans: int = 0
    start: int = 0
    end: int = 0
    failed: bool = False
    retried: bool = False

    @property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return (self.end - self.start) / NANOSECONDS

    def add(self, span: ReadableSpan) -> None:
        """Take in one more span. An attempt that failed is part of a call, which says itself whether it failed."""
        start, end = times(span)
        self.start = min(self.start, start) if self.spans else start
        self.end = max(self.end, end)
        self.spans += 1
        self.failed = self.failed or (failed(span) and not is_attempt(span))
        self.retried = self.retried or retried(span)


def outlines(spans: Iterable[ReadableSpan]) -> dict[int, Outline]:
    """Return the outline of each trace, by its id."""
    found: dict[int, Outline] = {}
    for span in spans:
        found.setdefault(trace_of(span), Outline()).add(span)
    return found


def gathered(
    spans: Iterable[ReadableSpan], counts: Mapping[int, int], make: Callable[[ReadableSpan], T]
) -> Iterator[tuple[int, list[T]]]:
    """Yield the traces that `counts` has, each with what `make` makes of its spans, as soon as its last one went by.

    `counts` says how many spans a trace has. What is held at a time are the traces that have begun in the file and not
    yet ended there; of a span that the file has twice, the later one.
    """
    left = dict(counts)
    held: dict[int, dict[int, T]] = {}
    for span in spans:
        trace = trace_of(span)
        if trace not in left:
            continue  # not wanted, or written since it was counted
        left[trace] -= 1
        held.setdefault(trace, {})[id_of(span)] = make(span)
        if not left[trace]:
            del left[trace]
            yield trace, [*held.pop(trace).values()]
        if not left:
            return
    for trace, parts in held.items():  # the file has become shorter since
        yield trace, [*parts.values()]
