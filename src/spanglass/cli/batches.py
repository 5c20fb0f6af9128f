"""Saved spans, sent in batches to one receiver until all are settled, or until it is no use."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.cli.endpoint import UNREACHED
from spanglass.export.backlog import Backlog, Limits
from spanglass.export.hearing import TOO_LARGE
from spanglass.export.reporting import REJECTED, UNFIT, Receiver, Sent
from spanglass.export.sizes import span_bytes

SPANS_ALONE: Final = frozenset({REJECTED, UNFIT, *TOO_LARGE})
"""Why spans are refused of which others are not."""

GONE: Final = UNREACHED | {"ProxyError"}
"""Why sending failed, where the exporter itself has tried for long enough."""

PATIENCE: Final = 60.0
"""Seconds for which a batch is sent again and again, besides those that the receiver asks for."""

LONGEST_WAIT: Final = 300.0
"""Seconds that it may ask for at once; where it asks for more one comes again later."""


def send_batches(
    receiver: Receiver,
    spans: Iterator[ReadableSpan],
    settled: Callable[[int, Sent], None],
    waiting: Callable[[Sent], None],
) -> Sent | None:
    """Send the spans in their order; return None, or what came of the batch at which it stopped.

    `settled` is called with the number of spans that need not be sent again, and what came of them; `waiting` before a
    batch is waited with that goes again. Raises ValueError for a malformed variable, and what reading the spans raises.
    """
    backlog = Backlog(Limits.load())
    patience = PATIENCE
    with suppress_instrumentation():
        while batch := _next(backlog, spans):
            began = time.monotonic()
            sent = receiver.send(batch)
            if sent.halves:
                backlog.halve(len(batch))
            elif sent.again is not None:
                patience -= time.monotonic() - began + (0 if sent.asked else sent.again)
                if patience < 0 or sent.again > LONGEST_WAIT or (sent.why in GONE and not sent.asked):
                    return sent
                waiting(sent)
                time.sleep(sent.again)
            elif sent.lost and sent.why not in SPANS_ALONE:
                return sent
            else:
                backlog.let_go(len(batch))
                settled(len(batch), sent)
                patience = PATIENCE
    return None


def _next(backlog: Backlog, spans: Iterator[ReadableSpan]) -> list[ReadableSpan]:
    """Return the next batch; no more is read than it takes."""
    while not backlog.full_batch:
        span = next(spans, None)
        if span is None:
            break
        backlog.put(span, span_bytes(span))
    return backlog.first()
