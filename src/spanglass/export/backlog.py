"""The spans that wait to be sent, within limits of number and of bytes."""

import os
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
)
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.sizes import origin_bytes
from spanglass.guard import guard

FLOOR = 65_536
"""Bytes below which batches stay halved no longer than until one of them is settled: every span would go alone."""


class Limits(NamedTuple):
    """How much is gathered: milliseconds between batches, spans in the queue and in a batch, bytes in either.

    `patience` is how many seconds a batch is sent again and again, that a receiver cannot take for the time being.

    The queue is four times the SDK's, since its bytes are bounded as well: a receiver may be gone for longer.
    By default gRPC receivers refuse what is above 4 MiB, and some proxies in front of receivers what is above 1 MiB.
    """

    delay: int = 5000
    queue: int = 8192
    batch: int = 512
    queue_bytes: int = 64 * 1024 * 1024
    batch_bytes: int = 1_000_000
    patience: float = 300

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> "Limits":
        """Read the OTEL_BSP_* variables; raises ValueError, naming the variable, for what is not a positive number."""
        variables = (OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE)
        values = [
            _positive(name, environ.get(name, "").strip() or str(default))
            for name, default in zip(variables, cls(), strict=False)
        ]
        return cls(*values)


def _positive(variable: str, text: str) -> int:
    if not text.isdecimal() or not int(text):
        message = f"{variable} cannot be {text!r}: use a whole number above 0."
        raise ValueError(message)
    return int(text)


class Backlog:
    """A queue of spans that have ended, each with its size, until they are settled; whoever shares it holds a lock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._batch_bytes = limits.batch_bytes
        self._spans: deque[tuple[ReadableSpan, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many spans wait."""
        return len(self._spans)

    @property
    def full_batch(self) -> bool:
        """Whether a batch waits that need not wait for more."""
        return len(self._spans) >= min(self._limits.batch, self._limits.queue) or self._bytes >= self._batch_bytes

    def refusal(self, size: int) -> str | None:
        """Return why a span of `size` bytes finds no place, and None where it does."""
        if len(self._spans) >= self._limits.queue:
            return (
                f"spanglass: the queue of {self._limits.queue} spans is full, and spans are dropped: "
                f"raise {OTEL_BSP_MAX_QUEUE_SIZE}, or end fewer spans."
            )
        if self._bytes + size > self._limits.queue_bytes:
            return (
                f"spanglass: the queue of {self._limits.queue_bytes:,} bytes is full, and spans are dropped: "
                "end fewer or smaller spans, or send them to a receiver that takes them faster."
            )
        return None

    def put(self, span: ReadableSpan, size: int) -> None:
        """Have `span`, which takes `size` bytes at most, wait at the end."""
        self._spans.append((span, size))
        self._bytes += size

    def first(self) -> list[ReadableSpan]:
        """Return the next batch, which stays: as many of the first as fit, and what does not fit at all on its own."""
        batch: list[ReadableSpan] = []
        origins: set[tuple[int, int]] = set()
        room = self._batch_bytes
        for span, size in islice(self._spans, self._limits.batch):
            origin = (id(span.resource), id(span.instrumentation_scope))
            room -= size
            if origin not in origins:
                origins.add(origin)
                with guard:
                    room -= origin_bytes(span)
            if batch and room < 0:
                break
            batch.append(span)
        return batch

    def halve(self, count: int) -> None:
        """Have batches be half as large from now on as the first `count` spans together, which were too large."""
        self._batch_bytes = sum(size for _, size in islice(self._spans, count)) // 2

    def let_go(self, count: int) -> None:
        """Have the first `count` spans leave the queue."""
        for _ in range(count):
            self._bytes -= self._spans.popleft()[1]
        self._batch_bytes = max(self._batch_bytes, min(FLOOR, self._limits.batch_bytes))
