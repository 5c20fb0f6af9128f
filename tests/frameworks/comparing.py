"""One program run twice, without spanglass and with it, and what each of its calls must have become.

What a span should say is told by the request as it went over the wire and by the model's answer, not by the framework.
"""

import asyncio
import json
import warnings
from collections.abc import AsyncIterable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from saying import INPUT, OUTPUT, Said

from spanglass.testing import OpenAIServer, Request, captured_spans

Program = Callable[[str], Any]
"""A program that uses a framework: given the server's base URL, it returns what came out, as plain data."""

# What a clock said, where the server was, what the SDK calls its method, the answer's own text, estimates: each has its tests.
LEFT_OUT = (
    *("spanglass.time.", "spanglass.stream.time_to_", "spanglass.stream.longest_", "spanglass.stream.chunk_count"),
    *("server.", "output.", "spanglass.sdk.helper", "llm.response.model_name", "llm.request.model_name"),
    *("spanglass.response.id", "spanglass.usage.estimated"),
)


_LOOP = asyncio.new_event_loop()  # one for all: frameworks keep their async clients beyond a loop's end


def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what comes of a coroutine."""
    return _LOOP.run_until_complete(coroutine)


async def taken(stream: AsyncIterable[Any]) -> list[Any]:
    """Return all that comes of a stream."""
    return [item async for item in stream]


class Run(NamedTuple):
    """What came of a program: its result, what it was warned of, its requests, whole, and the spans of its calls."""

    result: Any
    warned: list[str]
    requests: list[Request]
    spans: list[dict[str, Any]]


def untraced(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    """Run a program, which gets these answers, without spanglass; the spans are what they would have to be."""
    _run(server, program, answers)  # frameworks load some things, and warn of them, as late as at the first call
    return _run(server, program, answers)


def _run(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    before = len(server.journal)
    server.script(*answers)
    with warnings.catch_warnings(record=True, action="always") as warned:
        result = program(server.base_url)
    # Frameworks leave their clients open, which is noticed at some time or other.
    own = [str(warning.message) for warning in warned if warning.category is not ResourceWarning]
    requests = server.journal[before:]
    return Run(result, own, requests, [call(*pair) for pair in zip(requests, answers, strict=True)])


def traced(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    """Run a program with spanglass."""
    with captured_spans() as captured:
        done = _run(server, program, answers)
        return done._replace(spans=[told(span) for span in captured.spans])


def told(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says, but for what is left out."""
    attributes = dict(span.attributes or {})
    own = {key: attributes[key] for key in attributes if not key.startswith(LEFT_OUT)}
    return {"name": span.name, "status": span.status.status_code.name, **own}


def call(request: Request, said: Said) -> dict[str, Any]:
    """Return what the span of a chat must say, given the request and the model's answer."""
    body = request.json()
    streamed = bool(body.get("stream"))
    counted = not streamed or (body.get("stream_options") or {}).get("include_usage")
    return {
        "name": "ChatCompletion",
        "status": "OK",
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": body["model"],
        "input.value": request.body.decode(),
        "input.mime_type": "application/json",
        "llm.invocation_parameters": _parameters(body),
        **dict(_tools(body)),
        **dict(_messages("llm.input_messages", body["messages"])),
        **dict(_messages("llm.output_messages", [_message(said)])),
        "llm.finish_reason": said.finish,
        "spanglass.attempt.count": 1,
        **({"spanglass.stream.outcome": "completed"} if streamed else {}),
        **(TOKENS if counted else {}),
    }


TOKENS = {
    "llm.token_count.prompt": INPUT,
    "llm.token_count.completion": OUTPUT,
    "llm.token_count.total": INPUT + OUTPUT,
}


def _parameters(body: Mapping[str, Any]) -> str:
    given = {key: body[key] for key in body if key not in {"messages", "tools"}}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def _tools(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, tool in enumerate(body.get("tools") or ()):
        yield f"llm.tools.{index}.tool.json_schema", json.dumps(tool, ensure_ascii=False, separators=(",", ":"))


def _message(said: Said) -> dict[str, Any]:
    calls = {"tool_calls": [said.call(1)]} if said.name else {}
    return {"role": "assistant", "content": said.text, **calls}


def _messages(prefix: str, messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for index, message in enumerate(messages):
        own = f"{prefix}.{index}.message"
        yield f"{own}.role", message["role"]
        content = message.get("content")
        if isinstance(content, str):
            yield f"{own}.content", content
        for place, part in enumerate(content if isinstance(content, list) else ()):
            yield f"{own}.contents.{place}.message_content.type", part["type"]
            yield f"{own}.contents.{place}.message_content.text", part["text"]
        for key in ("name", "tool_call_id"):
            if message.get(key):
                yield f"{own}.{key}", message[key]
        for place, asked in enumerate(message.get("tool_calls") or ()):
            inner = f"{own}.tool_calls.{place}.tool_call"
            yield f"{inner}.id", asked["id"]
            yield f"{inner}.function.name", asked["function"]["name"]
            yield f"{inner}.function.arguments", asked["function"]["arguments"]
