"""One receiver: what comes of each batch, and what is said of it, which is little: a line where something changes."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanglass.credentials import scrub
from spanglass.export.encoding import encodable
from spanglass.export.endpoint import Target
from spanglass.export.hearing import CODES, PASSING, AskedForTimeError, Heard, TooLargeError, hush, too_large
from spanglass.export.sizes import origin_bytes, span_bytes
from spanglass.guard import guard

log = logging.getLogger("spanglass")

PAUSE = 1.0
"""Seconds until a batch is sent again, where the receiver asks for none; the exporter has tried for some before."""
SHORTEST_PAUSE = 0.1
"""Seconds until then at least, however few it asks for."""
LONGEST_WORD = 200
"""Characters of what a receiver says that are repeated."""
SHORTEST_SECRET = 8
"""Characters of a header's second word, below which it is no token."""
TOO_LARGE_BATCH = CODES[413]
UNFIT = "not to be encoded"
REJECTED = "refused out of a batch that was taken"


class Sent(NamedTuple):
    """What came of a batch: `lost` spans, and `why`; or that it is to go again, in so many seconds or in halves.

    `asked` tells that it was the receiver that asked for those seconds, `said` is what it says of a batch that it took.
    """

    lost: int = 0
    why: str = ""
    again: float | None = None
    halves: bool = False
    asked: bool = False
    said: str = ""


class Place(Protocol):
    """Where spans go."""

    @property
    def shown(self) -> str:
        """What a log calls it."""
        ...


def tell_losses(place: Place, losses: Mapping[str, int]) -> None:
    """Say at the end how many spans did not reach a place, and why: `losses` counts them by their reasons."""
    if total := sum(losses.values()):
        reasons = "; ".join(f"{count}: {why}" for why, count in losses.items())
        log.warning("spanglass: spans that did not reach %s: %d (%s).", place.shown, total, reasons)


class Receiver:
    """Hands batches to an OTLP exporter, and says once where spans do not arrive instead of at each attempt."""

    def __init__(self, exporter: SpanExporter, target: Target) -> None:
        self._exporter = exporter
        self._target = target
        self._under_way: Heard | None = None
        self._closing = False
        self._failing = False
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @property
    def failing(self) -> bool:
        """Whether the last attempt came to nothing; false while the first one is still waited for."""
        under_way = self._under_way
        return self._failing or (under_way is not None and under_way.failing)

    def send(self, spans: Sequence[ReadableSpan]) -> Sent:
        """Send one batch; a failure of any kind is a result and never an exception."""
        size = 0
        with guard:
            size = span_bytes(spans[0]) + origin_bytes(spans[0]) if len(spans) == 1 else 0
        delivered = False
        with hush.listening(size) as heard, guard:
            self._under_way = heard
            try:
                delivered = self._exporter.export(spans) is SpanExportResult.SUCCESS
            except OSError as error:  # what older exporters raise where a connection fails
                heard.answered = heard.answered or type(error).__name__
            except TooLargeError as error:
                heard.answered = str(error)
            except (AskedForTimeError, ValueError, TypeError):  # the last two of a span that cannot be encoded
                pass
            self._under_way = None
            if self._closing:
                self._exporter.shutdown()
        if delivered and heard.moved is None:
            return self._delivered(heard, len(spans))
        if heard.answered is None and len(fitting := encodable(spans)) < len(spans):
            return self._send_fitting(fitting, len(spans) - len(fitting))
        return self._failed(heard.why, heard, spans, size)

    def _send_fitting(self, spans: Sequence[ReadableSpan], unfit: int) -> Sent:
        self._once(
            "unfit",
            "spanglass: %d spans cannot be encoded for %s, as with half a character in a name, and are dropped: this "
            "is said once.",
            unfit,
            self._target.shown,
        )
        sent = self.send(spans) if spans else Sent()
        if sent.halves or sent.again is not None:
            return sent
        return sent._replace(lost=sent.lost + unfit, why=sent.why or UNFIT)

    def break_off(self) -> bool:
        """Have an attempt that is under way come to nothing, so that its batch goes again; false where it cannot."""
        heard = self._under_way
        if heard is None or heard.cancel is None:
            return False
        heard.broken_off = True
        heard.cancel()
        return True

    def close(self) -> None:
        """Close the exporter, or have `send` close it that is still under way, and counts as not answered."""
        self._closing = True
        if (heard := self._under_way) is not None:
            self._tell_failing(heard.why)  # and no more: some exporters' shutdown waits
        else:
            self._exporter.shutdown()

    def _delivered(self, heard: Heard, count: int) -> Sent:
        if self._failing:
            self._failing = False
            log.info("spanglass: spans reach %s again.", self._target.shown)
        lost = min(max(heard.rejected, 0), count)
        if not (lost or heard.said):
            return Sent()
        said = " ".join(scrub(heard.said, self._secrets()).split())[:LONGEST_WORD] or "no reason given"
        self._once(
            "rejected",
            "spanglass: %s took a batch but not all of its spans, %d are lost (%s): this is said once."
            if lost
            else "spanglass: %s took a batch, %d spans of it are lost, and warns (%s): this is said once.",
            self._target.shown,
            lost,
            said,
        )
        return Sent(lost, REJECTED if lost else "", said=said)

    def _secrets(self) -> tuple[str, ...]:
        """Return what headers hold, whole and without the scheme of an `authorization`."""
        values = [value for value in self._target.headers.values() if value]
        return (*values, *(bare for value in values if len(bare := value.partition(" ")[2]) >= SHORTEST_SECRET))

    def _failed(self, why: str, heard: Heard, spans: Sequence[ReadableSpan], size: int) -> Sent:
        if too_large(why, size) and not (heard.after is not None and why in PASSING):
            self._once(
                "size",
                "spanglass: %s does not take a span of %.1f MB over %s (%s), and it is dropped: let the receiver take "
                "larger messages, or record less in one span; this is said once.",
                self._target.shown,
                size / 1e6,
                self._target.protocol,
                why,
            )
            return Sent(1, why)
        if why == TOO_LARGE_BATCH and len(spans) > 1:
            return Sent(why=why, halves=True)
        if heard.broken_off:
            return Sent(why=why, again=PAUSE)
        self._tell_failing(why)
        if why not in PASSING:
            return Sent(len(spans), why)
        return Sent(why=why, again=max(heard.after or PAUSE, SHORTEST_PAUSE), asked=heard.after is not None)

    def _tell_failing(self, why: str) -> None:
        with self._lock:
            if self._failing:
                return
            self._failing = True
        log.warning(
            "spanglass: spans do not reach %s over %s (%s): check that a collector listens there, and that "
            "endpoint, protocol and headers are right; until then spans %s, and this is said once.",
            self._target.shown,
            self._target.protocol,
            why,
            "wait in the queue, and are dropped when it is full" if why in PASSING else "are dropped",
        )

    def _once(self, what: str, text: str, *args: object) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning(text, *args)
