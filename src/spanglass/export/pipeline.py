"""The way of finished spans out of the process: one tracer provider, and a batch processor for each receiver."""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.environment_variables import OTEL_BSP_SCHEDULE_DELAY
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanglass.calls.unfinished import drain, finish_open
from spanglass.export.backlog import Limits
from spanglass.export.batching import BRIEF, GRACE, BatchProcessor
from spanglass.export.endpoint import Target
from spanglass.export.file import FileReceiver, TraceFile
from spanglass.export.forking import ForkableReceiver, Receiving
from spanglass.export.otlp import open_receiver, targets_of
from spanglass.export.panel import Panel
from spanglass.export.recent import Recent
from spanglass.export.reporting import tell_losses
from spanglass.guard import guard

log = logging.getLogger("spanglass")

SOON = "1000"
"""Milliseconds between batches for a file, where OTEL_BSP_SCHEDULE_DELAY says nothing: somebody may look at it."""


class _Outlet(NamedTuple):
    receiver: ForkableReceiver
    processor: BatchProcessor


class Pipeline:
    """What `configure()` returns.

    `provider` is the tracer provider that the spans come from: ours (`owned`), or the one that the program had made.
    """

    def __init__(self, provider: trace.TracerProvider, *, owned: bool) -> None:
        self.provider = provider
        self._owned = owned
        self._outlets: dict[Target | TraceFile, _Outlet] = {}
        self._panel: Panel | None = None
        self._recent: Recent | None = None
        self._dropped_before = 0
        self._other_headers_told = False

    @property
    def dropped(self) -> int:
        """How many spans were not delivered: refused, not answered, or beyond the queue."""
        return self._dropped_before + sum(outlet.processor.dropped for outlet in self._outlets.values())

    def spans(self) -> list[ReadableSpan]:
        """Return the last finished spans, as many as `configure(keep=)` keeps, in the order in which they ended."""
        with guard:
            drain()
        return [] if self._recent is None else self._recent.spans()

    def flush(self, timeout: float = 30.0) -> bool:
        """Send everything that has ended; waits at most `timeout` seconds.

        True when all of it was delivered in time, also by the processors that the program itself added.
        """
        deadline = time.monotonic() + timeout
        delivered = self._flush_outlets(deadline)
        return self._flush_provider(deadline) and delivered

    def shutdown(self) -> None:
        """Send what has ended, within five seconds a receiver, and stop; a program's own provider lives on."""
        with guard:
            drain()
        for target, outlet in self._outlets.items():
            outlet.processor.close()
            outlet.processor.retire()
            tell_losses(target, outlet.processor.untold())
        self._dropped_before = self.dropped
        self._outlets.clear()
        if self._panel is not None:
            self._panel.close()
            self._panel = None
        if self._owned and isinstance(self.provider, TracerProvider):
            self.provider.shutdown()

    def ship_to(self, target: Target | None) -> None:
        """Add one receiver, if there is one, unless the provider sends there already.

        Raises RuntimeError where the provider takes no span processors.
        """
        if target is not None and target in self._outlets:
            self._tell_other_headers(target)
        elif target is not None and target not in targets_of(self.provider):
            self._join(target, partial(open_receiver, target), Limits.load())

    def write_to(self, file: TraceFile | None) -> None:
        """Add one file, if there is one, unless spans are written to it already.

        Raises RuntimeError where the provider takes no span processors.
        """
        if file is not None and file not in self._outlets:
            self._join(file, partial(FileReceiver, file), Limits.load({OTEL_BSP_SCHEDULE_DELAY: SOON, **os.environ}))

    def keep(self, most: int) -> None:
        """Keep the last `most` finished spans for `spans()`, or more where that was asked for before.

        Raises RuntimeError where the provider takes no span processors.
        """
        if self._recent is not None:
            self._recent.keep(most)
        elif most:
            add = self._adding()
            self._recent = Recent(most)
            add(self._recent)

    @property
    def takes_processors(self) -> bool:
        """Whether the provider is one that hands its spans to others."""
        return hasattr(self.provider, "add_span_processor")

    def show(self) -> None:
        """Print a panel of each trace to standard error as it ends, from now on.

        Raises RuntimeError where the provider takes no span processors.
        """
        if self._panel is None:
            add = self._adding()
            self._panel = Panel()
            add(self._panel)

    def _join(self, place: Target | TraceFile, reopen: Callable[[], Receiving], limits: Limits) -> None:
        add = self._adding()
        receiver = ForkableReceiver(reopen)
        outlet = self._outlets[place] = _Outlet(receiver, BatchProcessor(receiver, limits))
        add(outlet.processor)

    def _adding(self) -> Callable[[SpanProcessor], None]:
        add: Callable[[SpanProcessor], None] | None = getattr(self.provider, "add_span_processor", None)
        if add is None:
            message = (
                f"configure() cannot export from the global tracer provider {type(self.provider).__qualname__}, which "
                "takes no span processors: use a TracerProvider of the OpenTelemetry SDK, or none."
            )
            raise RuntimeError(message)
        return add

    def _tell_other_headers(self, target: Target) -> None:
        known = next(each.headers for each in self._outlets if isinstance(each, Target) and each == target)
        if target.headers in ({}, known) or self._other_headers_told:
            return
        self._other_headers_told = True
        log.warning(
            "spanglass: configure() sends to %s already and keeps the headers of the first call: give them all there.",
            target.shown,
        )

    def leave(self) -> None:
        """Send the last spans of the process, within five seconds; a receiver that fails is given up sooner.

        What did not arrive, now or before, is told.
        """
        began = time.monotonic()
        for outlet in self._outlets.values():
            outlet.processor.hurry(last=True)  # what has ended goes, even if something holds up what has not
        with guard:
            finish_open()
        self._deliver(began)
        for target, outlet in self._outlets.items():
            outlet.processor.leave()
            tell_losses(target, outlet.processor.untold())

    def _deliver(self, began: float) -> None:
        if self._flush_outlets(began + BRIEF):
            return
        if any(not outlet.receiver.failing for outlet in self._unsettled()):
            self._flush_outlets(began + GRACE)
        for outlet in self._unsettled():
            outlet.processor.close(timeout=0)

    def _unsettled(self) -> list[_Outlet]:
        return [outlet for outlet in self._outlets.values() if not outlet.processor.force_flush(0)]

    def _flush_outlets(self, deadline: float) -> bool:
        """Flush ours side by side, so that one dead receiver costs the others nothing."""
        with guard:
            drain()
        processors = [outlet.processor for outlet in self._outlets.values()]
        for processor in processors:
            processor.hurry()
        results = [processor.force_flush(_millis_until(deadline)) for processor in processors]
        return all(results)

    def _flush_provider(self, deadline: float) -> bool:
        """Flush the processors that are not ours, in a thread because they need not keep a time limit."""
        flush: Any = getattr(self.provider, "force_flush", None)
        results: list[bool] = []

        def run() -> None:
            with guard:
                results.append(flush is None or flush(_millis_until(deadline)) is not False)

        thread = threading.Thread(target=run, name="spanglass-flush", daemon=True)
        thread.start()
        thread.join(_millis_until(deadline) / 1000)
        return results == [True]


def _millis_until(deadline: float) -> int:
    return max(0, int((deadline - time.monotonic()) * 1000))
