"""The scenes of the demo: ordinary calls of the OpenAI SDK, and a server that plays OpenAI's part.

The model is OPENAI_MODEL, or gpt-4o-mini.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from openai import OpenAI, OpenAIError

from spanglass.decorator import trace
from spanglass.testing import Answer, OpenAIServer, Reply, Stream, chunks, completion, error

MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")


def plain(client: OpenAI) -> str | None:
    """Ask, and wait for the whole answer."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "Answer in one short sentence."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    )
    return answer.choices[0].message.content


def stream(client: OpenAI) -> str:
    """Ask, and take the answer word by word."""
    pieces = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count from one to five."}],
        stream=True,
    )
    return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


@trace(name="umbrella")
def tool(client: OpenAI) -> str | None:
    """Let the model ask for a function, and tell it the result: two calls and the function, in one trace."""
    messages: list[Any] = [{"role": "user", "content": "Do I need an umbrella in Oslo?"}]
    asked = client.chat.completions.create(
        model=MODEL,
        messages=messages,
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    message = asked.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": weather("Oslo")} for call in message.tool_calls or ()
    ]
    messages += [message, *results]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    return answer.choices[0].message.content


@trace(kind="TOOL")
def weather(city: str) -> str:
    """Look out of the window, wherever that is."""
    return json.dumps({"city": city, "sky": "rain"})


def retried(client: OpenAI) -> str | None:
    """Ask a busy server: the SDK tries three times, once after the wait that the server asked for."""
    answer = client.with_options(max_retries=3).chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Are you there?"}],
    )
    return answer.choices[0].message.content


def refused(client: OpenAI) -> str | None:
    """Ask with a key that is not valid: there is no second attempt, and the exception is the SDK's own."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Let me in."}])
    return answer.choices[0].message.content


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city, now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Scene(NamedTuple):
    """One trace. `staged` scenes need a server that fails on demand."""

    title: str
    play: Callable[[OpenAI], str | None]
    answers: tuple[Answer, ...]
    staged: bool = False


WEATHER_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
SCENES = (
    Scene("A plain call", plain, (Reply(completion("The capital of France is Paris.")),)),
    Scene("A stream", stream, (Stream(chunks(["One, ", "two, ", "three, ", "four, ", "five."]), delay=0.05),)),
    Scene(
        "A tool call and its result",
        tool,
        (
            Reply(completion(None, tool_calls=[WEATHER_CALL], finish_reason="tool_calls")),
            Reply(completion("Yes: it is raining in Oslo.")),
        ),
    ),
    Scene(
        "Two failed attempts, then an answer",
        retried,
        (
            Reply(error("Rate limit reached", kind="requests"), status=429, headers={"retry-after-ms": "300"}),
            Reply(error("The server is overloaded", kind="server_error"), status=503),
            Reply(completion("I am now.")),
        ),
        staged=True,
    ),
    Scene(
        "A call that fails",
        refused,
        (Reply(error("Incorrect API key provided.", code="invalid_api_key"), status=401),),
        staged=True,
    ),
)


def perform(scene: Scene, client: OpenAI, server: OpenAIServer | None) -> str:
    """Play one scene, against the real API where there is no server, and return what the program gets to see of it."""
    if server:
        server.script(*scene.answers)
    elif scene.staged:
        return "Left out: the real API does not fail on demand."
    try:
        return f"Answer: {scene.play(client)}"
    except OpenAIError as failure:
        return f"{type(failure).__name__}: {failure}"


def play() -> Iterator[str]:
    """Play all scenes, and yield the title of each, and what is seen of it.

    A small server on this machine plays OpenAI's part; where OPENAI_API_KEY is set, the calls go to the real API, or to
    OPENAI_BASE_URL, and the scenes that need a failing server are left out.
    """
    with ExitStack() as running:
        server = None if os.environ.get("OPENAI_API_KEY") else running.enter_context(OpenAIServer())
        client = running.enter_context(OpenAI(base_url=server.base_url, api_key="unused") if server else OpenAI())
        for scene in SCENES:
            yield f"\n=== {scene.title}\n"
            yield f"{perform(scene, client, server)}\n"
