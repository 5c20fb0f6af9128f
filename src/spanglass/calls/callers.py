"""The callers: sync and async, each a few lines around the same invocation.

    create()            operation   notes the start; records a mistake that no request came of
      request()         request     begins the call, delivers its result
        _build_request() build      puts the invocation on the request
        send()          attempt     notes each attempt, watches the bytes of a stream
        __stream__()    stream      puts the accumulator into the SDK's own stream
"""

from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

from spanglass.calls import tracing
from spanglass.calls.invocation import Aside, Invocation, Operation, Sending, Traced, begin, mistake, operation, running
from spanglass.calls.stream import AsyncWatchedBytes, StreamState, WatchedBytes, accumulate, accumulate_async
from spanglass.endpoints import ENDPOINTS
from spanglass.endpoints.endpoint import Endpoint
from spanglass.guard import guard

MARK = "spanglass"
Wrapper = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


# request


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced | None:
    """Begin a call where its endpoint is known."""
    chosen = tracing.current
    with guard:
        options = args[1] if len(args) > 1 else kwargs["options"]
        key = (options.method, options.url)
        if chosen is not None and key in ENDPOINTS:
            traced = begin(chosen, ENDPOINTS[key], client, options)
            if traced is not None:
                return traced
    return Aside() if running.get() is not None else None


def request(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`SyncAPIClient.request`: one call, whatever attempts it takes."""
    traced = _begin(client, args, kwargs)
    if traced is None:
        return wrapped(*args, **kwargs)
    with traced:
        return traced.deliver(wrapped(*args, **kwargs))


async def request_async(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`AsyncAPIClient.request`: the same, awaited."""
    traced = _begin(client, args, kwargs)
    if traced is None:
        return await wrapped(*args, **kwargs)
    with traced:
        return traced.deliver(await wrapped(*args, **kwargs))


# attempts


def build(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG001 - wrapt's signature
    """`BaseClient._build_request`: the request carries its invocation from here on, through retries and redirects."""
    built = wrapped(*args, **kwargs)
    invocation = running.get()
    if invocation is not None:
        with guard:
            built.extensions[MARK] = invocation
            invocation.built(built)
    return built


def _invocation(given: tuple[Any, ...], kwargs: dict[str, Any]) -> "Invocation | None":
    with guard:
        carrier = given[0] if given else kwargs["request"]
        return carrier.extensions[MARK] if MARK in carrier.extensions else None  # noqa: SIM401 - a call a request
    return None


class Family(NamedTuple):
    """The watched bytes of one family of HTTP client: httpx, or httpx2."""

    watched: Callable[[Any, StreamState], Any]
    watched_async: Callable[[Any, StreamState], Any]


def family_of(module: Any) -> Family:
    """Return the family of an imported `httpx` or `httpx2`; its responses take only byte streams of its own."""
    return Family(
        type("WatchedBytes", (WatchedBytes, module.SyncByteStream), {}),
        type("AsyncWatchedBytes", (AsyncWatchedBytes, module.AsyncByteStream), {}),
    )


def send(family: Family, wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`Client.send`: one attempt."""
    invocation = _invocation(args, kwargs)
    if invocation is None:
        return wrapped(*args, **kwargs)
    with Sending(invocation, family.watched, args, kwargs) as sending:
        return sending.answer(wrapped(*args, **kwargs))


async def send_async(family: Family, wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`AsyncClient.send`: the same, awaited."""
    invocation = _invocation(args, kwargs)
    if invocation is None:
        return await wrapped(*args, **kwargs)
    with Sending(invocation, family.watched_async, args, kwargs) as sending:
        return sending.answer(await wrapped(*args, **kwargs))


# stream


def _state(stream: Any) -> StreamState | None:
    with guard:
        extensions = stream.response.request.extensions
        return extensions[MARK].stream if MARK in extensions else None
    return None


def stream(wrapped: Any, instance: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
    """`Stream.__stream__`: the chunks are seen as they are taken."""
    inner = wrapped()
    state = _state(instance)
    return inner if state is None else accumulate(state, inner)


def stream_async(wrapped: Any, instance: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
    """`AsyncStream.__stream__`: the same, awaited."""
    inner = wrapped()
    state = _state(instance)
    return inner if state is None else accumulate_async(state, inner)


# operation


class Noted:
    """A method of a resource under way: what begins within it takes its start and its name."""

    __slots__ = ("_endpoint", "_given", "_noted", "_outer", "_resource")

    def __init__(self, endpoint: Endpoint, helper: str, resource: Any, given: dict[str, Any]) -> None:
        self._endpoint = endpoint
        self._resource = resource
        self._given = given
        self._noted = Operation(helper)

    def __enter__(self) -> None:
        self._outer = operation.get()
        operation.set(self._noted)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if operation.get() is self._noted:
            operation.set(self._outer)
        if isinstance(error, Exception) and not self._noted.begun and tracing.current is not None:
            with guard:
                client = self._resource._client  # noqa: SLF001 - a resource has no other name for it
                mistake(tracing.current, self._endpoint, client, self._noted, self._given, error)


def method(
    endpoint: Endpoint, helper: str, wrapped: Any, resource: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """`Completions.create` and its like."""
    if tracing.current is None:
        return wrapped(*args, **kwargs)
    with Noted(endpoint, helper, resource, kwargs):
        return wrapped(*args, **kwargs)


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
    if tracing.current is None:
        return wrapped(*args, **kwargs)
    noted = Noted(endpoint, helper, resource, kwargs)
    with noted:
        coroutine = wrapped(*args, **kwargs)
    if not hasattr(coroutine, "send"):
        return coroutine
    awaited = _awaited(noted, Unstarted(coroutine))
    awaited.__qualname__, awaited.__name__ = coroutine.__qualname__, coroutine.__name__
    return awaited


async def _awaited(noted: Noted, unstarted: Unstarted) -> Any:
    with noted:
        return await unstarted.coroutine
