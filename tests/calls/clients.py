"""Clients that a call is made with, and what an SDK has of them, found by asking it."""

import importlib
import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import openai
from asks import Ask

from flavours import ASK, Flavour, Sync
from spanglass.testing import OpenAIServer

ASKED: dict[str, Any] = ASK
Absent = Callable[[Flavour, OpenAIServer], str | None]
Make = Callable[[Flavour, OpenAIServer], Any]


def never(_flavour: Flavour, _server: OpenAIServer) -> None:
    """Every SDK has it."""


def without(path: str) -> Absent:
    """Return what tells whether a client has no such attribute."""

    def absent(flavour: Flavour, server: OpenAIServer) -> str | None:
        try:
            attrgetter(path)(flavour.client(server))
        except AttributeError as error:
            return f"{error}"
        return None

    return absent


def untaken(path: str, parameter: str) -> Absent:
    """Return what tells whether the method at a path of a client does not take such a parameter."""

    def absent(flavour: Flavour, server: OpenAIServer) -> str | None:
        parameters = inspect.signature(attrgetter(path)(flavour.client(server))).parameters
        return None if parameter in parameters else f"this SDK's {path} takes no {parameter}="

    return absent


def both(*reasons: Absent) -> Absent:
    """Return what tells the first of the reasons that there is, if there is one."""

    def absent(flavour: Flavour, server: OpenAIServer) -> str | None:
        return next(filter(None, (reason(flavour, server) for reason in reasons)), None)

    return absent


def unparsable(ask: Ask) -> Absent:
    """Return what tells whether a raw response cannot be parsed to a type of the caller's."""

    def absent(flavour: Flavour, server: OpenAIServer) -> str | None:
        raw = getattr(attrgetter(ask.owner)(flavour.client(server)).with_raw_response, ask.helper)
        parameters = inspect.signature(flavour.wait(raw(**ask.body)).parse).parameters
        return None if "to" in parameters else "this SDK's raw responses have no parse(to=)"

    return absent


def sync_only(flavour: Flavour, _server: OpenAIServer) -> str | None:
    """Tell whether the family is the other one."""
    return None if isinstance(flavour, Sync) else "this is for the sync family only"


def refused(make: Make) -> Absent:
    """Return what tells whether the SDK takes no such client."""

    def absent(flavour: Flavour, server: OpenAIServer) -> str | None:
        try:
            make(flavour, server)
        except (AttributeError, ImportError, RuntimeError, TypeError) as error:
            return f"{error}"
        return None

    return absent


def exhaustible(flavour: Flavour, server: OpenAIServer) -> str | None:
    """Tell whether the SDK cannot send messages that are read only once."""
    try:
        flavour.create(flavour.client(server), messages=iter(ASKED["messages"]))
    except TypeError as error:
        return f"{error}"
    return None


def usual(flavour: Flavour, server: OpenAIServer) -> Any:
    """Return a client."""
    return flavour.client(server)


def azure(flavour: Flavour, server: OpenAIServer) -> Any:
    """Return a client of Azure."""
    return flavour.azure(server)


def own(client: Any) -> Any:
    """Return the class of HTTP client that the SDK uses, httpx's or httpx2's."""
    kinds = type(client._client).__mro__  # noqa: SLF001 - the SDK has no other name for it
    return next(kind for kind in kinds if kind.__name__ in {"Client", "AsyncClient"})


def over(make: Callable[[Any, Any], Any]) -> Make:
    """Return what makes a client over the HTTP client that `make` returns, of this class of this library."""

    def client(flavour: Flavour, server: OpenAIServer) -> Any:
        kind = own(flavour.client(server))
        return flavour.client(server, http_client=make(kind, importlib.import_module(kind.__module__)))

    return client


def of_library(name: str) -> Make:
    """Return what makes a client over an HTTP client of this library."""
    return over(lambda kind, _: getattr(importlib.import_module(name), kind.__name__)())


def default_of(*names: str) -> Make:
    """Return what makes a client over the HTTP client that the SDK exports, sync and async, under these names."""

    def client(flavour: Flavour, server: OpenAIServer) -> Any:
        name = names[0] if isinstance(flavour, Sync) else names[-1]
        return flavour.client(server, http_client=getattr(openai, name)())

    return client


def subclass(kind: Any, _library: Any) -> Any:
    """Return an HTTP client of a class of the caller's."""

    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        return kind.send(self, *args, **kwargs)

    return type("Mine", (kind,), {"send": send})()


def sending_itself(kind: Any, _library: Any) -> Any:
    """Return an HTTP client whose `send` is its own: what the SDK's would have done, under another name."""
    return type("Mine", (kind,), {"send": inspect.unwrap(kind.__dict__["send"])})()


def mocked(**answer: Any) -> Callable[[Any, Any], Any]:
    """Return what makes an HTTP client that answers by itself."""
    return lambda kind, library: kind(transport=library.MockTransport(lambda _: library.Response(200, **answer)))


def hooked(flavour: Flavour, server: OpenAIServer) -> Any:
    """Return a client that makes another call before each of its requests."""
    inner = flavour.client(server)
    hooks = {"request": [lambda _: inner.chat.completions.create(**{**ASKED, "model": "inner"})]}
    return over(lambda kind, _: kind(event_hooks=hooks))(flavour, server)


def provided(flavour: Flavour, server: OpenAIServer) -> Any:
    """Return a client that asks a model for its token."""

    def token() -> str:
        with openai.OpenAI(base_url=server.base_url, api_key="test") as inner:
            inner.chat.completions.create(**{**ASKED, "model": "inner"})
        return "token"

    return flavour.azure(server, api_key=None, azure_ad_token_provider=token)


AIO = default_of("DefaultAioHttpClient")


def aio_absent(flavour: Flavour, server: OpenAIServer) -> str | None:
    """Tell whether there is no client of aiohttp."""
    return "aiohttp is async" if isinstance(flavour, Sync) else refused(AIO)(flavour, server)
