"""The last moments of a process: what to do at exit, and on SIGTERM where the program does nothing itself."""

import atexit
import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

from spanglass.export.children import on_child_leaving
from spanglass.guard import guard

LIMIT = 6.0
"""Seconds that SIGTERM waits at most."""


def on_leaving(finish: Callable[[], object]) -> None:
    """Call `finish` once at exit, and before SIGTERM ends the process, this one or one forked of it.

    At exit it runs before whatever was registered earlier. A program's own handler for SIGTERM, set before or
    after, is left alone, and the process still ends by the signal.
    """
    guarded = partial(_guarded, finish)
    atexit.register(guarded)
    on_sigterm = partial(_on_sigterm, finish)
    on_sigterm()
    on_child_leaving(guarded, begin=on_sigterm)


def _on_sigterm(finish: Callable[[], object]) -> None:
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def terminate(signum: int, _frame: FrameType | None) -> None:
        _bounded(finish)
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)

    signal.signal(signal.SIGTERM, terminate)


def _bounded(finish: Callable[[], object]) -> None:
    """Run on a thread of its own: the signal may have come while this one held a lock that sending needs."""
    thread = threading.Thread(target=_guarded, args=(finish,), name="spanglass-leaving", daemon=True)
    with guard:
        thread.start()
        thread.join(LIMIT)


def _guarded(finish: Callable[[], object]) -> None:
    with guard:
        finish()
