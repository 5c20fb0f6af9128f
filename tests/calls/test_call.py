"""A call that is not streamed: its whole span, whatever way of the SDK it was made by."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from told import ANSWERED, COUNTED, call, told

from asking import need, needs_generators
from flavours import ASK, Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Request, completion

ASKED: dict[str, Any] = ASK
CALLED = [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}]
Way = Callable[[Flavour, Any], Any]


def test_frame_of_the_span(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The span is of our scope with its version and schema, a root, without links, and has the response as it came."""
    flavour.create(flavour.client(server))

    (span,) = captured.spans
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version) == ("spanglass", version("spanglass"))
    assert (scope.schema_url or "").startswith("https://opentelemetry.io/schemas/")
    assert (span.parent, list(span.links)) == (None, [])
    assert (span.attributes or {})["output.value"] == json.dumps(completion())


class Sum(BaseModel):
    """What a model is asked to answer in."""

    total: int


def parse_of(client: Any) -> Any:
    """Return the client's `parse`, which was in `beta` at first."""
    return getattr(client.chat.completions, "parse", None) or need(client, "beta.chat.completions.parse")


def test_parse(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """`parse` is the same call under its own name, with the schema as the SDK sent it."""
    server.script(Reply(completion('{"total":3}')))

    result = flavour.wait(parse_of(flavour.client(server))(**ASK, response_format=Sum))

    assert result.choices[0].message.parsed == Sum(total=3)
    sent = server.journal[0].json()
    (span,) = (told(span) for span in captured.spans)
    parameters = json.loads(span.attributes.pop("llm.invocation_parameters"))
    asked = {"input.value": server.journal[0].body.decode(), "spanglass.sdk.helper": "parse"}
    answered = {"llm.output_messages.0.message.content": '{"total":3}'}
    expected = call(server, ANSWERED, COUNTED, asked, answered)
    del expected.attributes["llm.invocation_parameters"]
    assert span == expected
    assert parameters == {key: sent[key] for key in sent if key != "messages"}


def test_parse_that_the_sdk_refuses(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A response that came but that the SDK would not parse is a failed call with what had come."""
    server.script(Reply(completion('{"tot', finish_reason="length")))

    with pytest.raises(need(openai, "LengthFinishReasonError")) as info:
        flavour.wait(parse_of(flavour.client(server))(**ASK, response_format=Sum))

    (span,) = (told(span) for span in captured.spans)
    shown = ("llm.output_messages.0.message.content", "llm.finish_reason", "llm.token_count.total", "error.type")
    assert (span.status, span.description, span.events) == (
        "ERROR",
        f"LengthFinishReasonError: {info.value}",
        ("exception",),
    )
    assert [span.attributes[key] for key in shown] == ['{"tot', "length", 11, "openai.LengthFinishReasonError"]


def test_extra_body(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What a caller adds to the body is recorded as it is sent, and wins over the SDK's own parameters."""
    flavour.create(flavour.client(server), temperature=1, extra_body={"top_k": 4, "temperature": 0.5, "model": "other"})

    sent = server.journal[0].json()
    assert sent == {**ASK, "temperature": 0.5, "top_k": 4, "model": "other"}
    (span,) = (told(span) for span in captured.spans)
    names = dict.fromkeys(("llm.model_name", "llm.request.model_name", "llm.response.model_name"), "other")
    parameters = {"model": "other", "temperature": 0.5, "top_k": 4}
    assert json.loads(span.attributes["input.value"]) == sent
    assert json.loads(span.attributes["llm.invocation_parameters"]) == parameters
    written = {key: span.attributes[key] for key in ("input.value", "llm.invocation_parameters")}
    assert span == call(server, ANSWERED, COUNTED, names, written)


def test_extra_headers_and_query(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Headers and query that a caller adds go over the wire, and are nowhere in the span."""
    flavour.create(flavour.client(server), extra_headers={"x-tenant": "acme"}, extra_query={"q": "acme"})

    assert (server.journal[0].headers["x-tenant"], server.journal[0].path) == ("acme", "/v1/chat/completions?q=acme")
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


@needs_generators
def test_messages_of_a_generator(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Messages that can be read only once are sent whole, and recorded."""
    flavour.create(flavour.client(server), messages=(message for message in ASK["messages"]))

    assert server.journal[0].json() == ASK
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


def test_default_headers_do_not_leak(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The API key is nowhere in what is recorded, whatever header carries it."""
    server.script(Reply(status=401, headers={"x-request-id": "req"}))
    client = flavour.client(server, api_key="sk-very-secret-key-0123456789", default_headers={"x-key": "sk-other-0123"})

    with pytest.raises(openai.AuthenticationError):
        flavour.create(client)

    assert [span.to_json() for span in captured.spans if "secret" in span.to_json() or "other" in span.to_json()] == []


def listed(flavour: Flavour, client: Any) -> None:
    """List the models."""
    flavour.wait(client.models.retrieve("gpt-4o-mini"))


def stored(flavour: Flavour, client: Any) -> None:
    """Look at a completion that was stored."""
    flavour.wait(need(client, "chat.completions.retrieve")("chatcmpl-test"))


def updated(flavour: Flavour, client: Any) -> None:
    """Change the metadata of one that was stored: also a POST below the same path."""
    flavour.wait(need(client, "chat.completions.update")("chatcmpl-test", metadata={"a": "b"}))


@pytest.mark.parametrize("act", [listed, stored, updated])
def test_what_is_no_model_call(act: Way, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What calls no model leaves no span."""
    server.script(Reply(completion()))

    act(flavour, flavour.client(server))

    assert (len(server.journal), captured.spans) == (1, [])


def echo(request: Request) -> Reply:
    """Answer with the question."""
    return Reply(completion(request.json()["messages"][0]["content"]))


def pairs(captured: CapturedSpans) -> list[tuple[Any, Any]]:
    """Return question and answer of each span."""
    spans = [dict(span.attributes or {}) for span in captured.spans]
    names = ("llm.input_messages.0.message.content", "llm.output_messages.0.message.content")
    return sorted((span[names[0]], span[names[1]]) for span in spans)


def test_calls_at_the_same_time(server: OpenAIServer, captured: CapturedSpans) -> None:
    """Calls that run at once, in threads or in one event loop, do not mix."""
    questions = [f"question {number}" for number in range(8)]
    server.script(*[echo] * 16)

    def asked(question: str) -> Any:
        return {**ASK, "messages": [{"role": "user", "content": question}]}

    with openai.OpenAI(base_url=server.base_url, api_key="test") as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda question: client.chat.completions.create(**asked(question)), questions))

    async def together() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="test") as client:
            await asyncio.gather(*(client.chat.completions.create(**asked(question)) for question in questions))

    asyncio.run(together())

    assert pairs(captured) == sorted((question, question) for question in questions * 2)


@pytest.mark.parametrize("content", [None, ""])
def test_tool_call(content: str | None, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The tools that were offered and the calls that the model made are recorded."""
    server.script(Reply(completion(content, tool_calls=CALLED, finish_reason="tool_calls")))
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}

    flavour.create(flavour.client(server), tools=[tool])

    (span,) = (told(span) for span in captured.spans)
    assert json.loads(span.attributes.pop("llm.tools.0.tool.json_schema")) == tool
    said = {} if content is None else {"llm.output_messages.0.message.content": ""}
    answered = {key: value for key, value in ANSWERED.items() if key != "llm.output_messages.0.message.content"}
    called = {
        "input.value": server.journal[0].body.decode(),
        "llm.finish_reason": "tool_calls",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "add",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"a":1}',
    }
    assert span == call(server, answered, COUNTED, called, said)
