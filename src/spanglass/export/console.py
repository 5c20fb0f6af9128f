"""One finished trace as a panel for the terminal or a log file."""

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_trace_id
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from spanglass.guard import guard
from spanglass.semconv import openinference, otel
from spanglass.semconv import spanglass as extras

WIDTH: Final = 80  # columns at most: what a log viewer shows unwrapped
LABEL: Final = 11  # columns of the longest field's name
TOOL: Final = 24  # columns at most of a tool's name
LONGEST: Final = 240  # characters kept of any one text
JOINERS: Final = "\u200c\u200d"  # not "printable", but ordinary in Persian, Hindi and emoji

KIND: Final = openinference.OPENINFERENCE_SPAN_KIND
ROLE: Final = re.compile(rf"{openinference.LLM_INPUT_MESSAGES}\.(\d{{1,9}})\.{openinference.MESSAGE_ROLE}")
CONTENT: Final = re.compile(
    rf"{openinference.LLM_INPUT_MESSAGES}\.(\d{{1,9}})\."
    rf"(?:{openinference.MESSAGE_CONTENT}|{openinference.MESSAGE_CONTENTS}\.\d+\.{openinference.MESSAGE_CONTENT_TEXT})"
)
STEP_KINDS: Final = frozenset({"LLM", "EMBEDDING", "TOOL", "RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR"})
TOOLS: Final = {
    ("ChatCompletion", False): "openai_chat",
    ("ChatCompletion", True): "openai_chat_stream",
}
BACKOFF_SOURCES: Final = {
    "retry-after-ms": "asked for by the server (retry-after-ms)",
    "retry-after": "asked for by the server (retry-after)",
    "sdk": "chosen by the SDK",
}
STYLES: Final = {"SUCCESS": "green", "OK": "green", "FAILED": "bold red", "INCOMPLETE": "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a step has a number, an attempt or a backoff within it has none. `duration` is in ms."""

    number: int | None
    tool: str
    duration: float
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person wants to know of one trace; every text is one printable line, and what is not known is None.

    `latency` is in ms. `tokens` holds estimated counts where `estimated` is true. `status` is SUCCESS, FAILED (an
    outermost span failed), or INCOMPLETE (nothing failed, but a stream did not reach its end).
    """

    trace_id: str
    prompt: str | None
    model: str | None
    project: str | None
    environment: str | None
    latency: float
    tokens: int | None
    estimated: bool
    retries: int
    steps: int
    status: str
    rows: tuple[Row, ...]


def _tokens(summary: Summary) -> str | None:
    return None if summary.tokens is None else f"{'~' if summary.estimated else ''}{summary.tokens:,}"


FIELDS: Final[tuple[tuple[str, Callable[[Summary], str | None]], ...]] = (
    ("Trace ID", lambda summary: summary.trace_id),
    ("Prompt", lambda summary: summary.prompt),
    ("Model", lambda summary: summary.model),
    ("Project", lambda summary: summary.project),
    ("Environment", lambda summary: summary.environment),
    ("Latency", lambda summary: f"{summary.latency:,.2f} ms"),
    ("Token Count", _tokens),
    ("Retries", lambda summary: str(summary.retries)),
    ("Steps", lambda summary: str(summary.steps)),
    ("Status", lambda summary: summary.status),
)


def summarize(spans: Sequence[ReadableSpan]) -> Summary:
    """Return the summary of one trace from its finished spans, in any order; ValueError where there are none."""
    if not spans:
        message = "A summary needs at least one finished span."
        raise ValueError(message)
    spans = sorted(spans, key=lambda span: span.start_time or 0)
    steps = [span for span in spans if span.name != "attempt" and _text(span, KIND) in STEP_KINDS]
    attempts = {_id(step): [span for span in spans if _is_attempt_of(span, step)] for step in steps}
    models = dict.fromkeys(model for step in steps if (model := _text(step, openinference.LLM_MODEL_NAME)))
    counts = [_step_tokens(step) for step in steps]
    known = [count for count, _ in counts if count is not None]
    return Summary(
        trace_id=format_trace_id(spans[0].context.trace_id if spans[0].context else 0),
        prompt=next((prompt for step in steps if (prompt := _prompt(step))), None),
        model=", ".join(models) or None,
        project=_resource(spans[0], openinference.OPENINFERENCE_PROJECT_NAME),
        environment=_resource(spans[0], otel.DEPLOYMENT_ENVIRONMENT_NAME),
        latency=(max(span.end_time or 0 for span in spans) - (spans[0].start_time or 0)) / 1e6,
        tokens=sum(known) if known else None,
        estimated=any(estimated for _, estimated in counts),
        retries=sum(_retries(step, attempts[_id(step)]) for step in steps),
        steps=len(steps),
        status=_trace_status(spans, steps),
        rows=tuple(row for number, step in enumerate(steps, 1) for row in _rows(number, step, attempts[_id(step)])),
    )


def panel(summary: Summary) -> RenderableType:
    """Return what Rich draws: the panel, and under it the table of steps, at most 80 columns wide."""
    return _Drawing(summary)


def print_summary(spans: Sequence[ReadableSpan], file: TextIO | None = None) -> None:
    """Write the panel of one finished trace to `file`, or to standard output; nothing where there are no spans."""
    if not spans:
        return
    with guard:
        target: TextIO = sys.stdout if file is None else file
        console = Console(file=target)
        if not console.is_terminal:
            console.width = WIDTH  # a file is as wide as its reader, not as the terminal that the program runs in
        with console.capture() as drawn:
            console.print(panel(summarize(spans)))
        target.writelines(f"{line.rstrip()}\n" for line in drawn.get().split("\n")[:-1])
        target.flush()


def _line(text: str) -> str:
    """Return `text` as one line that no terminal obeys: escapes, controls and bidi marks are spelled out."""
    line = " ".join(text[: 4 * LONGEST].split())
    line = "".join(
        char if char.isprintable() or char in JOINERS else char.encode("unicode_escape").decode() for char in line
    )
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _value(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


def _text(span: ReadableSpan, name: str) -> str | None:
    value = _value(span, name)
    return _line(value) if isinstance(value, str) else None


def _number(span: ReadableSpan, name: str) -> float | None:
    value = _value(span, name)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _resource(span: ReadableSpan, name: str) -> str | None:
    value = span.resource.attributes.get(name)
    return _line(value) if isinstance(value, str) else None


def _id(span: ReadableSpan) -> int:
    return span.context.span_id if span.context else 0


def _duration(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e6


def _is_attempt_of(span: ReadableSpan, step: ReadableSpan) -> bool:
    return span.name == "attempt" and span.parent is not None and span.parent.span_id == _id(step)


def _prompt(step: ReadableSpan) -> str | None:
    """Return what the user said last, the texts of all its parts."""
    attributes = step.attributes or {}
    users = {found[1] for name, value in attributes.items() if value == "user" and (found := ROLE.fullmatch(name))}
    last = max(users, key=int, default=None)
    texts = [
        str(value) for name, value in attributes.items() if (found := CONTENT.fullmatch(name)) and found[1] == last
    ]
    return _line(" ".join(texts)) or None


def _step_tokens(step: ReadableSpan) -> tuple[int | None, bool]:
    """Return the tokens of a step, and whether they are an estimate."""
    told = _number(step, openinference.LLM_TOKEN_COUNT_TOTAL)
    guess = _number(step, extras.SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS) if told is None else None
    count = told if told is not None else guess
    return (None if count is None else int(count)), guess is not None


def _retries(step: ReadableSpan, attempts: Sequence[ReadableSpan]) -> int:
    return max(int(_number(step, extras.SPANGLASS_ATTEMPT_COUNT) or len(attempts)) - 1, 0)


def _status(span: ReadableSpan) -> str:
    if span.status.status_code is StatusCode.ERROR:
        return "FAILED"
    return "OK" if _text(span, extras.SPANGLASS_STREAM_OUTCOME) in (None, "completed") else "INCOMPLETE"


def _trace_status(spans: Sequence[ReadableSpan], steps: Sequence[ReadableSpan]) -> str:
    inside = {_id(span) for span in spans}
    outermost = [_status(span) for span in spans if span.parent is None or span.parent.span_id not in inside]
    if "FAILED" in outermost:
        return "FAILED"
    return "INCOMPLETE" if "INCOMPLETE" in map(_status, steps) else "SUCCESS"


def _rows(number: int, step: ReadableSpan, attempts: Sequence[ReadableSpan]) -> Iterator[Row]:
    """Yield the line of a step, then those of its attempts, each with the wait that followed it."""
    streamed = _value(step, extras.SPANGLASS_STREAM_OUTCOME) is not None
    tool = TOOLS.get((step.name, streamed), _line(step.name))
    yield Row(number, tool, _duration(step), _status(step), ", ".join(_details(step)))
    for count, attempt in enumerate(attempts, 1):
        code = _number(attempt, otel.HTTP_RESPONSE_STATUS_CODE)
        detail = _error(attempt) if code is None else f"HTTP {code:.0f}"
        yield Row(None, f"attempt {count}", _duration(attempt), _status(attempt), detail or "")
        backoff = _number(attempt, extras.SPANGLASS_ATTEMPT_BACKOFF)
        if backoff is not None:
            source = _text(attempt, extras.SPANGLASS_ATTEMPT_BACKOFF_SOURCE) or ""
            yield Row(None, "backoff", backoff * 1e3, "", BACKOFF_SOURCES.get(source, source))


def _error(span: ReadableSpan) -> str | None:
    kind = _text(span, otel.ERROR_TYPE)
    return _line(span.status.description or "") or (kind and kind.rpartition(".")[2])


def _details(step: ReadableSpan) -> Iterator[str]:
    """Yield how a step ended: its stream's outcome and length, then its error, the tools it calls or why it stopped."""
    outcome, chunks = _text(step, extras.SPANGLASS_STREAM_OUTCOME), _number(step, extras.SPANGLASS_STREAM_CHUNK_COUNT)
    calls = [
        _line(str(value))
        for name, value in (step.attributes or {}).items()
        if name.startswith(openinference.LLM_OUTPUT_MESSAGES) and name.endswith(openinference.TOOL_CALL_FUNCTION_NAME)
    ]
    if outcome:
        yield outcome
    if chunks is not None:
        yield f"{chunks:.0f} chunk{'' if chunks == 1 else 's'}"
    if step.status.status_code is StatusCode.ERROR:
        yield _error(step) or "error"
    elif calls:
        yield f"calls {', '.join(calls)}"
    elif reason := _text(step, openinference.LLM_FINISH_REASON):
        yield reason


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The panel, with its title at the left of the upper border and the status at the right; the table under it."""

    summary: Summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, WIDTH)
        yield self._frame(width, options)
        if self.summary.rows:
            yield ""
            yield Constrain(Padding(self._table(options), (0, 0, 0, 2)), width)

    def _frame(self, width: int, options: ConsoleOptions) -> RenderableType:
        name, status = "spanglass Trace", self.summary.status
        line = ("-" if options.ascii_only else "─") * (width - len(name) - len(status) - 8)
        fields = Table.grid(padding=(0, 2))
        fields.add_column(width=LABEL)
        fields.add_column(no_wrap=True)
        for label, read in FIELDS:
            value = read(self.summary)
            if value is not None:
                style = STYLES[status] if label == "Status" else "bold"
                fields.add_row(label, _cell(value, options, style, width - LABEL - 8))
        title = Text.assemble((name, "bold"), f" {line} ", (status, STYLES[status]))
        return Panel(fields, title=title, width=width, padding=(1, 2))

    def _table(self, options: ConsoleOptions) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("Tool", no_wrap=True)
        table.add_column("Duration", justify="right", no_wrap=True)
        table.add_column("Status", no_wrap=True)
        table.add_column("Detail", overflow="fold")
        for row in self.summary.rows:
            number, indent = ("", "  ") if row.number is None else (str(row.number), "")
            table.add_row(
                number,
                _cell(f"{indent}{row.tool}", options, width=TOOL),
                f"{row.duration:.0f}ms",
                _cell(row.status, options, STYLES.get(row.status, "")),
                _cell(row.detail, options),
            )
        return table


def _cell(text: str, options: ConsoleOptions, style: str = "", width: int | None = None) -> Text:
    """Return `text` as it stands, markup and all, in what the file can write, and cut to `width` columns."""
    text = text.encode(options.encoding, "backslashreplace").decode(options.encoding)
    if width is not None and cell_len(text) > width:
        text = f"{set_cell_size(text, width - 3).rstrip()}..."
    return Text(text, style)
