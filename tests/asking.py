"""What the SDK at hand can do, found by asking it: no test asks for its version."""

import importlib
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

import openai
import pytest
from openai import _base_client
from openai._models import FinalRequestOptions
from openai._types import NOT_GIVEN
from opentelemetry.instrumentation.utils import suppress_instrumentation

from flavours import ASK, known

FAMILIES = tuple(importlib.import_module(name) for name in ("httpx", "httpx2") if find_spec(name) is not None)


def _own_family() -> Any:
    with openai.OpenAI(base_url="http://127.0.0.1", api_key="test") as client:
        bases: list[str] = [kind.__module__ for kind in type(client._client).__mro__]  # noqa: SLF001 - it has no other name
    return next(family for family in FAMILIES if family.__name__ in bases)


HTTP: Any = _own_family()
"""The HTTP client that the SDK makes for itself: httpx or httpx2."""

OMIT: Any = getattr(openai, "omit", NOT_GIVEN)
"""What stands for a parameter that is not given."""


def need(owner: Any, path: str) -> Any:
    """Return what stands at a dotted path below an object of the SDK; skip the test where there is no such thing."""
    found = owner
    for name in path.split("."):
        if not hasattr(found, name):
            pytest.skip(f"this SDK has no {path}")
        found = getattr(found, name)
    return found


@cache
def _sent(method: str, asked: str) -> str:
    return bare(method, json.loads(asked))


def bare(method: str, asked: Mapping[str, Any]) -> str:
    """Return the body that a method of the bare SDK sends for what is asked."""
    bodies: list[str] = []

    def note(request: Any) -> Any:
        bodies.append(request.content.decode())
        return HTTP.Response(400)

    http = HTTP.Client(transport=HTTP.MockTransport(note))
    with (
        suppress_instrumentation(),
        openai.OpenAI(api_key="test", http_client=http) as client,
        suppress(openai.BadRequestError),
    ):
        called = attrgetter(method)(client)
        called(**known(called, dict(asked)))
    return bodies[0]


def sent(method: str = "chat.completions.create", body: Mapping[str, Any] = ASK, **asked: Any) -> str:
    """Return the same of plain data, of which each is asked once."""
    return _sent(method, json.dumps({**body, **asked}))


def _sends_generators() -> bool:
    try:
        bare("chat.completions.create", {**ASK, "messages": (message for message in ASK["messages"])})
    except TypeError:
        return False
    return True


needs_generators = pytest.mark.skipif(not _sends_generators(), reason="this SDK sends no messages of a generator")


def wait_for(headers: dict[str, str]) -> float:
    """Return the seconds that the SDK would wait before its first retry of a response with these headers."""
    with openai.OpenAI(base_url="http://127.0.0.1", api_key="test") as client:
        asking: Any = client._calculate_retry_timeout  # noqa: SLF001 - it has no other name
        return float(asking(2, FinalRequestOptions(method="post", url="/"), HTTP.Headers(headers)))


def hasten(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the SDK's own backoff begin with so many seconds, rather than with half a one."""
    if hasattr(_base_client, "INITIAL_RETRY_DELAY"):
        monkeypatch.setattr(_base_client, "INITIAL_RETRY_DELAY", seconds)
    else:  # an older one has no name for it: it takes away up to a quarter by chance
        monkeypatch.setattr(_base_client, "random", lambda: (1 - seconds / 0.5) / 0.25)


def plain(model: Any) -> Any:
    """Return a model's fields, those that came, as plain data."""
    return model.to_dict() if hasattr(model, "to_dict") else model.model_dump(exclude_unset=True)
