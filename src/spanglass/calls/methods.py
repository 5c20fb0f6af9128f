"""The resources' own methods, such as `create`: what begins within one takes its name and its start.

They begin nothing: a call that is nested in another's generator would be taken for it. Only where an exception comes
out before any request was begun do they record it themselves.
"""

from collections.abc import Coroutine
from contextlib import AbstractContextManager
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any, TypeVar

from spanglass.calls import tracing
from spanglass.calls.begin import mistake
from spanglass.calls.callers import request, request_async
from spanglass.calls.operation import Operation, operation
from spanglass.calls.own import OWN, with_retries
from spanglass.calls.rivals import reach
from spanglass.calls.tracing import Tracing
from spanglass.endpoints.endpoint import Endpoint
from spanglass.guard import guard

T = TypeVar("T")
REQUESTS = (request, request_async)
# What a client has of its own is read off its `__dict__`, and the client off its resource's: on every call a look is
# free, and a function is not.


class Noted(Operation):
    """A method of a resource under way: what begins within it takes its start and its name."""

    __slots__ = ("_endpoint", "_outer", "_own", "_resource")

    def __init__(
        self, endpoint: Endpoint, helper: str, resource: Any, given: dict[str, Any], own: Tracing | None
    ) -> None:
        self.helper = helper
        self._endpoint = endpoint
        self._resource = resource
        self.given = given
        self._own = own

    def __enter__(self) -> None:
        try:  # free of a call where nobody else is
            ours = self._resource._client.request._self_wrapper in REQUESTS  # noqa: SLF001 - the SDK's, and wrapt's
        except AttributeError:
            ours = False
        if not ours:
            reach(self._resource)
        # Here, not above: a coroutine may be awaited long after the method was called.
        self.start = time_ns()
        self.origin = perf_counter_ns()
        self.begun = False
        self._outer = operation.get()
        operation.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            operation.set(self._outer)
            return
        if operation.get() is self:  # or else the coroutine was closed in another context
            operation.set(self._outer)
        chosen = self._own or tracing.current
        if isinstance(error, Exception) and not self.begun and chosen is not None:
            with guard:
                client = self._resource._client  # noqa: SLF001 - a resource has no other name for it
                mistake(chosen, self._endpoint, client, self, error)


def method(
    endpoint: Endpoint, helper: str, wrapped: Any, resource: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """`Completions.create` and its like."""
    held = resource.__dict__
    kept = held["_client"].__dict__ if "_client" in held else held
    own = kept[OWN] if OWN in kept else None
    if own is None and tracing.current is None:
        return wrapped(*args, **kwargs)
    with Noted(endpoint, helper, resource, kwargs, own):
        return wrapped(*args, **(kwargs if own is None else with_retries(kwargs)))


class Unstarted:
    """The SDK's coroutine, closed without a word where ours is never awaited: one warning is enough."""

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        self.coroutine.close()


def method_async(
    endpoint: Endpoint, helper: str, wrapped: Any, resource: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """`AsyncCompletions.create`: called at once, so that its errors come when the SDK's do, and awaited later."""
    held = resource.__dict__
    kept = held["_client"].__dict__ if "_client" in held else held
    own = kept[OWN] if OWN in kept else None
    if own is None and tracing.current is None:
        return wrapped(*args, **kwargs)
    noted = Noted(endpoint, helper, resource, kwargs, own)
    with noted:
        coroutine = wrapped(*args, **(kwargs if own is None else with_retries(kwargs)))
    return awaited(noted, coroutine) if hasattr(coroutine, "send") else coroutine


def awaited(around: AbstractContextManager[object], coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that is the SDK's own, with `around` around it once it runs."""
    return named(_awaited(around, Unstarted(coroutine)), coroutine)


def named(made: T, like: Any) -> T:
    """Return a coroutine or a generator of ours under the name of the SDK's."""
    for name in ("__name__", "__qualname__"):
        setattr(made, name, getattr(like, name))
    return made


async def _awaited(around: AbstractContextManager[object], unstarted: Unstarted) -> Any:
    with around:
        return await unstarted.coroutine


def opening(wrapped: Any, resource: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`Completions.stream`: what it returns calls `create`, on entering or before."""
    held = resource.__dict__
    kept = held["_client"].__dict__ if "_client" in held else held
    return wrapped(*args, **(with_retries(kwargs) if OWN in kept else kwargs))
