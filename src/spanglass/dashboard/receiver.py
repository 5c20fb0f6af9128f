"""OTLP over HTTP: the spans of a request, kept before it is answered.

Source: OpenTelemetry Protocol 1.8, "OTLP/HTTP".
"""

import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeVar

import anyio
from anyio import to_thread
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.sdk.trace import ReadableSpan
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from spanglass.dashboard import protobuf
from spanglass.dashboard.answers import GZIP, JSON, PROTOBUF, Refused, answer, refusal
from spanglass.dashboard.bodies import NO_ROOM, Place, Room, inflated, passed_over, received
from spanglass.dashboard.entry import Entry, Unkept, entry
from spanglass.dashboard.store import Store, Unavailable
from spanglass.export.otlp_json import LineWriter
from spanglass.export.otlp_spans import MALFORMED, OTHERS, SpanReader

log = logging.getLogger("spanglass")

T = TypeVar("T")
Parts = Iterator[Callable[[], ReadableSpan]]

MOST_SPANS: Final = 20_000
"""Spans of a request: some seconds' work, in which others wait. The Collector sends 8,192 at once."""
MOST_OBJECTS: Final = 100 * MOST_SPANS
"""Of JSON, in which each costs a hundred times the memory of its two bytes."""
TOGETHER: Final = 512
"""Spans that are kept at once."""
TURN: Final = 5.0
"""Seconds that a request waits for those before it: exporters wait for an answer for ten."""
LONGEST: Final = 60.0
"""Seconds in which a body has to come."""
PAUSE: Final = 1.0
"""Seconds in which nothing is tried after the file took nothing: those that wait hear of it at once."""
YIELD: Final = 1e-6
"""Seconds in which others may take over: without a pause each of their steps waits for 5 ms."""
AGAIN: Final = 2
"""Seconds after which a sender is asked to try again."""


def _of_json(body: bytes) -> Parts:
    if body.count(b"{") > MOST_OBJECTS:
        raise protobuf.TooMany
    request = json.loads(body)
    if not OTHERS.isdisjoint(request):
        raise ValueError
    return SpanReader().parts(request)


KINDS: Final[dict[str, Callable[[bytes], Parts]]] = {PROTOBUF: protobuf.parts, JSON: _of_json}
ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, "identity": bytes, GZIP: inflated}

OTHER_KIND: Final = f"Send {' or '.join(KINDS)}."
OTHER_ENCODING: Final = f"Compress by {GZIP}, or not at all."
MALFORMED_BODY: Final = "This is no request of OTLP for traces."
MALFORMED_SPAN: Final = "some are no spans of OTLP"
TOO_MANY: Final = f"A request has at most {MOST_SPANS:,} spans: send fewer at once."
UNAVAILABLE: Final = "The spans cannot be kept for now: send them again."
TOLD: Final = (
    "spanglass: the dashboard cannot keep spans for now in %s (%s): make room, or see what else holds the file; until "
    "then senders are told to send them again, and this is said once."
)
SLOW: Final = f"The body did not come in {LONGEST:.0f} seconds."


class Receiver:
    """Takes requests, and keeps their spans in a store, one request after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = Room()
        self._turn = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)  # of its own: pages that search have all others for seconds
        self._coming = 0
        self._paused_until = 0.0
        self._is_told = False

    async def take(self, request: Request) -> Response:
        """Keep the spans of a request, and say which were not."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        stream = request.stream()
        try:
            try:
                with self._room.entered() as place:
                    return await self._answered(request, kind, stream, place)
            except Refused as why:
                with anyio.move_on_after(LONGEST):
                    await passed_over(stream)
                return refusal(kind, why)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads

    async def _answered(self, request: Request, kind: str, stream: AsyncIterator[bytes], place: Place) -> Response:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if kind not in KINDS or encoding not in ENCODINGS:
            raise Refused(415, OTHER_ENCODING if kind in KINDS else OTHER_KIND)
        self._coming += 1
        try:
            with _within(LONGEST, Refused(503, SLOW, retry=AGAIN)):
                body = await received(stream, place)
        finally:
            self._coming -= 1
        with _within(TURN, Refused(503, NO_ROOM, retry=1)):
            await self._turn.acquire()
        try:
            return await to_thread.run_sync(self._taken, kind, encoding, body, limiter=self._thread)
        finally:
            self._turn.release()

    def _taken(self, kind: str, encoding: str, body: bytes) -> Response:
        if time.monotonic() < self._paused_until:
            raise Refused(503, UNAVAILABLE, retry=AGAIN)
        try:
            parts = [*islice(KINDS[kind](ENCODINGS[encoding](body)), MOST_SPANS + 1)]
        except protobuf.TooMany:
            raise Refused(413, TOO_MANY) from None
        except MALFORMED:
            raise Refused(400, MALFORMED_BODY) from None
        if len(parts) > MOST_SPANS:
            raise Refused(413, TOO_MANY)
        unkept: Counter[str] = Counter()
        write = LineWriter()
        self._keep(filter(None, (_kept(make, write, unkept) for make in self._in_turns(parts))))
        return answer(kind, unkept.total(), "; ".join(f"{why} ({count})" for why, count in unkept.items()))

    def _in_turns(self, parts: Iterable[T]) -> Iterator[T]:
        """Yield what is worked on, and let others work between as long as bodies come: one thread runs at a time."""
        for part in parts:
            if self._coming:
                time.sleep(YIELD)
            yield part

    def _keep(self, entries: Iterator[Entry]) -> None:
        try:
            while some := [*islice(entries, TOGETHER)]:
                self._store.add(some)
        except Unavailable as error:
            self._paused_until = time.monotonic() + PAUSE
            if not self._is_told:
                log.warning(TOLD, self._store.path, error)
            self._is_told = True
            raise Refused(503, UNAVAILABLE, retry=AGAIN) from None
        self._is_told = False


def _kept(make: Callable[[], ReadableSpan], write: LineWriter, unkept: Counter[str]) -> Entry | None:
    """Return what is to be kept of a span; where that is nothing, count why."""
    try:
        return entry(make(), write)
    except Unkept as why:
        unkept[str(why)] += 1
    except (DecodeError, *MALFORMED):
        unkept[MALFORMED_SPAN] += 1
    return None


@contextmanager
def _within(seconds: float, refused: Refused) -> Generator[None]:
    """Have the block end in so many seconds, or be refused."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise refused from None
