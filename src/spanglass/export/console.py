"""The summary of one trace as a panel, for the terminal or a log file."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple, TextIO

from opentelemetry.sdk.trace import ReadableSpan
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import ColorSystem
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

from spanglass.export.summary import Row, Summary, summarize
from spanglass.export.words import dollars
from spanglass.guard import guard

WIDTH: Final = 80  # columns at most: what a log viewer shows unwrapped
NARROWEST: Final = 52  # columns at least: a narrower terminal wraps what is longer
LABEL: Final = 11  # columns of the longest field's name
TOOL: Final = 24  # columns at most of a tool's name
OTHERS: Final = 44  # columns that the rest of a narrow table wants
SHORTEST: Final = 6  # columns at least of a detail
DEEPEST: Final = 4  # steps within steps that are indented
BAR: Final = (10, 24)  # columns of the time axis: at least, and at most
DETAIL: Final = 30  # columns of the details that the bars leave them
LINES: Final = 4  # lines at most of one detail
TITLE: Final = "spanglass Trace"

STYLES: Final = {"SUCCESS": "green", "OK": "green", "FAILED": "bold red", "INCOMPLETE": "yellow", "OPEN": "yellow"}
BARS: Final = {"OK": "green", "FAILED": "red", "INCOMPLETE": "yellow", "OPEN": "yellow", "": "dim"}


class Glyphs(NamedTuple):
    """What frames and bars are drawn with: of a bar nothing, the right half of a column, the left one, and both."""

    corners: str
    across: str
    down: str
    work: str
    wait: str


ASCII: Final = Glyphs("++++", "-", "|", " ===", " ...")
BLOCKS: Final = Glyphs("╭╮╰╯", "─", "│", " ▐▌█", " ░░░")

Part = tuple[str, str]
"""Text, and the name of its style."""


def _tokens(summary: Summary) -> str | None:
    return None if summary.tokens is None else f"{'~' if summary.estimated else ''}{summary.tokens:,}"


def _cost(summary: Summary) -> str | None:
    if summary.cost is None:
        return None
    return f"{'at least ' if summary.partial else ''}{dollars(summary.cost)}"


FIELDS: Final[tuple[tuple[str, Callable[[Summary], str | None]], ...]] = (
    ("Trace ID", lambda summary: summary.trace_id),
    ("Name", lambda summary: summary.name),
    ("Prompt", lambda summary: summary.prompt),
    ("Model", lambda summary: summary.model),
    ("Project", lambda summary: summary.project),
    ("Environment", lambda summary: summary.environment),
    ("Latency", lambda summary: f"{summary.latency:,.2f} ms"),
    ("Token Count", _tokens),
    ("Cost", _cost),
    ("Retries", lambda summary: str(summary.retries)),
    ("Steps", lambda summary: str(summary.steps)),
    ("Status", lambda summary: summary.status),
)


def panel(summary: Summary) -> RenderableType:
    """Return what Rich draws: the panel, and under it the table of steps, at most 80 columns wide."""
    return _Drawing(summary)


def print_summary(spans: Sequence[ReadableSpan], file: TextIO | None = None) -> None:
    """Write the panel of one finished trace to `file`, or to standard output; nothing where there are no spans."""
    if spans:
        with guard:
            write(summarize(spans), sys.stdout if file is None else file)


def write(summary: Summary, file: TextIO) -> None:
    """Write the panel and a blank line to `file`, at once; raises what the file does."""
    console = Console(file=file)
    if not console.is_terminal:
        console.width = WIDTH  # a file is as wide as its reader, not as the terminal that the program runs in
    colours = ColorSystem.STANDARD if console.color_system and not console.legacy_windows else None
    segments = console.render(panel(summary))
    if console.no_color:
        segments = Segment.remove_color(segments)
    # Rich itself writes to no file here: where nobody reads it, it would end the program.
    drawn = [style.render(text, color_system=colours) if style else text for text, style, _ in segments]
    file.write(f"{''.join(drawn)}\n")
    file.flush()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The panel, with its title at the left of the upper border and the status at the right; the table under it.

    It is laid out by hand: Rich's own tables take ten times as long, and the program waits.
    """

    summary: Summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        layout = _Layout(self.summary, max(min(console.width, WIDTH), NARROWEST), options.encoding)
        for parts in (*layout.frame(), *layout.table()):
            for text, style in parts:
                yield Segment(text, Style.parse(style) if style else None)
            yield Segment.line()


