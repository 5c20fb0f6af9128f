"""Finished spans, sent in batches from one background thread, with time limits that hold.

The SDK's own batch processor ignores the limit of its flush, waits half a minute at exit for a receiver that does not
answer, and cannot say what it dropped.
"""

import logging
import os
import threading
import weakref

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanglass.export.backlog import Backlog, Limits
from spanglass.export.sizes import span_bytes
from spanglass.guard import guard

log = logging.getLogger("spanglass")

GRACE = 5.0
"""Seconds that shutting down may wait for a receiver."""


class BatchProcessor(SpanProcessor):
    """Queues what ends, and hands it to `exporter` every `limits.delay`, or sooner when a batch is full.

    A span above `limits.batch_bytes` goes in a batch of its own, so that it is refused alone.

    `dropped` counts the spans that were not delivered: refused, not answered, beyond the queue, or after shutdown.
    """

    def __init__(self, exporter: SpanExporter, limits: Limits | None = None) -> None:
        self._exporter = exporter
        self._limits = limits or Limits.load()
        self._closed = False
        self.dropped = 0
        self._begin()
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)
            os.register_at_fork(after_in_child=lambda: (alive := begin()) and alive())

    def _begin(self) -> None:
        """Start with an empty queue: a forked child has no thread, and its parent sends what was waiting."""
        self._changed = threading.Condition()
        self._queue = Backlog(self._limits)
        self._ended = self._settled = self._goal = 0
        self._told: set[str] = set()
        self._worker = threading.Thread(target=self._work, name="spanglass-export", daemon=True)
        if not self._closed:
            self._worker.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take one span that has ended; never waits for the receiver."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        size = self._limits.batch_bytes  # what cannot be measured goes alone
        with guard:
            size = span_bytes(span)
        with self._changed:
            refusal = self._queue.refusal(size)
            if self._closed or refusal:
                self._drop_newest(refusal)
                return
            self._queue.put(span, size)
            self._ended += 1
            if self._queue.full_batch:
                self._changed.notify_all()

    def hurry(self) -> int:
        """Have all that has ended sent now; returns its count, and does not wait."""
        with self._changed:
            self._goal = self._ended
            self._changed.notify_all()
            return self._goal

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until all that ended before is settled; true when it was, in time and with nothing dropped."""
        with self._changed:
            before = self.dropped
            goal = self.hurry()
            settled = self._changed.wait_for(lambda: self._settled >= goal, timeout_millis / 1000)
            return settled and self.dropped == before

    def shutdown(self, timeout: float = GRACE) -> None:
        """Send what is queued within `timeout` seconds, drop the rest, and close the exporter."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._worker.join(timeout)
        with self._changed:
            self.dropped += self._ended - self._settled
            self._settled = self._ended
            self._queue.clear()
        with guard:
            self._exporter.shutdown()

    def _drop_newest(self, why: str | None) -> None:
        self.dropped += 1
        if why and not self._closed and why not in self._told:
            self._told.add(why)
            log.warning(why)

    def _work(self) -> None:
        with suppress_instrumentation():
            while not self._closed or self._queue:
                if batch := self._next():
                    self._send(batch)

    def _next(self) -> list[ReadableSpan]:
        """Wait for a batch to be due, and take it; empty when none came."""
        with self._changed:
            self._changed.wait_for(self._due, self._limits.delay / 1000)
            return self._queue.take()

    def _due(self) -> bool:
        return self._closed or self._queue.full_batch or self._settled < self._goal

    def _send(self, batch: list[ReadableSpan]) -> None:
        result = SpanExportResult.FAILURE
        with guard:
            result = self._exporter.export(batch)
        with self._changed:
            late = self._settled >= self._ended  # shutdown() has given up and counted this batch already
            self._settled = min(self._settled + len(batch), self._ended)
            if result is not SpanExportResult.SUCCESS and not late:
                self.dropped += len(batch)
            self._changed.notify_all()
