"""What comes of an export: the answer, and what an exporter logs of its attempts, kept back and read for the cause."""

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Protocol

CHATTY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http._common",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
"""The loggers on which the OTLP exporters repeat every failed attempt."""

CODES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
PHRASES = {status.phrase: CODES[status] for status in HTTPStatus}

GRPC_LIMIT = 1_000_000
"""Bytes above which a gRPC receiver that refuses a message is taken to refuse its size: many have 4 MiB, some less.

Asked again, it would hold up all other spans for as long as a batch is kept.
"""

TOO_LARGE = {CODES[413]: 0, "RESOURCE_EXHAUSTED": GRPC_LIMIT, "OUT_OF_RANGE": GRPC_LIMIT}
"""The causes that may blame the size, and above how many bytes they do; gRPC has its two for more than that."""

PASSING = {
    *(CODES[status] for status in (429, 502, 503, 504)),
    *("UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED", "OUT_OF_RANGE", "DATA_LOSS"),
    *("ConnectionError", "ConnectTimeout", "ProxyError"),
}
"""The causes that may pass, as OTLP 1.5 lists them, so that the batch is worth sending again.

Not among them is an answer that came too late: the batch may have been taken, and would arrive twice.
"""


NO_ANSWER = "no answer in time"


class TooLargeError(Exception):
    """A span was refused for its size, and would be again."""


class AskedForTimeError(Exception):
    """A receiver asked for time: the exporter is left, since not all of them wait for that long, or not for longer."""


class PartialSuccess(Protocol):
    """OTLP's message of that name."""

    rejected_spans: int
    error_message: str


@dataclass(slots=True)
class Heard:
    """What came of one export.

    `records` are the log's; `answered` is what the last attempt came to, a status or the kind of exception, which goes
    before the log, since a program may have turned that off; `rejected` spans were not taken though the batch was, and
    `said` is why, or what else the receiver has to say; `after` is how many seconds it asks to wait, `moved` the status
    by which it leads elsewhere. `cancel` breaks an attempt off that is under way, where that can be, and `broken_off`
    says that it was.
    """

    records: list[logging.LogRecord] = field(default_factory=list[logging.LogRecord])
    answered: str | None = None
    rejected: int = 0
    said: str = ""
    after: float | None = None
    moved: str | None = None
    cancel: Callable[[], object] | None = None
    broken_off: bool = False

    @property
    def why(self) -> str:
        """Why sending failed: a status, or the kind of exception."""
        return self.moved or self.answered or cause(self.records) or NO_ANSWER

    @property
    def failing(self) -> bool:
        """Whether an attempt has come to nothing."""
        return bool(self.records) or not (self.answered or "2").startswith("2")

    def take(self, answer: PartialSuccess) -> None:
        """Hear an answer that says yes, but."""
        self.rejected, self.said = answer.rejected_spans, answer.error_message


class Hush(logging.Filter):
    """Keeps back what is logged by a thread while it is inside `listening`, and nobody else's.

    Where that tells of a refusal for the size, sending ends here: the gRPC exporter would go on, for a minute or so.
    """

    def __init__(self) -> None:
        super().__init__()
        self._own = threading.local()

    @property
    def heard(self) -> Heard | None:
        """What this thread is hearing, where it is listening."""
        return getattr(self._own, "heard", None)

    @contextmanager
    def listening(self, size: int) -> Generator[Heard]:
        """Give what is heard in the block; `size` is that of a span sent alone, in bytes, and otherwise 0."""
        for name in CHATTY:
            filters = logging.getLogger(name).filters
            if self not in filters:
                # Before the exporter's own filter, which remembers what it saw and would drop another exporter's twin.
                filters.insert(0, self)
        self._own.heard, self._own.size = heard, _ = Heard(), size
        try:
            yield heard
        finally:
            self._own.heard = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` may be logged; raises TooLargeError through the exporter that logs it."""
        heard = self.heard
        if heard is None:
            return True
        heard.records.append(record)
        if (why := cause([record])) and too_large(why, self._own.size):
            raise TooLargeError(why)
        return False


hush = Hush()


def cause(records: Sequence[logging.LogRecord]) -> str | None:
    """Return why sending failed, where what the exporter logged tells: a status, or the kind of exception.

    The texts themselves are not repeated: they may quote the URL's query or the receiver's page.
    """
    args = (arg for record in reversed(records) if isinstance(record.args, tuple) for arg in record.args)
    return next((why for arg in args if (why := _why(arg))), None)


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
