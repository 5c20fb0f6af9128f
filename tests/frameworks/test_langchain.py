"""LangChain's OpenAI classes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import openai
import pytest
import tiktoken
from comparing import Program, taken, traced, untraced, wait
from counting import Tokens, counted, due, others
from langchain_core.messages import BaseMessage, BaseMessageChunk, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openinference.instrumentation.langchain import LangChainInstrumentor
from pydantic import BaseModel
from saying import Said

from spanglass import trace, wrap_openai
from spanglass.testing import CapturedSpans, OpenAIServer

HELLO = Said("Hello")
ASKED = Said(name="weather", arguments='{"city": "Paris"}')
PARIS = Said('{"name": "Paris", "people": 2}')
CHOSEN = Said(name="City", arguments='{"name": "Paris", "people": 2}')


class City(BaseModel):
    """A city."""

    name: str
    people: int


@tool  # type: ignore[untyped-decorator]  # it is not here where types are checked
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It is warm in {city}."


def model(base_url: str, **options: Any) -> ChatOpenAI:
    """Return a model of the server's."""
    return ChatOpenAI(model="gpt-4o-mini", base_url=base_url, api_key="test", stream_usage=True, **options)


def plain(message: BaseMessage) -> dict[str, Any]:
    """Return a message without the id that the framework makes up."""
    own: dict[str, Any] = message.model_dump(exclude={"id"})
    return own


def whole(chunks: Sequence[BaseMessageChunk]) -> list[dict[str, Any]]:
    """Return a stream's messages."""
    return [plain(chunk) for chunk in chunks]


def invoke(base_url: str, **options: Any) -> Any:
    """Ask."""
    return plain(model(base_url, **options).invoke("hi"))


def ainvoke(base_url: str, **options: Any) -> Any:
    """Ask in an event loop."""
    return plain(wait(model(base_url, **options).ainvoke("hi")))


def stream(base_url: str, **options: Any) -> Any:
    """Ask for a stream."""
    return whole([*model(base_url, **options).stream("hi")])


def astream(base_url: str, **options: Any) -> Any:
    """Ask for a stream in an event loop."""
    return whole(wait(taken(model(base_url, **options).astream("hi"))))


def tools(base_url: str, **options: Any) -> Any:
    """Let the model call a tool, and answer."""
    asking = model(base_url, **options).bind_tools([weather])
    question = HumanMessage("How is the weather in Paris?")
    asked = asking.invoke([question])
    results = [weather.invoke(wanted) for wanted in asked.tool_calls]
    return [plain(message) for message in (asked, *results, asking.invoke([question, asked, *results]))]


def structured(base_url: str, method: str = "json_schema", **options: Any) -> Any:
    """Ask for an object."""
    return model(base_url, **options).with_structured_output(City, method=method).invoke("Paris?")


def embeddings(base_url: str, **options: Any) -> OpenAIEmbeddings:
    """Return a model of embeddings of the server's."""
    return OpenAIEmbeddings(model="text-embedding-3-small", base_url=base_url, api_key="test", **options)


def embed(base_url: str, **options: Any) -> Any:
    """Ask for vectors."""
    model = embeddings(base_url, **options)
    return [model.embed_query("hi"), model.embed_documents(["one", "two"])]


def aembed(base_url: str, **options: Any) -> Any:
    """Ask for a vector in an event loop."""
    return wait(embeddings(base_url, **options).aembed_query("hi"))


# The vocabulary of the model is on the network only; in this one each byte is a token.
tiktoken.registry.ENCODINGS["cl100k_base"] = tiktoken.Encoding(
    "cl100k_base",
    pat_str=r"(?s:.)",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)},
    special_tokens={},
)


CHATS: dict[str, tuple[Callable[..., Any], list[Said]]] = {
    "invoke": (invoke, [HELLO]),
    "ainvoke": (ainvoke, [HELLO]),
    "stream": (stream, [HELLO]),
    "astream": (astream, [HELLO]),
    "tools": (tools, [ASKED, HELLO]),
    "structured": (structured, [PARIS]),
}
CASES: dict[str, tuple[Program, list[Said]]] = {
    **CHATS,
    **{
        f"{name}, Responses API": (partial(program, use_responses_api=True), answers)
        for name, (program, answers) in CHATS.items()
    },
    "structured, by a tool": (partial(structured, method="function_calling"), [CHOSEN]),
    "embed, by tokens": (embed, [HELLO, HELLO]),
    "aembed, by tokens": (aembed, [HELLO]),
    "embed": (partial(embed, check_embedding_ctx_length=False), [HELLO, HELLO]),
    "aembed": (partial(aembed, check_embedding_ctx_length=False), [HELLO]),
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    yield captured
    instrumentor.uninstrument()


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """The framework's own instrumentor shows no span of a call while it is made: the tokens are counted twice."""
    untraced(server, *CASES[case])

    once = due(theirs.spans)
    assert Tokens(2 * once.prompt, 2 * once.completion) == counted(theirs.spans)
    assert others(theirs.spans) == {"openinference.instrumentation.langchain"}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["batch", "abatch"])
def test_tree(*, asynchronous: bool, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Without it, a function with `@trace` holds the calls inside it, those in the framework's threads too."""

    @trace
    def ask() -> None:
        several = model(server.base_url)
        wait(several.abatch(["one", "two"])) if asynchronous else several.batch(["one", "two"])

    ask()

    *calls, outer = captured.spans
    assert [(call.name, call.parent) for call in calls] == [("ChatCompletion", outer.get_span_context())] * 2
    assert Tokens(18, 4) == counted(captured.spans)


def test_tokens_of_one_client(server: OpenAIServer) -> None:
    """Where it stays, but `wrap_openai` traces the clients that are the program's own, the tokens are counted once."""
    captured = CapturedSpans()
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    with openai.OpenAI(base_url=server.base_url, api_key="test") as own:
        client = wrap_openai(own, tracer_provider=captured.provider)
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
        invoke(server.base_url)
    instrumentor.uninstrument()

    assert (Tokens(18, 4), Tokens(9, 2)) == (counted(captured.spans), due(captured.spans))
