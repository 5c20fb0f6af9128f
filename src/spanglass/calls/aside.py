"""What the SDK works within: a call that is recorded, one that is not, or a request that is none of ours."""

from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span

from spanglass.guard import guard

T = TypeVar("T")

# The invocation whose requests the SDK is building.
running: ContextVar[Any] = ContextVar("spanglass_running", default=None)


class Traced(Protocol):
    """A call under way: used as a context around the SDK's own work."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def deliver(self, result: T) -> T:
        """Note what the SDK returns, and return it."""
        ...


class Aside:
    """A request that is no call of ours, within one that is: its attempts are not that call's."""

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer = running.get()
        running.set(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if running.get() is None:
            running.set(self._outer)

    def deliver(self, result: T) -> T:
        """Return the result."""
        return result


class Unrecorded(Aside):
    """A call that nobody samples: its span is current while the SDK works, and that is all."""

    __slots__ = ("_context", "_previous", "_span")

    def __init__(self, span: Span, context: Context) -> None:
        self._span = span
        self._context = trace.set_span_in_context(span, context)
        self._previous = context

    def __enter__(self) -> None:
        self._outer = running.get()
        if self._outer is not None:
            running.set(None)
        attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A coroutine may be closed in another context than the one that it was started in.
        if error is None or get_current() is self._context:
            attach(self._previous)
            if self._outer is not None:
                running.set(self._outer)
        with guard:
            self._span.end()
