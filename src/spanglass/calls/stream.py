"""A stream's chunks, seen as the caller takes them, and its bytes, watched for how it is left.

    send ─▶ WatchedBytes ─▶ the SDK's generator ─▶ accumulate() ─▶ the caller
               close, drop                          chunks, end, exception

The caller keeps the SDK's own stream object; `accumulate` stands between it and the generator that it reads from.
Bytes that no stream of the SDK's reads are gathered in `body` instead.
"""

import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from time import perf_counter_ns
from typing import Any, Protocol

from spanglass.calls.body import AsyncGathered, Body, Gathered
from spanglass.endpoints.endpoint import Accumulates
from spanglass.guard import guard
from spanglass.record import StreamStats

LEFT = frozenset({"closed", "abandoned"})


class Call(Protocol):
    """What a stream asks of its call."""

    origin: int

    def finish(self, outcome: str, error: BaseException | None, at: int) -> None:
        """End the call now."""
        ...

    def leave(self, outcome: str, at: int) -> None:
        """End the call now, or soon where ending it now could meet a lock that this very thread holds."""
        ...

    def lose(self, at: int) -> None:
        """End the call soon."""
        ...


class Spent:
    """What takes the chunks that come after the end."""

    bearing = 0
    end = "completed"

    def take(self, chunk: Any) -> None:
        """Take nothing."""

    def settle(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}


SPENT = Spent()


class StreamState:
    """What has arrived of a stream; `last` is monotonic."""

    __slots__ = ("accumulator", "body", "call", "chunks", "first", "gap", "gap_from", "inner", "last")

    def __init__(self, call: Call, accumulator: Accumulates, body: Body) -> None:
        self.call = call
        self.body = body
        self.accumulator = accumulator
        self.chunks = 0
        self.first = 0
        self.last = perf_counter_ns()
        self.gap = 0
        self.gap_from = 0
        self.inner: weakref.ref[Any] | None = None

    def end(self) -> None:
        """Note that the stream has come to its end."""
        with guard:
            self.call.finish(self.accumulator.end or "truncated", None, perf_counter_ns())

    def fail(self, error: BaseException) -> None:
        """Note that an exception came out of the stream."""
        with guard:
            outcome = "error" if isinstance(error, Exception) else "cancelled"
            self.call.finish(outcome, error, perf_counter_ns())

    def closed(self) -> None:
        """Note that the bytes were closed: by the caller, unless the SDK's generator is running, or being collected."""
        if self.inner is not None:
            inner = self.inner()
            if inner is None or getattr(inner, "gi_running", False) or getattr(inner, "ag_running", False):
                return
            if _closer() in ITERATORS:
                return
        self.call.leave("closed", perf_counter_ns())

    def dropped(self) -> None:
        """Nobody holds the bytes any more. This runs in a finaliser: nothing is finished here."""
        self.call.lose(self.last)

    def clear(self) -> None:
        """Let go of what has arrived, and take no more: the caller may keep the stream for long."""
        self.accumulator = SPENT
        self.body.clear()

    def stats(self, outcome: str) -> StreamStats:
        """Return how the stream went. One that was left after the model had said that it is done is complete."""
        if self.inner is None and self.body.streamed:
            for chunk in self.body.chunks():
                self.chunks += 1
                self.accumulator.take(chunk)
        if outcome in LEFT:
            outcome = self.accumulator.end or ("truncated" if self.body.whole else outcome)
        first = self.first - self.call.origin if self.first else None
        if first is None or self.chunks == 1:
            return StreamStats(outcome, self.chunks, first, estimated_tokens=self.accumulator.bearing)
        gap_at = (self.gap_from or self.first) - self.call.origin
        return StreamStats(outcome, self.chunks, first, self.gap, gap_at, self.accumulator.bearing)


# A response's own iterators over its bytes. An event loop that shuts down closes them in any order with the SDK's.
ITERATORS = frozenset({"iter_raw", "aiter_raw"})


def _closer() -> str:
    """Return the name of the function that closes the response, whose bytes are closed, which told its state."""
    return sys._getframe(4).f_code.co_name  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the one way in


def accumulate(state: StreamState, inner: Generator[Any, None, None]) -> Iterator[Any]:
    """Yield the chunks of the SDK's generator as they are taken, and note them."""
    state.inner = weakref.ref(inner)
    try:
        for chunk in inner:
            now = perf_counter_ns()
            if state.first == 0:
                state.first = now
            elif now - state.last > state.gap:
                state.gap, state.gap_from = now - state.last, state.last
            state.last = now
            state.chunks += 1
            try:
                state.accumulator.take(chunk)  # before the caller, who may change it
            except Exception:
                with guard:
                    raise
            yield chunk
    except BaseException as error:
        if not isinstance(error, GeneratorExit):  # the watched bytes tell of that
            state.fail(error)
        inner.close()  # as it would be if nothing stood before it
        raise
    state.end()


async def accumulate_async(state: StreamState, inner: AsyncGenerator[Any, None]) -> AsyncIterator[Any]:
    """Yield as `accumulate` does: the same lines, since a loop body cannot be shared without a call a chunk."""
    state.inner = weakref.ref(inner)
    try:
        async for chunk in inner:
            now = perf_counter_ns()
            if state.first == 0:
                state.first = now
            elif now - state.last > state.gap:
                state.gap, state.gap_from = now - state.last, state.last
            state.last = now
            state.chunks += 1
            try:
                state.accumulator.take(chunk)  # before the caller, who may change it
            except Exception:
                with guard:
                    raise
            yield chunk
    except GeneratorExit:
        raise  # the event loop closes the SDK's generator too, and may be about to
    except BaseException as error:
        state.fail(error)
        await inner.aclose()
        raise
    state.end()


class Watched:
    """A response's bytes, handed on as they are; tells its state when they are closed, and when they are dropped."""

    def __init__(self, stream: Any, state: StreamState) -> None:
        self._stream = stream
        self._state = state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # `.elapsed`, among others

    def __del__(self) -> None:
        self._state.dropped()


class WatchedBytes(Watched):
    """The bytes of a sync response."""

    def __iter__(self) -> Iterator[bytes]:
        inner = iter(self._stream)
        state = self._state
        return inner if state.inner is not None else Gathered(inner, state.body, state.fail)

    def close(self) -> None:
        """Close the bytes, and tell."""
        try:
            self._stream.close()
        finally:
            with guard:
                self._state.closed()


class AsyncWatchedBytes(Watched):
    """The bytes of an async response."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        inner = aiter(self._stream)
        state = self._state
        return inner if state.inner is not None else AsyncGathered(inner, state.body, state.fail)

    async def aclose(self) -> None:
        """Close the bytes, and tell."""
        try:
            await self._stream.aclose()
        finally:
            with guard:
                self._state.closed()
