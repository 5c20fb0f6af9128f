"""What an OTLP exporter logs of its attempts: kept back, and read for why sending failed."""

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus

CHATTY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http._common",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
"""The loggers on which the OTLP exporters repeat every failed attempt."""

CODES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
PHRASES = {status.phrase: CODES[status] for status in HTTPStatus}

GRPC_LIMIT = 4 * 1024 * 1024
"""Bytes above which gRPC receivers refuse a message by default."""

TOO_LARGE = {CODES[413]: 0, "RESOURCE_EXHAUSTED": GRPC_LIMIT, "OUT_OF_RANGE": GRPC_LIMIT}
"""The causes that may blame the size, and above how many bytes they do; gRPC has its two for more than that."""


class TooLargeError(Exception):
    """A span was refused for its size, and would be again."""


class Hush(logging.Filter):
    """Keeps back what is logged by a thread while it is inside `listening`, and nobody else's.

    Where that tells of a refusal for the size, sending ends here: the gRPC exporter would go on, for a minute or so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._heard = threading.local()

    @contextmanager
    def listening(self, size: int) -> Generator[list[logging.LogRecord]]:
        """Give the list of what is logged; `size` is that of a span sent alone, in bytes, and otherwise 0."""
        for name in CHATTY:
            filters = logging.getLogger(name).filters
            if self not in filters:
                # Before the exporter's own filter, which remembers what it saw and would drop another exporter's twin.
                filters.insert(0, self)
        records: list[logging.LogRecord] = []
        self._heard.records, self._heard.size = records, size
        try:
            yield records
        finally:
            del self._heard.records

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` may be logged; raises TooLargeError through the exporter that logs it."""
        records = getattr(self._heard, "records", None)
        if records is None:
            return True
        records.append(record)
        if too_large(why := cause([record]), self._heard.size):
            raise TooLargeError(why)
        return False


hush = Hush()


def cause(records: Sequence[logging.LogRecord]) -> str:
    """Return why sending failed, from what the exporter logged: a status, or the kind of exception.

    The texts themselves are not repeated: they may quote the URL's query or the receiver's page.
    """
    args = (arg for record in reversed(records) if isinstance(record.args, tuple) for arg in record.args)
    return next((why for arg in args if (why := _why(arg))), "no answer in time")


def too_large(why: str, size: int) -> bool:
    """Return whether `why` blames the size of a span sent alone, which is `size` bytes, and otherwise 0."""
    return size > TOO_LARGE.get(why, size)


def _why(arg: object) -> str | None:
    if isinstance(arg, str):
        return PHRASES.get(arg)
    if isinstance(arg, int):
        return CODES.get(arg)
    if isinstance(arg, Exception):
        return type(arg).__name__
    return arg.name if isinstance(arg, Enum) else None
