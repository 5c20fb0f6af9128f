"""`spanglass stats`."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from operator import attrgetter
from typing import Final

import click
from opentelemetry.sdk.trace import ReadableSpan
from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanglass.cli.output import draw
from spanglass.cli.traces import spans_of
from spanglass.export.notes import id_of, parent_of
from spanglass.export.prices import cost
from spanglass.export.words import dollars, duration, one_line
from spanglass.reading.spans import (
    CACHED,
    FIRST_CHUNK,
    MODEL,
    TOKENS_IN,
    TOKENS_OUT,
    endpoint_of,
    failed,
    in_framework,
    is_call,
    is_ours,
    number,
    seconds,
    text,
    trace_of,
)
from spanglass.semconv import openinference
from spanglass.semconv import spanglass as own

QUANTILES: Final = (50, 95, 99)
UNKNOWN: Final = "(no model)"
KIND: Final = openinference.OPENINFERENCE_SPAN_KIND
# What calls are taken for that others have recorded.
CHAT: Final = "ChatCompletion"
OTHERS: Final = {"EMBEDDING": "CreateEmbeddings"}


@dataclass(frozen=True, slots=True)
class Call:
    """What counts of one call; times are seconds."""

    model: str
    endpoint: str
    failed: bool
    tokens_in: int | None
    tokens_out: int | None
    guess: int | None
    cached: int
    cost: Decimal | None
    retries: int
    backoff: float
    first: float | None
    seconds: float


@dataclass(slots=True)
class Totals:
    """What a number of calls add up to."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    estimated: bool = False
    cost: Decimal = Decimal(0)
    priced: int = 0
    billed: int = 0
    retries: int = 0
    backoff: float = 0.0
    firsts: "array[float]" = field(default_factory=lambda: array("d"))
    durations: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, call: Call) -> None:
        """Count one more call."""
        self.calls += 1
        self.failed += call.failed
        self.tokens_in += call.tokens_in or 0
        self.tokens_out += (call.guess if call.tokens_out is None else call.tokens_out) or 0
        self.cached += call.cached
        self.estimated = self.estimated or (call.tokens_out is None and call.guess is not None)
        self.cost += call.cost or 0
        self.priced += call.cost is not None
        self.billed += call.tokens_in is not None or call.tokens_out is not None or bool(call.guess)
        self.retries += call.retries
        self.backoff += call.backoff
        self.durations.append(call.seconds)
        if call.first is not None:
            self.firsts.append(call.first)


def read_call(span: ReadableSpan) -> Call:
    """Return what counts of a call's span."""
    tokens_in, tokens_out = number(span, *TOKENS_IN), number(span, *TOKENS_OUT)
    guess = number(span, own.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS)
    return Call(
        model=one_line(text(span, *MODEL) or UNKNOWN),
        endpoint=one_line(endpoint_of(span)) if is_ours(span) else OTHERS.get(text(span, KIND) or "", CHAT),
        failed=failed(span),
        tokens_in=None if tokens_in is None else int(tokens_in),
        tokens_out=None if tokens_out is None else int(tokens_out),
        guess=None if guess is None else int(guess),
        cached=int(number(span, *CACHED) or 0),
        cost=cost(span),
        retries=max(int(number(span, own.SPANGLASS_ATTEMPT_COUNT) or 1) - 1, 0),
        backoff=number(span, own.SPANGLASS_TIME_BACKOFF) or 0.0,
        first=number(span, *FIRST_CHUNK),
        seconds=seconds(span),
    )


def calls(spans: Iterable[ReadableSpan]) -> Iterator[Call]:
    """Yield each call once: of one that a framework's span is around, the call itself and not that span.

    The spans that others have recorded are therefore told last, when it is known what was in them.
    """
    others: dict[tuple[int, int], Call] = {}
    around: set[tuple[int, int]] = set()
    for span in spans:
        if not is_call(span):
            continue
        if in_framework(span):
            around.add((trace_of(span), parent_of(span) or 0))
        if is_ours(span):
            yield read_call(span)
        else:
            others[trace_of(span), id_of(span)] = read_call(span)
    yield from (call for place, call in others.items() if place not in around)


def percentile(values: "array[float]", percent: int) -> float | None:
    """Return the nearest-rank percentile of values in order: the least that so many percent do not exceed."""
    return values[math.ceil(len(values) * percent / 100) - 1] if values else None


def _amount(totals: Totals) -> str:
    if not totals.priced:
        return ""
    return f"{dollars(totals.cost)}{'+' if totals.priced < totals.billed else ''}"


