"""The figures as the README has them."""

from collections.abc import Iterable, Sequence
from typing import Final

from bench.export.figures import Calls, Ends, Figures, Queue, Rates
from bench.export.plan import PROTOCOLS, SIZES

WAYS: Final = {"configured": "", "by hand": "the SDK's own processor, "}
ABSENT: Final = "—"


def size_names(bytes_of: dict[str, int]) -> dict[str, str]:
    """Return what a span of each size is called."""
    return {size: f"{count / 1000:.{1 if count < 10_000 else 0}f} kB" for size, count in bytes_of.items()}


def tables(figures: Figures, sizes: dict[str, str], threads: Sequence[int]) -> str:
    """Return all figures, as four tables; `sizes` says how large a span of each size is."""
    return "\n\n".join(
        (
            _rates(figures.rates, sizes, threads),
            _queues(figures.queues, sizes),
            _ends(figures.ends, sizes),
            _calls(figures.calls),
        )
    )


def _rates(rates: list[Rates], sizes: dict[str, str], threads: Sequence[int]) -> str:
    head = ["spans a second", *(f"{number} thread{'s' * (number > 1)}" for number in threads)]
    rows = (
        [
            f"{WAYS[each.way]}{PROTOCOLS[each.protocol]}, spans of {sizes[each.size]}",
            *(f"{each.by_threads[number]:,.0f}" if number in each.by_threads else ABSENT for number in threads),
        ]
        for each in rates
    )
    return table(head, rows)


def _queues(queues: list[Queue], sizes: dict[str, str]) -> str:
    head = ["a queue that is full, of spans of", "spans", "memory", "full after"]
    rows = (
        [sizes[each.size], f"{each.spans:,}", f"{each.bytes / 1e6:,.0f} MB", f"{each.seconds:,.1f} s"]
        for each in queues
    )
    return table(head, rows)


def _ends(ends: list[Ends], sizes: dict[str, str]) -> str:
    columns = [f"{sizes[size]}, {what}" for size in SIZES for what in ("median", "99th")]
    head = ["µs to end a span", *columns]
    rows = ([each.name, *(_short(time) for size in SIZES for time in each.by_size[size])] for each in ends)
    return table(head, rows)


def _calls(calls: list[Calls]) -> str:
    head = ["calls of the OpenAI SDK", "a second", "median ms", "99th ms"]
    rows = ([each.name, f"{each.rate:,.0f}", f"{each.middle:.1f}", f"{each.most:.1f}"] for each in calls)
    return table(head, rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, with numbers to the right."""
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
