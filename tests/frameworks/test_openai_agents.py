"""OpenAI's Agents SDK."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
)
from comparing import Program, taken, traced, untraced, wait
from openai import AsyncOpenAI
from pydantic import BaseModel
from saying import Said

from spanglass.testing import OpenAIServer

HELLO = Said("Hello")
ASKED = Said(name="weather", arguments='{"city": "Paris"}')
PARIS = Said('{"name": "Paris", "people": 2}')


class City(BaseModel):
    """A city."""

    name: str
    people: int


@function_tool  # type: ignore[untyped-decorator]  # it is not here where types are checked
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It is warm in {city}."


def agent(base_url: str, kind: Any, **options: Any) -> Any:
    """Return an agent that asks the server."""
    model = kind(model="gpt-4o-mini", openai_client=AsyncOpenAI(base_url=base_url, api_key="test"))
    settings = ModelSettings(include_usage=True)
    return Agent(name="guide", instructions="Be brief.", model=model, model_settings=settings, **options)


def plain(result: Any) -> Any:
    """Return what came of a run."""
    return [result.final_output, result.to_input_list(), [answer.usage for answer in result.raw_responses]]


def run(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask."""
    return plain(wait(Runner.run(agent(base_url, kind, **options), "How is Paris?", run_config=QUIET)))


def streamed(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask for a stream."""

    async def events() -> Any:
        running = Runner.run_streamed(agent(base_url, kind, **options), "How is Paris?", run_config=QUIET)
        return [event.type for event in await taken(running.stream_events())], plain(running)

    return wait(events())


QUIET = RunConfig(tracing_disabled=True)
RUNS: dict[str, tuple[Callable[..., Any], list[Said]]] = {
    "run": (run, [HELLO]),
    "run, streamed": (streamed, [HELLO]),
    "tools": (partial(run, tools=[weather]), [ASKED, HELLO]),
    "tools, streamed": (partial(streamed, tools=[weather]), [ASKED, HELLO]),
    "structured": (partial(run, output_type=City), [PARIS]),
}
MODELS = {"Responses API": OpenAIResponsesModel, "chat": OpenAIChatCompletionsModel}
CASES: dict[str, tuple[Program, list[Said]]] = {
    f"{name}, {api}": (partial(program, kind=kind), answers)
    for api, kind in MODELS.items()
    for name, (program, answers) in RUNS.items()
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])
