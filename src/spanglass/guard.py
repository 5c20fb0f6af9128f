"""The one place where spanglass's own failures stop: they are logged once a kind, and never reach the caller."""

import logging
from collections.abc import Callable
from traceback import format_tb
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger("spanglass")


class Guard:
    """A context manager that swallows `Exception`s and lets `BaseException`s pass.

    `strict` turns it inside out: what it would swallow is raised, so that tests see it.
    """

    __slots__ = ("_told", "strict")

    def __init__(self) -> None:
        self._told: set[tuple[str, int]] = set()
        self.strict = False

    def __enter__(self) -> None:
        """Begin a stretch of our own work."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, Exception) or self.strict:
            return False
        where = traceback
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = (where.tb_frame.f_code.co_filename, where.tb_lineno) if where is not None else ("", 0)
        if place not in self._told:
            self._told.add(place)
            foreign(_tell, error)
        return True


def _tell(error: Exception) -> None:
    # Without the exception's text, which may hold what is to be hidden.
    frames = "".join(format_tb(error.__traceback__))
    log.warning(
        "spanglass could not record a part of a call; the call itself is not affected (%s)\n%s",
        error.__class__.__name__,
        frames.rstrip(),
    )


def foreign(function: Callable[[T], R], value: T) -> R | None:
    """Call what may run a user's code, such as a mapping's methods, and return None where that raises."""
    try:
        return function(value)
    except Exception:  # noqa: BLE001 - anybody's code raises anything
        return None


guard = Guard()
