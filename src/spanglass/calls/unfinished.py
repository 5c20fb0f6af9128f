"""The calls that are open, and those that are to be finished soon.

A finaliser finishes nothing: it may run on a thread that holds a lock of the exporter, which ending a span would ask
for again. It queues the call here, and whoever begins, finishes or flushes next drains the queue.
"""

import atexit
import gc
import os
from collections import deque
from collections.abc import Mapping
from threading import get_ident
from typing import NamedTuple, Protocol

from spanglass.guard import guard


class Call(Protocol):
    """A call that can be finished."""

    def settle(self, outcome: str, error: BaseException | None, at: int) -> None:
        """Write the span and end it, once. `at` is monotonic, in nanoseconds; `outcome` is for a stream."""
        ...

    def abandon(self) -> None:
        """Finish with what has arrived until now."""
        ...

    def disown(self) -> None:
        """Never finish: another process does."""
        ...


class Lost(NamedTuple):
    """A call to be finished soon, as if at a time that has passed."""

    call: Call
    outcome: str
    at: int


_open: set[Call] = set()
lost: deque[Lost] = deque()
_registered: list[bool] = []
_collector = 0


def hold(call: Call) -> None:
    """Keep a call that has a stream: it is finished at the program's end, if not before."""
    if not _registered:
        _registered.append(True)
        # At the first stream: later than a provider's own hook, and so run before it.
        atexit.register(finish_open)
        gc.callbacks.append(_note_collection)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)
    _open.add(call)


def release(call: Call) -> None:
    """Let go of a call that is finished."""
    _open.discard(call)


def open_calls() -> list[Call]:
    """Return the calls that are open now."""
    return [*_open]


def lose(call: Call, outcome: str, at: int) -> None:
    """Have a call finished soon. Takes no lock."""
    lost.append(Lost(call, outcome, at))


def collecting() -> bool:
    """Tell whether the garbage collector is running on this thread, which may then hold any lock."""
    return _collector != 0 and _collector == get_ident()


def drain() -> None:
    """Finish the calls that were queued. Never called from a finaliser."""
    while lost:
        try:
            call, outcome, at = lost.popleft()
        except IndexError:  # another thread was faster
            return
        call.settle(outcome, None, at)


def finish_open() -> None:
    """Finish all calls that are still open, as the program ends."""
    drain()
    for call in open_calls():
        with guard:
            call.abandon()


def _forget() -> None:
    """Leave a forked process's calls to its parent, where they go on."""
    for call in [*open_calls(), *(call for call, _, _ in lost)]:
        call.disown()
    _open.clear()
    lost.clear()


def _note_collection(phase: str, _: Mapping[str, int]) -> None:
    global _collector  # noqa: PLW0603 - the collector calls with nothing of ours at hand
    _collector = get_ident() if phase == "start" else 0
