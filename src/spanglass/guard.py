"""The one place where spanglass's own failures stop: they are logged once a kind, and never reach the caller."""

import logging
from types import TracebackType

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
            log.warning("spanglass could not record a part of a call; the call itself is not affected", exc_info=error)
        return True


guard = Guard()
