"""OpenAI's Agents SDK."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    TracingProcessor,
    function_tool,
    set_trace_processors,
)
from comparing import Program, taken, traced, untraced, wait
from counting import counted, due, others
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from pydantic import BaseModel
from saying import Said

from spanglass.testing import CapturedSpans, OpenAIServer

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


class Kept(TracingProcessor):  # type: ignore[misc]  # it is not here where types are checked
    """Keeps the kinds of the framework's own spans, in the order in which they end."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def on_span_end(self, span: Any) -> None:
        """Keep one."""
        self.kinds.append(span.span_data.type)

    def on_span_start(self, span: Any) -> None:
        """Wait for its end."""

    def on_trace_start(self, trace: Any) -> None:
        """Wait for its spans."""

    def on_trace_end(self, trace: Any) -> None:
        """Have all of it."""

    def shutdown(self) -> None:
        """Keep what there is."""

    def force_flush(self) -> None:
        """Keep what there is."""


KEPT = Kept()
set_trace_processors([KEPT])  # in place of the one that sends them to OpenAI


def plain(result: Any) -> Any:
    """Return what came of a run, the framework's own spans among it."""
    kinds = KEPT.kinds.copy()
    KEPT.kinds.clear()
    return [result.final_output, result.to_input_list(), [answer.usage for answer in result.raw_responses], kinds]


def run(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask."""
    return plain(wait(Runner.run(agent(base_url, kind, **options), "How is Paris?")))


def streamed(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask for a stream."""

    async def events() -> Any:
        running = Runner.run_streamed(agent(base_url, kind, **options), "How is Paris?")
        return [event.type for event in await taken(running.stream_events())], plain(running)

    return wait(events())


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


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    instrumentor = OpenAIAgentsInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    yield captured
    instrumentor.uninstrument()


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """Beside the framework's own instrumentor, the tokens of each call are counted once."""
    untraced(server, *CASES[case])

    assert due(theirs.spans) == counted(theirs.spans)
    assert others(theirs.spans) == {"openinference.instrumentation.openai_agents"}
