"""Pydantic AI."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from comparing import Program, taken, traced, untraced, wait
from counting import counted, due, others
from pydantic import BaseModel
from pydantic_ai import Agent, Embedder, NativeOutput
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from saying import Said

from spanglass.testing import CapturedSpans, OpenAIServer

HELLO = Said("Hello")
ASKED = Said(name="weather", arguments='{"city": "Paris"}')
PARIS = Said('{"name": "Paris", "people": 2}')
CHOSEN = Said(name="final_result", arguments='{"name": "Paris", "people": 2}')


class City(BaseModel):
    """A city."""

    name: str
    people: int


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It is warm in {city}."


def agent(base_url: str, kind: Any, **options: Any) -> Any:
    """Return an agent that asks the server."""
    model = kind("gpt-4o-mini", provider=OpenAIProvider(base_url=base_url, api_key="test"))
    return Agent(model, instructions="Be brief.", **options)


def plain(result: Any) -> Any:
    """Return what came of a run."""
    return [result.output, result.usage]


def run(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask in an event loop."""
    return plain(wait(agent(base_url, kind, **options).run("How is Paris?")))


def run_sync(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask."""
    return plain(agent(base_url, kind, **options).run_sync("How is Paris?"))


def streamed(base_url: str, kind: Any, **options: Any) -> Any:
    """Ask for a stream."""

    async def texts() -> Any:
        async with agent(base_url, kind, **options).run_stream("How is Paris?") as result:
            return await taken(result.stream_text(debounce_by=None)), result.usage

    return wait(texts())


def embed(base_url: str) -> Any:
    """Ask for vectors."""
    model = OpenAIEmbeddingModel("text-embedding-3-small", provider=OpenAIProvider(base_url=base_url, api_key="test"))
    return wait(Embedder(model).embed_documents(["one", "two"])).embeddings


RUNS: dict[str, tuple[Callable[..., Any], list[Said]]] = {
    "run": (run, [HELLO]),
    "run_sync": (run_sync, [HELLO]),
    "run_stream": (streamed, [HELLO]),
    "tools": (partial(run, tools=[weather]), [ASKED, HELLO]),
    "tools, streamed": (partial(streamed, tools=[weather]), [ASKED, HELLO]),
    "structured": (partial(run, output_type=NativeOutput(City)), [PARIS]),
    "structured, by a tool": (partial(run, output_type=City), [CHOSEN]),
}
MODELS = {"chat": OpenAIChatModel, "Responses API": OpenAIResponsesModel}
CASES: dict[str, tuple[Program, list[Said]]] = {
    **{
        f"{name}, {api}": (partial(program, kind=kind), answers)
        for api, kind in MODELS.items()
        for name, (program, answers) in RUNS.items()
    },
    "embed": (embed, [HELLO]),
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    Agent.instrument_all(InstrumentationSettings(tracer_provider=captured.provider))
    yield captured
    Agent.instrument_all(instrument=False)


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """Beside the framework's own instrumentor, the tokens of each call are counted once."""
    untraced(server, *CASES[case])

    assert due(theirs.spans) == counted(theirs.spans)
    assert others(theirs.spans) == {"pydantic-ai"}
