"""The table: `make bench` prints it."""

import platform
import sys
from typing import Final

import openai

from bench.cases import Case, cases
from bench.measure import Cost, cost, count, times
from spanglass.guard import guard

HEAD: Final = (
    "",
    "attributes",
    "bare",
    "added",
    "budget",
    "by hand",
    "added/hand",
    "bare µs",
    "added µs",
    "by hand µs",
)
NOTE: Final = """
bare, added, budget, by hand: calls of functions, of Python and of C.
By hand: the same spans, with OpenTelemetry's SDK alone.
µs: CPU time, the median of what is added in rounds that take turns; it varies with the machine and its load.
A failed call is told beyond its exception's event and traceback, and the panel beyond the tracing. `!` is over its
budget.
"""


def row(case: Case, calls: Cost, micros: Cost) -> tuple[str, ...]:
    """Return a line of the table: a case in calls, then in CPU microseconds."""
    over = " !" if calls.added > case.budget else ""
    return (
        case.name,
        _number(calls.attributes),
        _number(calls.bare),
        f"{_number(calls.added)}{over}",
        f"{case.budget:,g}",
        _number(calls.floor),
        f"{calls.added / calls.floor:.2f}" if calls.floor else "-",
        _number(micros.bare),
        _number(micros.added),
        _number(micros.floor),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 or value == int(value) else f"{value:.2f}"


def main() -> None:
    """Measure all cases, and print what they cost."""
    guard.strict = True  # what goes wrong would look cheap
    sys.stdout.write(f"openai {openai.__version__}, {platform.python_implementation()} {platform.python_version()}\n")
    with cases() as known:
        rows = [HEAD, *(row(case, cost(case, count), times(case)) for case in known)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(wide) for cell, wide in zip(others, widths[1:], strict=True))]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.write(NOTE)


main()
