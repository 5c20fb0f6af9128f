"""What is said of a receiver that does not answer: one warning when it begins, one info when it is over."""

import logging
import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanglass.export.endpoint import Target
from spanglass.export.hearing import TooLargeError, cause, hush, too_large
from spanglass.export.sizes import origin_bytes, span_bytes
from spanglass.guard import guard

log = logging.getLogger("spanglass")


class ReportingExporter(SpanExporter):
    """Hands batches to an OTLP exporter, and says once where spans do not arrive instead of at each attempt."""

    def __init__(self, exporter: SpanExporter, target: Target) -> None:
        self._exporter = exporter
        self._target = target
        self._under_way: list[logging.LogRecord] | None = None
        self._closing = False
        self._failing = False
        self._size_told = False
        self._lost = 0
        self._lock = threading.Lock()

    @property
    def failing(self) -> bool:
        """Whether the last attempt came to nothing; false while the first one is still waited for."""
        return self._failing or bool(self._under_way)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; a failure of any kind is a result and never an exception."""
        result = SpanExportResult.FAILURE
        why = None
        size = 0
        with guard:
            size = span_bytes(spans[0]) + origin_bytes(spans[0]) if len(spans) == 1 else 0
        with hush.listening(size) as records, guard:
            self._under_way = records
            try:
                result = self._exporter.export(spans)
            except OSError as error:  # what older exporters raise where a connection fails
                why = type(error).__name__
            except TooLargeError as error:
                why = str(error)
            self._under_way = None
            if self._closing:
                self._exporter.shutdown()
        why = why or cause(records)
        if result is SpanExportResult.SUCCESS:
            self._recover()
        elif too_large(why, size):
            self._refuse(why, size)
        else:
            self._fail(why, len(spans))
        return result

    def shutdown(self) -> None:
        """Close the exporter, or have `export` close it that is still under way, and counts as not answered."""
        self._closing = True
        if (records := self._under_way) is not None:
            self._fail(cause(records), 0)  # and no more: some exporters' shutdown waits for what is under way
        else:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return true: nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)

    def _fail(self, why: str, lost: int) -> None:
        with self._lock:
            first = not self._failing
            self._failing = True
            self._lost += lost
        if first:
            log.warning(
                "spanglass: spans do not reach %s over %s (%s): check that a collector listens there, and that "
                "endpoint, protocol and headers are right; spans are dropped until then, and this is said once.",
                self._target.shown,
                self._target.protocol,
                why,
            )

    def _refuse(self, why: str, size: int) -> None:
        if self._size_told:
            return
        self._size_told = True
        log.warning(
            "spanglass: %s does not take a span of %.1f MB over %s (%s), and it is dropped: let the receiver take "
            "larger messages, or record less in one span; this is said once.",
            self._target.shown,
            size / 1e6,
            self._target.protocol,
            why,
        )

    def _recover(self) -> None:
        if not self._failing:
            return
        with self._lock:
            lost, self._lost, self._failing = self._lost, 0, False
        log.info("spanglass: spans reach %s again; %d were dropped.", self._target.shown, lost)
