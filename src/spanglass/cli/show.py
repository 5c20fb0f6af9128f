"""`spanglass show`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from operator import attrgetter
from typing import Final

import click
from opentelemetry.trace import format_trace_id
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from rich.tree import Tree

from spanglass.cli.output import draw
from spanglass.cli.steps import Line, Step, step
from spanglass.cli.traces import Outline, check_is_file, gathered, outlines, spans_of, stop
from spanglass.export.words import duration
from spanglass.reading.spans import NANOSECONDS
from spanglass.reading.tree import ordered

DEEPEST: Final = 10  # levels of indentation, which leave half of 80 columns
NARROWEST: Final = 16
EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
STYLES: Final = {"OK": "green", "FAILED": "bold red", "INCOMPLETE": "yellow", "OPEN": "yellow"}
UNITS: Final = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0}
SPAN_OF_TIME: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|)", re.ASCII)
PREFIX: Final = re.compile(r"[0-9a-f]{1,32}")


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a duration, in seconds or with its unit."""
    if value is None:
        return None
    found = SPAN_OF_TIME.fullmatch(value.strip())
    if found is None:
        message = f"{value!r} is no duration: give seconds, as in 1.5, or a unit, as in 500ms."
        raise click.BadParameter(message)
    return float(found[1]) * UNITS[found[2]]


def _trace_id(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read the id of a trace, or how it begins."""
    prefix = value and value.strip().lower()
    if prefix is not None and not PREFIX.fullmatch(prefix):
        message = f"{value!r} is no trace id, nor how one begins: it has 32 characters, 0-9 and a-f."
        raise click.BadParameter(message)
    return prefix


@dataclass(frozen=True, slots=True)
class _Branch:
    """A span within the tree; `start` is its trace's. What it says is made only as it is drawn."""

    step: Step
    start: int
    inside: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        own = self.step
        yield Text.assemble(
            (own.name, "bold"),
            self.inside,
            f"  +{duration(max(own.start - self.start, 0) / NANOSECONDS)}",
            f"  {duration((own.end - own.start) / NANOSECONDS)}  ",
            (own.status, STYLES[own.status]),
            f"  {own.note}" if own.note else "",
            overflow="fold",
        )
        for line in own.lines:
            yield _drawn(line, max(options.max_width, NARROWEST))


def _drawn(line: Line, width: int) -> Text:
    """Return a line cut to the width, or to be folded."""
    label = f"{line.label}: " if line.label else ""
    told = f"{label}{line.text}"
    if line.cut and cell_len(told) > width:
        told = f"{set_cell_size(told, width - 3).rstrip()}..."
    drawn = Text(told, overflow="fold")
    drawn.stylize("bold red" if line.label == "error" else "cyan", 0, len(label))
    return drawn


def _when(nanoseconds: int) -> str:
    moment = EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def tree(trace: int, steps: Sequence[Step]) -> Tree:
    """Return what Rich draws of a trace: each span under its parent, or at the top where that is not there."""
    start = min(own.start for own in steps)
    seconds = (max(own.end for own in steps) - start) / NANOSECONDS
    title = Text.assemble((format_trace_id(trace), "bold"), f"  {_when(start)}  {duration(seconds)}", overflow="fold")
    drawn = Tree(title)
    places: dict[int, tuple[Tree, int]] = {}
    for own, parent in ordered(steps):
        above, depth = places[parent.id] if parent else (drawn, 0)
        inside = f" in {parent.name}" if parent and depth > DEEPEST else ""
        branch = above.add(_Branch(own, start, inside))
        places[own.id] = (branch if depth < DEEPEST else above, depth + 1)
    return drawn


def _wanted(
    found: Mapping[int, Outline], prefix: str | None, tests: Sequence[Callable[[Outline], bool]]
) -> dict[int, int]:
    return {
        trace: outline.spans
        for trace, outline in found.items()
        if format_trace_id(trace).startswith(prefix or "") and all(test(outline) for test in tests)
    }


@click.command()
@click.argument("file", type=click.Path())
@click.option(
    "--trace", metavar="ID", callback=_trace_id, help="Only this one, with all of its content. The first characters do."
)
@click.option("--errors", is_flag=True, help="Those in which something failed, not just attempts that were retried.")
@click.option("--retried", is_flag=True, help="Those in which a call took more than one attempt.")
@click.option(
    "--slow", metavar="TIME", callback=_seconds, help="Those that took at least as long: 1.5 seconds, 500ms, 2m."
)
def show(file: str, *, trace: str | None, errors: bool, retried: bool, slow: float | None) -> None:
    """Show each trace in FILE as a tree.

    FILE has spans as OTLP/JSON, one request a line, also gzipped: what configure(file=...) or the Collector's
    file exporter wrote. It is read twice, and one trace at a time is held, or those that are mingled in the file.

    The first line of a trace is its id, when it began (in UTC), and how long it took in all. Under it stands each span
    below its parent, or at the top where FILE does not have the parent: when it began after the trace did, its
    duration, and OK, FAILED or INCOMPLETE (left before its end, or cancelled). A call has its model, tokens (~
    where they are estimated), cost where it is known (pip install 'spanglass[prices]'), how its stream and its answer
    ended, the last messages and the answer, each cut to a line; each HTTP attempt says how long was waited after it.

    Options narrow down what is shown; of several all must hold. Traces come in the order in which they end in FILE.
    """
    check_is_file(file)
    tests: tuple[tuple[bool, Callable[[Outline], bool]], ...] = (
        (errors, attrgetter("failed")),
        (retried, attrgetter("retried")),
        (slow is not None, lambda outline: outline.seconds >= (slow or 0)),
    )
    found = outlines(spans_of(file))
    wanted = _wanted(found, trace, [test for given, test in tests if given])
    if not wanted:
        _say_nothing_is(file, trace, found)
        return
    shown = gathered(spans_of(file), wanted, partial(step, whole=trace is not None))
    for count, (own, steps) in enumerate(shown):
        draw(*("",) * bool(count), tree(own, steps))


def _say_nothing_is(file: str, trace: str | None, found: Mapping[int, Outline]) -> None:
    """Say why nothing is shown; a trace that was asked for by its id and is not there is an error."""
    if trace is not None and not _wanted(found, trace, ()):
        stop(f"{file} has no trace whose id begins with {trace}.")
    click.echo(f"{file} has no such trace." if found else f"{file} has no spans.", err=True)