class _Layout:
    """The lines of one panel, each as its parts, for a file of this width and encoding."""

    def __init__(self, summary: Summary, width: int, encoding: str) -> None:
        self._summary = summary
        self._width = width
        self._encoding = encoding
        self._glyphs = BLOCKS if encoding.startswith("utf") else ASCII

    def frame(self) -> Iterator[list[Part]]:
        """Yield the lines of the panel."""
        corners, across, down, *_ = self._glyphs
        status, inside = self._summary.status, self._width - 2
        rule = across * (inside - len(TITLE) - len(status) - 6)
        yield [(f"{corners[0]}{across} ", ""), (TITLE, "bold"), (f" {rule} ", ""), (status, STYLES[status]),
               (f" {across}{corners[1]}", "")]  # fmt: skip
        yield [(f"{down}{'':{inside}}{down}", "")]
        room = inside - LABEL - 6
        for label, read in FIELDS:
            value = read(self._summary)
            if value is not None:
                text = self._cut(value, room)
                style = STYLES[status] if label == "Status" else "bold"
                rest = " " * (room - cell_len(text))
                yield [(f"{down}  {label:{LABEL}}  ", ""), (text, style), (f"{rest}  {down}", "")]
        yield [(f"{down}{'':{inside}}{down}", "")]
        yield [(f"{corners[2]}{across * inside}{corners[3]}", "")]

    def table(self) -> Iterator[list[Part]]:
        """Yield the lines of the table; none where there are no steps."""
        rows = self._summary.rows
        if not rows:
            return
        widest = min(TOOL, self._width - OTHERS)
        tools = [self._cut(f"{'  ' * min(row.depth, DEEPEST)}{row.tool}", widest) for row in rows]
        durations = [f"{row.duration:.0f}ms" for row in rows]
        number = max([len(str(row.number or "")) for row in rows])
        tool = max([4, *map(cell_len, tools)])
        duration = max([8, *map(len, durations)])
        status = max([6, *(len(row.status) for row in rows)])
        rest = self._width - number - tool - duration - status - 12
        wanted = min(max([6, *(cell_len(row.detail) for row in rows)]), DETAIL)
        bar = max(BAR[0], min(rest - wanted, BAR[1]))
        head = f"  {'#':>{number}}  {'Tool':{tool}}  {'Duration':>{duration}}  {'':{bar}}  {'Status':{status}}  Detail"
        yield []
        yield [(head, "bold")]
        for row, name, took in zip(rows, tools, durations, strict=True):
            pad = " " * (tool - cell_len(name))
            first, *others = self._fold(row.detail, max(rest - bar, SHORTEST))
            yield _stripped([
                (f"  {row.number or '':>{number}}  {name}{pad}  {took:>{duration}}  ", ""),
                (self._bar(row, bar), BARS[row.status]),
                ("  ", ""),
                (f"{row.status:{status}}", STYLES.get(row.status, "")),
                (f"  {first}", ""),
            ])  # fmt: skip
            yield from ([(f"{'':{self._width - rest + bar}}{other}", "")] for other in others)
        numbered = sum(row.number is not None for row in rows)
        if more := self._summary.steps - numbered:
            yield [(f"  {'':{number}}  ... {more:,} more step{'s' * (more > 1)}", "")]

    def _bar(self, row: Row, width: int) -> str:
        """Return when a row was on the axis of the whole trace, to half a column."""
        scale = 2 * width / (self._summary.latency or 1)
        begin = max(0, min(int(row.start * scale), 2 * width - 1))
        end = max(begin + 1, min(ceil((row.start + row.duration) * scale), 2 * width))
        halves = self._glyphs.work if row.status else self._glyphs.wait
        return "".join([halves[2 * (begin <= at < end) + (begin <= at + 1 < end)] for at in range(0, 2 * width, 2)])

    def _shown(self, text: str) -> str:
        """Return `text` in what the file can write."""
        return text if text.isascii() else text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _cut(self, text: str, width: int) -> str:
        text = self._shown(text)
        return text if cell_len(text) <= width else f"{set_cell_size(text, width - 3).rstrip()}..."

    def _fold(self, text: str, width: int) -> list[str]:
        """Return `text` in lines of this width, between words where there are any."""
        lines = [""]
        for word in self._shown(text).split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if cell_len(longer) <= width:
                lines[-1] = longer
            else:
                lines += chop_cells(word, width)
        lines = lines if lines[0] or len(lines) == 1 else lines[1:]
        if len(lines) > LINES:
            lines[LINES - 1 :] = [f"{set_cell_size(lines[LINES - 1], width - 3).rstrip()}..."]
        return lines


def _stripped(parts: list[Part]) -> list[Part]:
    """Return parts without blanks at the end of their line."""
    for at in reversed(range(len(parts))):
        if text := parts[at][0].rstrip():
            return [*parts[:at], (text, parts[at][1])]
    return []
