"""The last moments of a process: what to do at exit, and on SIGTERM where the program does nothing itself."""

import atexit
import signal
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from types import FrameType

from spanglass.export.batching import BatchProcessor
from spanglass.export.children import on_child_leaving
from spanglass.export.forking import ForkableReceiver
from spanglass.export.panel import Panel
from spanglass.guard import guard

LIMIT = 6.0
"""Seconds that SIGTERM waits at most."""

AGAIN = 0.002
"""Seconds after which a signal comes again that came while the main thread held one of our own locks."""

TIMES = 50
"""How often it does: in the same places the main thread may also just wait, and hold none."""

LOCKING = {method.__code__.co_filename for method in (BatchProcessor.on_end, ForkableReceiver.send, Panel.on_end)}
"""The modules that hold a lock which ending a span or sending needs."""


def on_leaving(finish: Callable[[], object]) -> None:
    """Call `finish` once at exit, and before SIGTERM ends the process, this one or one forked of it.

    At exit it runs before whatever was registered earlier. A program's own handler for SIGTERM, set before or
    after, is left alone, and the process still ends by the signal.
    """
    guarded = partial(_guarded, finish)
    atexit.register(guarded)
    on_child_leaving(guarded)
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    times = count()

    def terminate(signum: int, frame: FrameType | None) -> None:
        if _locking(frame) and next(times) < TIMES:
            with guard:
                _come_again(signum)
                return
        _bounded(finish)
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)

    signal.signal(signal.SIGTERM, terminate)


def _locking(frame: FrameType | None) -> bool:
    """Whether the main thread was in a module that holds a lock; it lets go of it only when the handler returns."""
    while frame is not None:
        if frame.f_code.co_filename in LOCKING:
            return True
        frame = frame.f_back
    return False


def _come_again(signum: int) -> None:
    timer = threading.Timer(AGAIN, signal.pthread_kill, (threading.get_ident(), signum))
    timer.daemon = True
    timer.start()


def _bounded(finish: Callable[[], object]) -> None:
    """Run on a thread of its own: the signal may have come while this one held a lock that sending needs."""
    thread = threading.Thread(target=_guarded, args=(finish,), name="spanglass-leaving", daemon=True)
    with guard:
        thread.start()
        thread.join(LIMIT)


def _guarded(finish: Callable[[], object]) -> None:
    with guard:
        finish()
