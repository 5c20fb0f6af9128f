"""What costs next to nothing, in calls of functions: a call that is not known, and a tool that nobody samples."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest
from openai.lib.browser import BrowserToolset
from openai.types.responses import ResponseFunctionToolCall
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from bench import api
from bench.measure import count
from spanglass import OpenAIInstrumentor, wrap_openai

MOST = 15
"""Calls of functions that are added to one call, whatever it is."""

UNSAMPLED = 95
"""Those that are added to a tool's run that is not sampled, of which the SDK of OpenTelemetry takes some 60."""

Call = Callable[[Any], Any]
# Each makes so many calls.
CALLS: dict[str, tuple[int, Call]] = {
    "models.list": (1, lambda client: client.models.list()),
    "models.retrieve": (1, lambda client: client.models.retrieve("gpt-5")),
    "files.create": (1, lambda client: client.files.create(file=b"{}", purpose="batch")),
    "files.list, two pages": (2, lambda client: every(client.files.list())),
    "vector_stores.search": (1, lambda client: client.vector_stores.search("vs_1", query="why?")),
    "responses.delete": (1, lambda client: client.responses.delete("resp_1")),
    "responses.input_items.list": (1, lambda client: client.responses.input_items.list("resp_1")),
    "client.post": (1, lambda client: client.post("/anything", cast_to=object, body={})),
}


def answer(request: Any) -> Any:
    """Answer a request: with a page, and of files with a second one."""
    more = "/files" in str(request.url) and "after" not in str(request.url)
    return api.http.Response(200, json={"id": "x", "data": [{"id": "x"}] if more else [], "has_more": more})


async def answer_async(request: Any) -> Any:
    """Answer a request likewise."""
    return answer(request)


def every(pages: Any) -> Any:
    """Return all items of a list that comes in pages."""
    return _every(pages) if hasattr(pages, "__aiter__") else list(pages)


async def _every(pages: Any) -> list[Any]:
    return [item async for item in pages]


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def client_of(kind: str) -> Any:
    """Return a client of an API in memory."""
    transport = api.http.MockTransport(answer if kind == "sync" else answer_async)
    if kind == "sync":
        return openai.OpenAI(**api.OPTIONS, http_client=api.http.Client(transport=transport))
    return openai.AsyncOpenAI(**api.OPTIONS, http_client=api.http.AsyncClient(transport=transport))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give an event loop."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def provider() -> TracerProvider:
    """Give a provider; it must get no span."""
    return TracerProvider(shutdown_on_exit=False)


def put_back() -> None:
    """Leave nothing wrapped of clients that were dropped."""
    gc.collect()
    OpenAIInstrumentor().instrument()
    OpenAIInstrumentor().uninstrument()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the budgets are counts of CPython 3.11")
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", CALLS)
def test_unknown_call(name: str, kind: str, loop: asyncio.AbstractEventLoop, provider: TracerProvider) -> None:
    """A call that is not known takes few calls more than the bare SDK does, with a wrapped client as with all."""
    calls, call = CALLS[name]
    client = client_of(kind)

    def run() -> Any:
        made = call(client)
        return loop.run_until_complete(_awaited(made)) if kind == "async" else made

    put_back()
    bare = count(run)
    OpenAIInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    try:
        instrumented = count(run) - bare
        wrap_openai(client, tracer_provider=provider)
        wrapped = count(run) - bare
    finally:
        OpenAIInstrumentor().uninstrument()

    added = {"instrumented": instrumented / calls, "wrapped": wrapped / calls}
    assert dict.fromkeys(added, True) == {way: 0 < added[way] <= MOST for way in added}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the budgets are counts of CPython 3.11")
def test_unsampled_tool() -> None:
    """A tool that the SDK runs and nobody samples is not read, and costs no more than an unsampled call."""
    driver = type("Driver", (), {"state": lambda _: {"tabs": []}, "get_page_text": lambda _, __: "News."})()
    toolset = BrowserToolset(driver, members=["get_page_text"])
    call = ResponseFunctionToolCall(
        type="function_call", name="browser_get_page_text", arguments='{"tab_id":null}', call_id="call_1"
    )
    put_back()
    bare = count(lambda: toolset.execute(call))
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    OpenAIInstrumentor().instrument(tracer_provider=unsampled, skip_dep_check=True)
    try:
        added = count(lambda: toolset.execute(call)) - bare
    finally:
        OpenAIInstrumentor().uninstrument()

    assert 0 < added <= UNSAMPLED, added
