"""The callers, sync and async, each a few lines around the same invocation.

- `create` (in `methods`) notes the start, and records a mistake that no request came of;
- `request` begins the call and delivers its result;
- `_build_request` puts the invocation on the request;
- `send` notes each attempt, and watches the bytes of a stream;
- `__stream__` puts the accumulator into the SDK's own stream.
"""

from collections.abc import Callable
from time import perf_counter_ns
from types import TracebackType
from typing import Any, NamedTuple

from spanglass.calls import tracing
from spanglass.calls.aside import Aside, Traced, running
from spanglass.calls.begin import begin
from spanglass.calls.invocation import Invocation
from spanglass.calls.own import OWN, take_retries
from spanglass.calls.stream import AsyncWatchedBytes, StreamState, WatchedBytes, accumulate, accumulate_async
from spanglass.endpoints import ADDRESSES, BEGINNING, ENDPOINTS, addressed
from spanglass.guard import guard
from spanglass.record import Attempt

MARK = "spanglass"
Wrapper = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


# request


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced | None:
    """Begin a call where its endpoint is known."""
    chosen = tracing.current
    with guard:
        options = args[1] if args[1:] else kwargs["options"]
        own = client.__dict__
        if OWN in own:
            chosen = own[OWN]
            take_retries(options)
        key = (options.method, options.url)
        if chosen is not None:
            traced = None
            if key in ENDPOINTS:
                traced = begin(chosen, ENDPOINTS[key], client, options)
            elif ADDRESSES in key[1][:BEGINNING]:
                found = addressed(*key)
                traced = None if found is None else begin(chosen, found.endpoint, client, options, found.id)
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
    try:
        extensions = (given[0] if given else kwargs["request"]).extensions
        invocation: Invocation | None = extensions[MARK] if MARK in extensions else None
    except (AttributeError, KeyError, TypeError):  # no request: the client will say so
        return None
    return invocation if invocation is None or invocation.ticket else None  # one settled is sent again by hand


class Sending:
    """One attempt under way; `watch` makes the bytes of a stream that is still to come into watched ones."""

    __slots__ = ("_attempt", "_invocation", "_request", "_streamed", "_watch")

    def __init__(
        self,
        invocation: Invocation,
        watch: Callable[[Any, StreamState], Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._invocation = invocation
        self._watch = watch
        self._request = args[0] if args else kwargs["request"]
        self._streamed = "stream" in kwargs and kwargs["stream"]
        attempts = invocation.record.attempts
        self._attempt = Attempt(len(attempts) + 1, perf_counter_ns() - invocation.origin)
        attempts += [self._attempt]

    def __enter__(self) -> None:
        """Begin to wait for the response."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            with guard:
                self._invocation.refuse(self._attempt, self._request, error)

    def answer(self, response: Any) -> Any:
        """Note the response, and return it."""
        with guard:
            state = self._invocation.answer(self._attempt, self._request, response, streamed=self._streamed)
            if state is not None:
                response.stream = self._watch(response.stream, state)
        return response


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
    sending = Sending(invocation, family.watched, args, kwargs)
    with sending:
        return sending.answer(wrapped(*args, **kwargs))


async def send_async(family: Family, wrapped: Any, _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`AsyncClient.send`: the same, awaited."""
    invocation = _invocation(args, kwargs)
    if invocation is None:
        return await wrapped(*args, **kwargs)
    sending = Sending(invocation, family.watched_async, args, kwargs)
    with sending:
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