Column = tuple[str, Callable[[Totals], str]]


def _percentiles(title: str, read: Callable[[Totals], "array[float]"]) -> Iterator[Column]:
    for percent in QUANTILES:
        yield f"{title}p{percent}", partial(_percentile, read, percent)
        title = "\n"


def _percentile(read: Callable[[Totals], "array[float]"], percent: int, totals: Totals) -> str:
    value = percentile(read(totals), percent)
    return "" if value is None else duration(value)


TABLES: Final[tuple[tuple[Column, ...], ...]] = (
    (
        ("Calls", lambda totals: f"{totals.calls:,}"),
        ("Failed", lambda totals: f"{totals.failed:,}"),
        ("Retries", lambda totals: f"{totals.retries:,}"),
        ("Backoff", lambda totals: duration(totals.backoff) if totals.retries else ""),
    ),
    (
        ("Tokens in", lambda totals: f"{totals.tokens_in:,}"),
        ("Cached", lambda totals: f"{totals.cached:,}"),
        ("Tokens out", lambda totals: f"{'~' if totals.estimated else ''}{totals.tokens_out:,}"),
        ("Cost", _amount),
    ),
    (
        *_percentiles("First\nchunk ", attrgetter("firsts")),
        *_percentiles("Duration\n", attrgetter("durations")),
    ),
)
NOTES: Final[tuple[tuple[Callable[[Totals], bool], str], ...]] = (
    (lambda totals: totals.estimated, "~ Some streams told no tokens: theirs are estimated, one for each chunk."),
    (lambda totals: 0 < totals.priced < totals.billed, "+ And more: what some of the calls cost is not known."),
)  # fmt: skip


def by_model(found: Iterable[Call]) -> tuple[dict[str, Totals], Totals]:
    """Return what the calls of each model add up to, the most used model first, and what all of them do.

    Of a model that was called in several ways, each way stands by itself.
    """
    ways: dict[tuple[str, str], Totals] = {}
    total = Totals()
    for call in found:
        ways.setdefault((call.model, call.endpoint), Totals()).add(call)
        total.add(call)
    for totals in (*ways.values(), total):
        totals.firsts = array("d", sorted(totals.firsts))
        totals.durations = array("d", sorted(totals.durations))
    times = Counter(model for model, _ in ways)
    models = {
        f"{model} ({endpoint})" if times[model] > 1 else model: totals for (model, endpoint), totals in ways.items()
    }
    return dict(sorted(models.items(), key=lambda item: (-item[1].calls, item[0]))), total


def _print(models: dict[str, Totals], total: Totals) -> None:
    tables = [_table(columns, [*models.items(), ("total", total)]) for columns in TABLES]
    notes = [Text(note, "dim") for holds, note in NOTES if holds(total)]
    draw(Group(*(line for table in tables for line in (table, "")), *notes))


def _table(columns: tuple[Column, ...], rows: Sequence[tuple[str, Totals]]) -> Table:
    """Return the table of these columns, with a row of what all add up to at its end."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Model", overflow="fold")
    for header, _ in columns:
        table.add_column(header, justify="right", overflow="fold")
    for count, (name, totals) in enumerate(rows, 1):
        cells = (Text(name), *(Text(write(totals)) for _, write in columns))
        table.add_row(*cells, style="bold" if count == len(rows) else "")
    return table


@click.command()
@click.argument("file", type=click.Path())
def stats(file: str) -> None:
    """Add up the calls in FILE by model: how many, tokens, cost, retries, times.

    FILE has spans as OTLP/JSON, one request a line, also gzipped: what configure(file=...) or the Collector's
    file exporter wrote.

    A call is a span of a model, whoever recorded it. HTTP attempts and functions are none; of a framework's span and
    the call in it, the call counts, and its tokens count once. A model that was called by several endpoints has a row
    for each. What only looks at a response is no call, unless it is the first that tells the tokens of one that was
    made in the background. Retries are the attempts beyond the first of each call,
    and backoff is what was waited between them. Tokens out have a ~ where some are estimated. Cost is what genai-prices
    knows (pip install 'spanglass[prices]'), in US dollars, and has a + where it does not know all.

    First chunk and duration are counted from the start of the call, failed ones among them, retries and backoff
    included. A percentile is by nearest rank: the least time that so many percent of the calls did not exceed.
    """
    models, total = by_model(calls(spans_of(file)))
    if models:
        _print(models, total)
    else:
        click.echo(f"{file} has no calls of a model.", err=True)
