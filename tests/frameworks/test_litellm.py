"""LiteLLM, which calls OpenAI through the SDK."""

from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from comparing import Program, taken, traced, untraced, wait
from counting import Tokens, counted, due, others
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from processes import wait_until
from pydantic import BaseModel
from saying import Said

from spanglass.testing import CapturedSpans, OpenAIServer

HELLO = Said("Hello")
ASKED = Said(name="weather", arguments='{"city": "Paris"}')
PARIS = Said('{"name": "Paris", "people": 2}')
QUESTION = {"role": "user", "content": "How is the weather in Paris?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class City(BaseModel):
    """A city."""

    name: str
    people: int


def asking(base_url: str, **more: Any) -> dict[str, Any]:
    """Return what a call is given."""
    return {"model": "openai/gpt-4o-mini", "api_base": base_url, "api_key": "test", "messages": [QUESTION], **more}


def plain(answer: Any) -> Any:
    """Return an answer without the time and id that the framework makes up."""
    return answer.model_dump(exclude={"created", "id"})


def completion(base_url: str) -> Any:
    """Ask."""
    return plain(litellm.completion(**asking(base_url)))


def acompletion(base_url: str) -> Any:
    """Ask in an event loop."""
    return plain(wait(litellm.acompletion(**asking(base_url))))


def streamed(base_url: str) -> Any:
    """Ask for a stream."""
    stream = litellm.completion(**asking(base_url, stream=True, stream_options={"include_usage": True}))
    return [plain(chunk) for chunk in stream]


def astreamed(base_url: str) -> Any:
    """Ask for a stream in an event loop."""

    async def chunks() -> list[Any]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        return await taken(await litellm.acompletion(**asking(base_url, **options)))

    return [plain(chunk) for chunk in wait(chunks())]


def tools(base_url: str) -> Any:
    """Let the model call a tool, and answer."""
    asked = litellm.completion(**asking(base_url, tools=[WEATHER]))
    message = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "It is warm."}
    answer = litellm.completion(**asking(base_url, tools=[WEATHER], messages=[QUESTION, message, result]))
    return [plain(asked), plain(answer)]


def structured(base_url: str) -> Any:
    """Ask for an object."""
    return plain(litellm.completion(**asking(base_url, response_format=City)))


def embeddings(base_url: str) -> Any:
    """Ask for vectors."""
    given = {"model": "openai/text-embedding-3-small", "api_base": base_url, "api_key": "test"}
    return litellm.embedding(**given, input=["one", "two"]).model_dump()


def aembeddings(base_url: str) -> Any:
    """Ask for vectors in an event loop."""
    given = {"model": "openai/text-embedding-3-small", "api_base": base_url, "api_key": "test"}
    return wait(litellm.aembedding(**given, input=["one", "two"])).model_dump()


CASES: dict[str, tuple[Program, list[Said]]] = {
    "completion": (completion, [HELLO]),
    "acompletion": (acompletion, [HELLO]),
    "completion, streamed": (streamed, [HELLO]),
    "acompletion, streamed": (astreamed, [HELLO]),
    "tools": (tools, [ASKED, HELLO]),
    "structured": (structured, [PARIS]),
    "embedding": (embeddings, [HELLO]),
    "aembedding": (aembeddings, [HELLO]),
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    instrumentor = LiteLLMInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    yield captured
    instrumentor.uninstrument()


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """Beside the framework's own instrumentor, the tokens of each call are counted once."""
    untraced(server, *CASES[case])

    assert due(theirs.spans) == counted(theirs.spans)
    assert others(theirs.spans) == {"openinference.instrumentation.litellm"}


def responses(base_url: str) -> Any:
    """Ask for a response."""
    given = {"model": "openai/gpt-4o-mini", "api_base": base_url, "api_key": "test"}
    return litellm.responses(**given, input="hi").output_text


def aresponses(base_url: str) -> Any:
    """Ask for a response in an event loop."""
    given = {"model": "openai/gpt-4o-mini", "api_base": base_url, "api_key": "test"}
    return wait(litellm.aresponses(**given, input="hi")).output_text


@pytest.mark.parametrize("program", [responses, aresponses])
def test_around_the_sdk(program: Program, server: OpenAIServer) -> None:
    """What the framework sends by an HTTP client of its own is not seen, and stays what it was."""
    bare = untraced(server, program, [HELLO])

    assert bare._replace(spans=[]) == traced(server, program, [HELLO])
    assert ("Hello", ["/v1/responses"]) == (bare.result, [request.path for request in bare.requests])


def test_tokens_of_its_callback(server: OpenAIServer, captured: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework's own callback `otel` makes its span when a call is over: the tokens are counted twice."""
    callback = OpenTelemetry(OpenTelemetryConfig(exporter=InMemorySpanExporter()), tracer_provider=captured.provider)
    monkeypatch.setattr(litellm, "callbacks", [callback])
    untraced(server, completion, [HELLO])  # runs it twice

    wait_until(lambda: counted(captured.spans) == Tokens(36, 8), "the spans of the callback", seconds=30)
    assert (Tokens(18, 4), {"litellm"}) == (due(captured.spans), others(captured.spans))
