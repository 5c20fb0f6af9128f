"""What is said of a receiver that does not answer: one warning when it begins, one info when it is over."""

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanglass.export.endpoint import Target
from spanglass.guard import guard

log = logging.getLogger("spanglass")

CHATTY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http._common",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
"""The loggers on which the OTLP exporters repeat every failed attempt."""


CODES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
PHRASES = {status.phrase: CODES[status] for status in HTTPStatus}


class _Hush(logging.Filter):
    """Keeps back what is logged by a thread while it is inside `listening`, and nobody else's."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = threading.local()

    @contextmanager
    def listening(self) -> Generator[list[logging.LogRecord]]:
        for name in CHATTY:
            filters = logging.getLogger(name).filters
            if self not in filters:
                # Before the exporter's own filter, which remembers what it saw and would drop another exporter's twin.
                filters.insert(0, self)
        records: list[logging.LogRecord] = []
        self._heard.records = records
        try:
            yield records
        finally:
            del self._heard.records

    def filter(self, record: logging.LogRecord) -> bool:
        records = getattr(self._heard, "records", None)
        if records is None:
            return True
        records.append(record)
        return False


hush = _Hush()


class ReportingExporter(SpanExporter):
    """Hands batches to an OTLP exporter, and says once where spans do not arrive instead of at each attempt."""

    def __init__(self, exporter: SpanExporter, target: Target) -> None:
        self._exporter = exporter
        self._target = target
        self._under_way: list[logging.LogRecord] | None = None
        self._closing = False
        self._failing = False
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
        with hush.listening() as records, guard:
            self._under_way = records
            try:
                result = self._exporter.export(spans)
            except OSError as error:  # what older exporters raise where a connection fails
                why = type(error).__name__
            self._under_way = None
            if self._closing:
                self._exporter.shutdown()
        if result is SpanExportResult.SUCCESS:
            self._recover()
        else:
            self._fail(why or cause(records), len(spans))
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

    def _recover(self) -> None:
        if not self._failing:
            return
        with self._lock:
            lost, self._lost, self._failing = self._lost, 0, False
        log.info("spanglass: spans reach %s again; %d were dropped.", self._target.shown, lost)


def cause(records: Sequence[logging.LogRecord]) -> str:
    """Return why sending failed, from what the exporter logged: a status, or the kind of exception.

    The texts themselves are not repeated: they may quote the URL's query or the receiver's page.
    """
    args = (arg for record in reversed(records) if isinstance(record.args, tuple) for arg in record.args)
    return next((why for arg in args if (why := _why(arg))), "no answer in time")


def _why(arg: object) -> str | None:
    if isinstance(arg, str):
        return PHRASES.get(arg)
    if isinstance(arg, int):
        return CODES.get(arg)
    if isinstance(arg, Exception):
        return type(arg).__name__
    return arg.name if isinstance(arg, Enum) else None
