"""The panel of each trace, printed to standard error as soon as the outermost span of this process ends."""

import logging
import os
import sys
import threading
import weakref
from typing import Final, NamedTuple, TextIO

from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext

from spanglass.export.notes import read, status_of
from spanglass.export.summary import Summary, Tally
from spanglass.guard import guard

log = logging.getLogger("spanglass")

AUTO: Final = "auto"


def wanted(console: object) -> bool:
    """Whether panels are wanted: "auto" is where standard error is a terminal.

    Raises ValueError for anything else that is neither true nor false.
    """
    if console == AUTO:
        asked = getattr(_standard_error(), "isatty", None)
        return asked is not None and bool(asked())
    if isinstance(console, bool):
        return console
    message = f'console= cannot be {console!r}: use True, False or "auto".'
    raise ValueError(message)


def _standard_error() -> TextIO | None:
    """Return what the program calls standard error now; None where it has none, or has closed it."""
    file: TextIO | None = sys.stderr
    return None if getattr(file, "closed", False) else file


class Bounds(NamedTuple):
    """How much is kept of traces that have not ended: of how many, spans of all of them, and rows of each.

    Of a span that has ended some short texts are kept: a kilobyte, or half of it.
    """

    traces: int = 1_000
    spans: int = 10_000
    rows: int = 200


class _Trace:
    """What began with one span of this process: spans that are open, and what was noted of those that have ended."""

    __slots__ = ("held", "open", "origin", "printed", "tally")

    def __init__(self, origin: SpanContext, rows: int) -> None:
        self.origin = origin
        self.open: dict[int, Span] = {}
        self.tally = Tally(rows)
        self.held = 0
        self.printed = False


class Panel(SpanProcessor):
    """Prints the panel of each trace in which a model, a tool or a function is called.

    It does so on the thread that ends the trace's outermost span of this process, at once.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._closed = self._told = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)
            os.register_at_fork(after_in_child=lambda: (alive := begin()) and alive())

    def _begin(self) -> None:
        """Start without traces: a forked child prints what begins in it."""
        self._lock = threading.RLock()
        self._within: dict[tuple[int, int], _Trace] = {}  # by the ids of the spans that are open
        self._traces: dict[_Trace, None] = {}  # in the order in which they began
        self._held = 0
        self._printing: set[int] = set()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        """Take one span that has begun."""
        context, parent = span.context, span.parent
        if self._closed or context is None or not context.trace_flags.sampled:
            return
        key = (context.trace_id, context.span_id)
        with guard, self._lock:
            trace = None if parent is None else self._within.get((context.trace_id, parent.span_id))
            if trace is None:
                trace = _Trace(context, self._bounds.rows)
                self._traces[trace] = None
            self._within[key] = trace
            trace.open[context.span_id] = span
            self._hold(trace, 1)
            while self._held > self._bounds.spans or len(self._traces) > self._bounds.traces:
                self._let_go_oldest()

    def on_end(self, span: ReadableSpan) -> None:
        """Take one span that has ended, and print the panel where it was the outermost."""
        context = span.context
        if context is None or (context.trace_id, context.span_id) not in self._within:
            return
        with guard:
            summary = self._finish(span, context)
            if summary is not None:
                self._print(summary)

    def close(self) -> None:
        """Print no more."""
        self._closed = True
        self._begin()

    def _finish(self, span: ReadableSpan, context: SpanContext) -> Summary | None:
        """Note a span, and return the summary of its trace where that has ended."""
        note = read(span)
        with self._lock:
            trace = self._within.pop((context.trace_id, context.span_id), None)
            if trace is None:  # let go of by another thread
                return None
            del trace.open[context.span_id]
            outermost = context.span_id == trace.origin.span_id
            kept = not trace.printed and trace.tally.add(note, last=outermost)
            if outermost:
                trace.printed = True
                self._hold(trace, len(trace.open) - trace.held)
            elif not kept:
                self._hold(trace, -1)
            if trace.printed and not trace.open:
                del self._traces[trace]
            late = [*trace.open.values()] if outermost else []
        return self._summary(trace.tally, span, late) if outermost else None

    @staticmethod
    def _summary(tally: Tally, outermost: ReadableSpan, late: list[Span]) -> Summary | None:
        for span in late:
            tally.add(read(span))
        if not tally.steps:
            return None
        return tally.summary(outermost, outermost.end_time or 0, failed=status_of(outermost) == "FAILED")

    def _print(self, summary: Summary) -> None:
        """Print a panel, unless this thread is about to: what is traced in printing would never come to an end."""
        file, thread = _standard_error(), threading.get_ident()
        if file is None or thread in self._printing:
            return
        from spanglass.export.console import write  # noqa: PLC0415 - Rich takes a while to load

        self._printing.add(thread)
        try:
            with suppress_instrumentation():
                write(summary, file)
        finally:
            self._printing.discard(thread)

    def _hold(self, trace: _Trace, more: int) -> None:
        trace.held += more
        self._held += more

    def _let_go_oldest(self) -> None:
        trace = next(iter(self._traces))
        del self._traces[trace]
        for span_id in trace.open:
            self._within.pop((trace.origin.trace_id, span_id), None)
        self._hold(trace, -trace.held)
        if not trace.printed and not self._told:
            self._told = True
            log.warning(
                "spanglass: more than %s traces, or %s of their spans, have not ended: the oldest get no panel. "
                "This is said once.",
                f"{self._bounds.traces:,}",
                f"{self._bounds.spans:,}",
            )
