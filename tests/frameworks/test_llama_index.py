"""LlamaIndex's OpenAI classes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from comparing import Program, taken, traced, untraced, wait
from counting import Tokens, counted, due, others
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI, OpenAIResponses
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from pydantic import BaseModel
from saying import Said

from spanglass.testing import CapturedSpans, OpenAIServer

HELLO = Said("Hello")
ASKED = Said(name="weather", arguments='{"city": "Paris"}')
PARIS = Said('{"name": "Paris", "people": 2}')
QUESTION = [ChatMessage(role="user", content="How is the weather in Paris?")]

COUNTED: dict[Any, dict[str, Any]] = {OpenAI: {"stream_options": {"include_usage": True}}, OpenAIResponses: {}}


class City(BaseModel):
    """A city."""

    name: str
    people: int


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It is warm in {city}."


def model(base_url: str, kind: Any) -> Any:
    """Return a model of the server's."""
    return kind(model="gpt-4o-mini", api_base=base_url, api_key="test")


def plain(answer: Any) -> Any:
    """Return an answer as data."""
    return answer.model_dump()


def chat(base_url: str, kind: Any) -> Any:
    """Ask."""
    return plain(model(base_url, kind).chat(QUESTION))


def achat(base_url: str, kind: Any) -> Any:
    """Ask in an event loop."""
    return plain(wait(model(base_url, kind).achat(QUESTION)))


def complete(base_url: str, kind: Any) -> Any:
    """Ask for a text to go on."""
    return plain(model(base_url, kind).complete("Paris is"))


def stream(base_url: str, kind: Any) -> Any:
    """Ask for a stream."""
    return [plain(answer) for answer in model(base_url, kind).stream_chat(QUESTION, **COUNTED[kind])]


def astream(base_url: str, kind: Any) -> Any:
    """Ask for a stream in an event loop."""

    async def answers() -> list[Any]:
        return await taken(await model(base_url, kind).astream_chat(QUESTION, **COUNTED[kind]))

    return [plain(answer) for answer in wait(answers())]


def tools(base_url: str, kind: Any) -> Any:
    """Let the model call a tool, and answer."""
    return str(model(base_url, kind).predict_and_call([FunctionTool.from_defaults(weather)], QUESTION[0].content))


def structured(base_url: str, kind: Any) -> Any:
    """Ask for an object."""
    return plain(model(base_url, kind).structured_predict(City, PromptTemplate("Paris?")))


def embedding(base_url: str) -> Any:
    """Return a model of embeddings of the server's."""
    return OpenAIEmbedding(model="text-embedding-3-small", api_base=base_url, api_key="test")


def embed(base_url: str) -> Any:
    """Ask for vectors."""
    own = embedding(base_url)
    return own.get_text_embedding("hi"), own.get_text_embedding_batch(["one", "two"])


def aembed(base_url: str) -> Any:
    """Ask for a vector in an event loop."""
    return wait(embedding(base_url).aget_text_embedding("hi"))


CHATS: dict[str, tuple[Callable[..., Any], list[Said]]] = {
    "chat": (chat, [HELLO]),
    "achat": (achat, [HELLO]),
    "complete": (complete, [HELLO]),
    "stream_chat": (stream, [HELLO]),
    "astream_chat": (astream, [HELLO]),
    "tools": (tools, [ASKED]),
    "structured": (structured, [PARIS]),
}
MODELS = {"chat": OpenAI, "Responses API": OpenAIResponses}
CASES: dict[str, tuple[Program, list[Said]]] = {
    **{
        f"{name}, {api}": (partial(program, kind=kind), answers)
        for api, kind in MODELS.items()
        for name, (program, answers) in CHATS.items()
    },
    "embed": (embed, [HELLO, HELLO]),
    "aembed": (aembed, [HELLO]),
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    instrumentor = LlamaIndexInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    yield captured
    instrumentor.uninstrument()


# The framework's span of a stream is no longer current when the SDK is called, and has what the chunks tell of tokens.
TWICE = ("stream_chat, chat", "astream_chat, chat")


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """Beside the framework's own instrumentor, the tokens of each call are counted once, but for a stream of a chat."""
    untraced(server, *CASES[case])

    once, times = due(theirs.spans), 2 if case in TWICE else 1
    assert Tokens(times * once.prompt, times * once.completion) == counted(theirs.spans)
    assert others(theirs.spans) == {"openinference.instrumentation.llama_index"}
