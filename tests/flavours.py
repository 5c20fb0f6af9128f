"""The SDK's two families in the same words, so that a test is written once and holds for both."""

import asyncio
import gc
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from contextvars import copy_context
from typing import Any, ClassVar

import openai
from typing_extensions import override

from spanglass.testing import OpenAIServer

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
# Parameters that an older SDK does not have, but takes in `extra_body`.
LATER = (
    *("audio", "background", "max_completion_tokens", "metadata", "modalities"),
    *("prompt", "safety_identifier", "stream_options"),
)


def known(method: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of a method in the words of the SDK, which may be too old to have all of `LATER`."""
    parameters = inspect.signature(method).parameters
    extra = {name: asked[name] for name in LATER if name in asked and name not in parameters}
    if not extra:
        return asked
    own = {name: value for name, value in asked.items() if name not in extra}
    return {**own, "extra_body": {**extra, **own.get("extra_body", {})}}


def held() -> dict[str, Any]:
    """Return what the context variables hold here, by their names; an empty value is as good as none."""
    return {variable.name: value for variable, value in copy_context().items() if value}


class Flavour(ABC):
    """What tests do with one family of the SDK, each step blocking; `wait` does those that this has no word for."""

    kind: ClassVar[type[Any]]
    azure_kind: ClassVar[type[Any]]

    def __init__(self) -> None:
        self._clients: list[Any] = []

    def client(self, server: OpenAIServer, kind: type[Any] | None = None, **options: Any) -> Any:
        """Return a client of the server, closed when the test is over; of the SDK's kind, or of a subclass."""
        self._clients.append((kind or self.kind)(**{"base_url": server.base_url, "api_key": "test", **options}))
        return self._clients[-1]

    def azure(self, server: OpenAIServer, **options: Any) -> Any:
        """Return an Azure client of the server, likewise."""
        given = {"azure_endpoint": server.url, "api_key": "test", "api_version": "2024-10-21", **options}
        self._clients.append(self.azure_kind(**given))
        return self._clients[-1]

    def create(self, client: Any, **asked: Any) -> Any:
        """Create a chat completion; `asked` adds to `ASK`, or replaces what is there."""
        method = client.chat.completions.create
        return self.wait(method(**known(method, {**ASK, **asked})))

    def take(self, stream: Any, count: int | None = None, *, entered: bool = False) -> list[Any]:
        """Loop over a stream, break after `count` chunks if given, and return the chunks."""
        taken: list[Any] = []

        def leaves(chunk: Any) -> bool:
            taken.append(chunk)
            return len(taken) == count

        self.each(stream, leaves, entered=entered)
        return taken

    def close(self, closed: Any) -> None:
        """Close a stream or a client."""
        self.wait(closed.close())

    def leave(self) -> list[Any]:
        """Close all clients, and return what an event loop has complained of, and what awaits have left in contexts."""
        self.collect()
        for client in self._clients:
            self.close(client)
        self._clients.clear()  # pytest keeps what it gave to a test for longer than the test lasts
        return []

    @abstractmethod
    def wait(self, value: Any) -> Any:
        """Return the value itself, or what comes of it where it is to be awaited."""

    @abstractmethod
    def entered(self, entering: Any) -> AbstractContextManager[Any]:
        """Return what enters and leaves an object of the SDK's that is for a `with`, or an `async with`."""

    @abstractmethod
    def next(self, stream: Any) -> Any:
        """Take one chunk by hand; raise StopIteration or StopAsyncIteration where there is none."""

    @abstractmethod
    def each(self, stream: Any, leaves: Callable[[Any], bool], *, entered: bool = False) -> None:
        """Loop over a stream until `leaves` says so of a chunk; `entered` does it in the stream's own `with`."""

    @abstractmethod
    def collect(self) -> None:
        """Collect garbage, and let happen what follows from that."""


class Sync(Flavour):
    """`OpenAI`."""

    kind = openai.OpenAI
    azure_kind = openai.AzureOpenAI

    @override
    def wait(self, value: Any) -> Any:
        return value

    @override
    def entered(self, entering: Any) -> AbstractContextManager[Any]:
        manager: AbstractContextManager[Any] = entering
        return manager

    @override
    def next(self, stream: Any) -> Any:
        return next(stream)

    @override
    def each(self, stream: Any, leaves: Callable[[Any], bool], *, entered: bool = False) -> None:
        with stream if entered else nullcontext(stream) as chunks:
            for chunk in chunks:
                if leaves(chunk):
                    break

    @override
    def collect(self) -> None:
        gc.collect()


class Async(Flavour):
    """`AsyncOpenAI`, in an event loop that runs while something is waited for."""

    kind = openai.AsyncOpenAI
    azure_kind = openai.AsyncAzureOpenAI

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._complaints: list[Any] = []
        self._loop.set_exception_handler(lambda _, complaint: self._complaints.append(complaint))

    @override
    def wait(self, value: Any) -> Any:
        return self._loop.run_until_complete(self._awaited(value)) if isinstance(value, Awaitable) else value

    async def _awaited(self, value: Awaitable[Any]) -> Any:
        before = held()
        try:
            return await value
        finally:
            if held() != before:
                self._complaints.append((before, held()))

    @override
    @contextmanager
    def entered(self, entering: Any) -> Generator[Any]:
        stack = AsyncExitStack()
        given = self.wait(stack.enter_async_context(entering))
        try:
            yield given
        finally:
            self.wait(stack.__aexit__(*sys.exc_info()))

    @override
    def next(self, stream: Any) -> Any:
        return self.wait(anext(stream))

    @override
    def each(self, stream: Any, leaves: Callable[[Any], bool], *, entered: bool = False) -> None:
        self.wait(_each(stream, leaves, entered=entered))

    @override
    def collect(self) -> None:
        self.wait(_collect())

    @override
    def leave(self) -> list[Any]:
        super().leave()
        self.collect()  # what only the clients have held: some SDKs leave generators of theirs to the collector
        self.wait(self._loop.shutdown_asyncgens())
        self._loop.close()
        return self._complaints


async def _each(stream: Any, leaves: Callable[[Any], bool], *, entered: bool) -> None:
    async with stream if entered else nullcontext(stream) as chunks:
        async for chunk in chunks:
            if leaves(chunk):
                break


async def _collect() -> None:
    """Collect until nothing comes of it: a generator that is closed may leave another to the collector."""
    while True:
        gc.collect()
        await asyncio.sleep(0)
        # The loop closes the async generators that were collected, each in a task of its own.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return
        await asyncio.wait(others)


FLAVOURS: tuple[type[Flavour], ...] = (Sync, Async)
