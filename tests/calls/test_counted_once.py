"""What the SDK has around a call of the model: each call is one span, whichever of it the program uses."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import toolruns
from pydantic import BaseModel

from asking import need
from flavours import ASK, Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, completion, response, response_events

ASKED = {"model": "gpt-5", "input": "hi"}
RUNNER = "openai.lib.responses_tool_runner"
CHAT, RESPONSE = ["ChatCompletion"], ["Response"]


class City(BaseModel):
    """What is asked for in a form."""

    name: str


CITY = City(name="Oslo").model_dump_json() if hasattr(City, "model_dump_json") else City(name="Oslo").json()


class Use(NamedTuple):
    """What a program does with the SDK: what that must have, the spans, and the answers that are not the usual ones."""

    needs: str
    use: Callable[[Flavour, OpenAIServer, Any], Any]
    spans: list[str]
    answers: tuple[Any, ...] = ()


def read(flavour: Flavour, manager: Any) -> list[Any]:
    """Read a stream that is for a `with` to its end."""
    with flavour.entered(manager) as stream:
        return flavour.take(stream)


def tool(program: Callable[..., Any], gives: Any) -> Callable[[Flavour, OpenAIServer, Any], Any]:
    """Return what runs a program that has a tool."""
    return lambda flavour, server, client: program(flavour, server, client, lambda *_: gives)


def eager(flavour: Flavour, server: OpenAIServer, client: Any) -> Any:
    """Have a function run while the response that asks for it is streamed."""
    server.script(toolruns.events(toolruns.function_call("weather", "{}")), toolruns.events(toolruns.DONE))
    runner = toolruns.function_runner(flavour, ("weather", lambda _: "Sunny"))
    return flavour.wait(runner.run(client, ASKED, stream=True, eager=True))


def polled(flavour: Flavour, _server: OpenAIServer, client: Any) -> Any:
    """Put a file into a store and wait until it is there."""
    files = client.vector_stores.files
    return flavour.wait(files.create_and_poll("file-1", vector_store_id="vs_1", poll_interval_ms=1))


def resumed(flavour: Flavour, _server: OpenAIServer, client: Any) -> Any:
    """Read the stream of a response that was made before; skip the test where this SDK does not."""
    if "response_id" not in inspect.signature(client.responses.stream).parameters:
        pytest.skip("this SDK streams no response that was made before")
    return read(flavour, client.responses.stream(response_id="resp_1"))


def run_polled(flavour: Flavour, _server: OpenAIServer, client: Any) -> Any:
    """Run an assistant and wait until it has ended."""
    runs = client.beta.threads.runs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer SDKs say so of assistants
        return flavour.wait(runs.create_and_poll(thread_id="t_1", assistant_id="a_1", poll_interval_ms=1))


FILE = {"id": "file-1", "vector_store_id": "vs_1"}
RUN = {"id": "run_1", "thread_id": "t_1"}
USES = {
    "chat.parse": Use(
        "chat.completions.parse",
        lambda flavour, _, client: flavour.wait(client.chat.completions.parse(**ASK, response_format=City)),
        CHAT,
        (Reply(completion(CITY)),),
    ),
    "chat.stream": Use(
        "chat.completions.stream", lambda flavour, _, client: read(flavour, client.chat.completions.stream(**ASK)), CHAT
    ),
    "beta.chat.parse": Use(
        "beta.chat.completions.parse",
        lambda flavour, _, client: flavour.wait(client.beta.chat.completions.parse(**ASK, response_format=City)),
        CHAT,
        (Reply(completion(CITY)),),
    ),
    "beta.chat.stream": Use(
        "beta.chat.completions.stream",
        lambda flavour, _, client: read(flavour, client.beta.chat.completions.stream(**ASK)),
        CHAT,
    ),
    "responses.parse": Use(
        "responses.parse",
        lambda flavour, _, client: flavour.wait(client.responses.parse(**ASKED, text_format=City)),
        RESPONSE,
        (Reply(response(CITY)),),
    ),
    "responses.stream": Use(
        "responses.stream", lambda flavour, _, client: read(flavour, client.responses.stream(**ASKED)), RESPONSE
    ),
    "responses.stream of one made": Use(
        "responses.stream",
        resumed,
        ["RetrieveResponse"],
        (Stream(response_events(), done=False),),
    ),
    "function runner": Use(RUNNER, tool(toolruns.function, "Sunny"), ["Response", "weather", "Response"]),
    "eager runner": Use(RUNNER, eager, ["Response", "weather", "Response"]),
    "computer": Use(RUNNER, tool(toolruns.computer, None), ["Response", "computer", "Response"]),
    "browser": Use(RUNNER, tool(toolruns.browser, "News"), ["Response", "browser_find", "Response"]),
    "decisions": Use(RUNNER, tool(toolruns.decision, "Waved."), ["wave"]),
    "agent's session": Use(RUNNER, tool(toolruns.agent, "Sunny"), ["weather"]),
    "file and poll": Use(
        "vector_stores.files.create_and_poll",
        polled,
        [],
        (Reply(FILE), Reply({**FILE, "status": "in_progress"}), Reply({**FILE, "status": "completed"})),
    ),
    "run and poll": Use(
        "beta.threads.runs.create_and_poll",
        run_polled,
        [],
        (Reply(RUN), Reply({**RUN, "status": "in_progress"}), Reply({**RUN, "status": "completed"})),
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_once(use: Use, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Each request to a model is one span, and each run of a tool is; what waits for something has none."""
    client = flavour.client(server)
    if use.needs == RUNNER:
        pytest.importorskip(RUNNER, reason="this SDK runs no tools", exc_type=ImportError)
    else:
        need(client, use.needs)
    server.script(*use.answers)
    use.use(flavour, server, client)

    assert sorted(use.spans) == sorted(span.name for span in captured.spans)
