"""A receiver in a program that forks: no fork in the midst of sending, and a connection of its own in each child."""

import os
import time
import weakref
from collections.abc import Callable, Sequence
from threading import Lock, get_ident
from typing import Protocol

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.batching import Sending
from spanglass.export.reporting import Sent

PATIENCE = 0.5
"""Seconds that forking waits for one export at most, counted from the begin of that export."""


class Receiving(Sending, Protocol):
    """Where batches go, one at a time."""

    @property
    def failing(self) -> bool:
        """Whether the last attempt came to nothing."""
        ...

    def break_off(self) -> bool:
        """Have an attempt that is under way come to nothing; false where it cannot."""
        ...


class ForkableReceiver:
    """Sends by what `reopen` returns, which is called at once, and again in each forked process that sends.

    Parent and child would write into one connection otherwise. A fork waits for an export that is under way, because
    gRPC is of no use in a child that was forked in the midst of a call, and may crash there. For a receiver that is
    slow it does not wait long: gRPC's call is then broken off and goes again.
    """

    def __init__(self, reopen: Callable[[], Receiving]) -> None:
        self._reopen = reopen
        self._pausing: set[int] = set()
        self._begin()
        self._receiver: Receiving | None = reopen()
        if hasattr(os, "register_at_fork"):
            # After gRPC has registered its own: the hooks before a fork run in the opposite order.
            os.register_at_fork(
                before=_weak(self._pause),
                after_in_parent=_weak(self._go_on),
                after_in_child=_weak(self._start_anew),
            )

    @property
    def failing(self) -> bool:
        """Whether the last attempt of this process came to nothing."""
        return self._receiver is not None and self._receiver.failing

    def send(self, spans: Sequence[ReadableSpan]) -> Sent:
        """Send one batch."""
        self._began = time.monotonic()
        with self._sending:
            if self._receiver is None:
                self._receiver = self._reopen()
            return self._receiver.send(spans)

    def close(self) -> None:
        """Send no more."""
        if self._receiver is not None:
            self._receiver.close()

    def _begin(self) -> None:
        self._sending = Lock()
        self._began = 0.0

    def _pause(self) -> None:
        left = self._began + PATIENCE - time.monotonic()
        if self._sending.acquire(timeout=max(0.0, left)) or self._broken_off():
            self._pausing.add(get_ident())

    def _broken_off(self) -> bool:
        receiver = self._receiver
        return receiver is not None and receiver.break_off() and self._sending.acquire(timeout=PATIENCE)

    def _go_on(self) -> None:
        if get_ident() in self._pausing:
            self._pausing.discard(get_ident())
            self._sending.release()

    def _start_anew(self) -> None:
        self._pausing.clear()
        self._receiver = None
        self._begin()


def _weak(method: Callable[[], None]) -> Callable[[], object]:
    """Return what calls a method as long as its object lives: a hook of a fork stays registered for ever."""
    found = weakref.WeakMethod(method)
    return lambda: (alive := found()) and alive()
