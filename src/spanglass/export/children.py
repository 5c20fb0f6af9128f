"""The end of child processes that leave by `os._exit`, past all that is registered with `atexit`.

Those of multiprocessing do, and the workers of Celery's pool. Neither is imported here: which is loaded is looked up,
and again in each forked process.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType

from spanglass.guard import guard

LAST = -1000
"""The priority of what a child does at its end, after all of multiprocessing's own."""

Act = Callable[[], object]


def on_child_leaving(finish: Act) -> None:
    """Call `finish` as a child process ends, be it this one or one that is forked of it."""
    look = partial(_look, finish, set())
    look()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=look)


def _look(finish: Act, seen: set[str]) -> None:
    """Find the libraries that are loaded and were not yet `seen`."""
    with guard:
        util, process = (sys.modules.get(f"multiprocessing.{name}") for name in ("util", "process"))
        if util and process and util.__name__ not in seen:
            seen.add(util.__name__)
            _join(util, process, finish)
        if (celery := sys.modules.get("celery.signals")) and celery.__name__ not in seen:
            seen.add(celery.__name__)
            celery.worker_process_shutdown.connect(_receiver(finish), weak=False)  # after a SIGTERM too


def _receiver(act: Act) -> Callable[..., object]:
    def receive(**_: object) -> None:
        act()

    return receive


def _join(util: ModuleType, process: ModuleType, finish: Act) -> None:
    """Have children of multiprocessing call `finish` at their end; each forgets at its begin what its parent wanted."""

    def at_end(finish: Act) -> None:
        util.Finalize(None, finish, exitpriority=LAST)

    util.register_after_fork(finish, at_end)
    if process.current_process().name != "MainProcess":
        at_end(finish)
