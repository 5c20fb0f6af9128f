"""The method that the program called: its name and its start, noted before any request is begun."""

from collections.abc import Mapping
from contextvars import ContextVar
from time import perf_counter_ns, time_ns
from typing import Any


class Operation:
    """What the SDK's method noted before any request was begun."""

    __slots__ = ("begun", "given", "helper", "origin", "start")

    def __init__(self, helper: str) -> None:
        self.helper = helper
        # The arguments, where there was a method.
        self.given: Mapping[str, Any] | None = None
        self.start = time_ns()
        self.origin = perf_counter_ns()
        self.begun = False


operation: ContextVar[Operation | None] = ContextVar("spanglass_operation", default=None)
