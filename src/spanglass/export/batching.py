"""Finished spans, sent in batches from one background thread, with time limits that hold.

The SDK's own batch processor ignores the limit of its flush, waits half a minute at exit for a receiver that does not
answer, drops what a receiver cannot take for the time being, and cannot say what it dropped.
"""

import logging
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from spanglass.export.backlog import Backlog, Limits
from spanglass.export.reporting import Sent
from spanglass.export.sizes import span_bytes
from spanglass.guard import guard

log = logging.getLogger("spanglass")

GRACE = 5.0
"""Seconds that shutting down may wait for a receiver."""

BRIEF = 1.5
"""Seconds that leaving waits for a receiver that has failed, and the end of a span afterwards: enough for one retry."""

FULL = "the queue was full"
ENDED = "no answer before the end"
LATE = "ended after the end"
TOO_LATE = "spanglass: spans ended after the last ones were sent, and are lost: end them before; this is said once."
FAULT = "a fault of spanglass"


class Sending(Protocol):
    """Where batches go."""

    def send(self, spans: Sequence[ReadableSpan], /) -> Sent:
        """Send one batch."""
        ...

    def close(self) -> None:
        """Send no more."""
        ...


class BatchProcessor(SpanProcessor):
    """Queues what ends, and hands it to `receiver` every `limits.delay`, or sooner when a batch is full.

    A span above `limits.batch_bytes` goes in a batch of its own, so that it is refused alone. A batch that the receiver
    cannot take for the time being stays first in the queue, for `limits.patience` at most.

    `losses` counts, by their reasons, the spans that were not delivered.
    """

    def __init__(self, receiver: Sending, limits: Limits | None = None) -> None:
        self._receiver = receiver
        self._limits = limits or Limits.load()
        self._closed = self._retired = False
        self._begin()
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)
            os.register_at_fork(after_in_child=lambda: (alive := begin()) and alive())

    def _begin(self) -> None:
        """Start with an empty queue: a forked child has no thread, and its parent sends what was waiting."""
        self.losses: Counter[str] = Counter()
        self._told_losses: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._queue = Backlog(self._limits)
        self._ended = self._settled = self._goal = 0
        self._leaving = False
        self._paused_until = 0.0
        self._refused_since: float | None = None
        self._refused = 0
        self._told: set[str] = set()
        self._worker = threading.Thread(target=self._work, name="spanglass-export", daemon=True)
        if not self._closed:
            self._worker.start()

    @property
    def dropped(self) -> int:
        """How many spans were not delivered: refused, not answered, beyond the queue, or after shutdown."""
        return self.losses.total()

    def untold(self) -> Counter[str]:
        """Return the losses since the last time that this was asked."""
        with self._changed:
            untold = self.losses - self._told_losses
            self._told_losses = Counter(self.losses)
            return untold

    def on_end(self, span: ReadableSpan) -> None:
        """Take one span that has ended; waits for the receiver only where the program is leaving."""
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
            waited = not self._queue.full_batch
            self._queue.put(span, size)
            self._ended += 1
            if waited and self._queue.full_batch:
                self._changed.notify_all()
        if self._leaving and threading.current_thread() is not self._worker:
            self._send_at_once()

    def leave(self) -> None:
        """Send what ends from here on at once, and wait for it: nobody else will."""
        self._leaving = True

    def retire(self) -> None:
        """Take no span any more, and count none: what ends from here on is for others."""
        self._retired = True

    def hurry(self, *, last: bool = False) -> int:
        """Have all that has ended sent now; returns its count, and does not wait.

        Where the receiver has asked for time it gets it, unless this is the `last` chance.
        """
        with self._changed:
            self._goal = self._ended
            if last:
                self._paused_until = 0.0
            self._changed.notify_all()
            return self._goal

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until all that ended before is settled; true when it was, in time and with nothing dropped."""
        with self._changed:
            before = self.dropped
            goal = self.hurry()
            settled = self._changed.wait_for(lambda: self._settled >= goal, timeout_millis / 1000)
            return settled and self.dropped == before

    def shutdown(self) -> None:
        """Send what is queued within five seconds, drop the rest, and close the exporter.

        A program that is leaving may still end spans: then nothing is closed.
        """
        if self._leaving:
            self.force_flush(int(GRACE * 1000))
        else:
            self.close()

    def close(self, timeout: float = GRACE) -> None:
        """Send what is queued within `timeout` seconds, drop the rest, and close the exporter."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._worker.join(timeout)
        with self._changed:
            self._settle(len(self._queue), Sent(len(self._queue), ENDED))
        with guard:
            self._receiver.close()

    def _send_at_once(self) -> None:
        if not self.force_flush(int(BRIEF * 1000)):
            self.close(0)
            self._say(TOO_LATE)

    def _drop_newest(self, why: str | None) -> None:
        if self._retired:
            return
        self.losses[LATE if self._closed else FULL] += 1
        self._say(TOO_LATE if self._closed else why)

    def _say(self, text: str | None) -> None:
        if text and text not in self._told:
            self._told.add(text)
            log.warning(text)

    def _work(self) -> None:
        with suppress_instrumentation():
            while not self._closed or self._queue:
                if batch := self._next():
                    self._send(batch)

    def _next(self) -> list[ReadableSpan]:
        """Wait for a batch to be due, and return it; empty when none came."""
        with self._changed:
            while not self._closed and (rest := self._paused_until - time.monotonic()) > 0:
                self._changed.wait(rest)
            self._changed.wait_for(self._due, min(self._limits.delay / 1000, threading.TIMEOUT_MAX))
            return self._queue.first()

    def _due(self) -> bool:
        return self._closed or self._queue.full_batch or self._settled < self._goal

    def _send(self, batch: list[ReadableSpan]) -> None:
        sent = Sent(len(batch), FAULT)
        with guard:
            sent = self._receiver.send(batch)
        with self._changed:
            if not self._queue:  # close() has given up and counted this batch already
                return
            if sent.halves:
                self._queue.halve(len(batch))
            elif sent.again is None:
                self._settle(len(batch), sent)
            elif self._closed or self._impatient(len(batch)):
                count = len(batch) if self._closed else min(len(batch), self._refused)
                self._settle(count, Sent(count, sent.why))
            else:
                self._paused_until = time.monotonic() + min(sent.again, self._limits.patience)

    def _impatient(self, count: int) -> bool:
        """Whether the first of the queue have been refused for too long; what came to their batch later has not."""
        now = time.monotonic()
        if self._refused_since is None:
            self._refused_since, self._refused = now, count
        return now - self._refused_since >= self._limits.patience

    def _settle(self, count: int, sent: Sent) -> None:
        self._queue.let_go(count)
        self._settled += count
        self._refused_since = None
        if sent.lost:
            self.losses[sent.why] += sent.lost
        self._changed.notify_all()
