"""What the span of a streamed call tells, in a form that a test can write down: all of it, but for the times."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import Event, ReadableSpan

from asking import sent
from spanglass.testing import OpenAIServer

SECOND = 1_000_000_000
SPLIT = ("spanglass.time.attempts", "spanglass.time.backoff", "spanglass.time.body", "spanglass.time.rest")
FIRST = "spanglass.stream.time_to_first_chunk"
GAP = "spanglass.stream.longest_gap"
EVENT = "First Token Stream Event"
CHUNKS = "spanglass.stream.chunk_count"
SENT = sent(stream=True)


class Story(NamedTuple):
    """A span without its times, whose sense `told` has checked, and its events without theirs and their tracebacks."""

    name: str
    status: str
    description: str | None
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


class Failure(NamedTuple):
    """An exception as spans tell it: its qualified name, its message, and attributes for what the API said in it."""

    kind: str
    message: str
    said: Mapping[str, Any] = {}

    @property
    def description(self) -> str:
        """What the status says of it."""
        return f"{self.kind.rpartition('.')[2]}: {self.message}"


def streamed(
    server: OpenAIServer,
    outcome: str,
    chunks: int,
    *others: Mapping[str, Any],
    status: str = "UNSET",
    failure: Failure | None = None,
) -> Story:
    """Return the story of `ASK` streamed, of whose answer, `chunks()`, so many chunks were taken.

    Each of the `others` adds attributes, or replaces them; None takes one away.
    """
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o-mini",
        "llm.request.model_name": "gpt-4o-mini",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "input.value": SENT,
        "input.mime_type": "application/json",
        "llm.invocation_parameters": '{"model":"gpt-4o-mini","stream":true}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "hi",
        "spanglass.sdk.helper": "create",
        "spanglass.attempt.count": 1,
        "spanglass.stream.outcome": outcome,
        "spanglass.stream.chunk_count": chunks,
        **ARRIVED[chunks if chunks < len(ARRIVED) else -1],
    }
    events: list[tuple[str, dict[str, Any]]] = [(EVENT, {})] if chunks else []
    if failure is not None:
        attributes |= {"error.type": failure.kind, **failure.said}
        told = {"exception.type": failure.kind, "exception.message": failure.message, "exception.escaped": True}
        events.append(("exception", {**told, **failure.said}))
    for other in others:
        attributes |= other
    attributes = {name: value for name, value in attributes.items() if value is not None}
    description = failure.description if failure is not None and status == "ERROR" else None
    return Story("ChatCompletion", status, description, attributes, events)


def _output(content: str, tokens: int, finish: str | None) -> dict[str, Any]:
    told = "null" if finish is None else f'"{finish}"'
    output = (
        '{"id":"chatcmpl-test","created":1700000000,"model":"gpt-4o-mini","object":"chat.completion",'
        f'"choices":[{{"index":0,"message":{{"content":"{content}","role":"assistant"}},"finish_reason":{told}}}]}}'
    )
    return {
        "output.value": output,
        "output.mime_type": "application/json",
        "llm.response.model_name": "gpt-4o-mini",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": content,
        "spanglass.response.id": "chatcmpl-test",
        "spanglass.usage.estimated_completion_tokens": tokens,
        **({} if finish is None else {"llm.finish_reason": finish}),
    }


# What is known of the answer `chunks()` when so many of its chunks were taken.
ARRIVED: tuple[dict[str, Any], ...] = (
    {"spanglass.usage.estimated_completion_tokens": 0},
    _output("", 0, None),
    _output("Hel", 1, None),
    _output("Hello", 2, None),
    _output("Hello", 2, "stop"),
)


def told(span: ReadableSpan) -> Story:
    """Return the story of a span, having checked that its times make sense."""
    attributes = dict(span.attributes or {})
    _check(span, attributes)
    for name in (*SPLIT, FIRST, GAP):
        attributes.pop(name, None)
    events = [(event.name, _lasting(event.attributes or {})) for event in span.events]
    return Story(span.name, span.status.status_code.name, span.status.description, attributes, events)


def _lasting(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in attributes if name != "exception.stacktrace"}


def _check(span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
    assert span.start_time is not None
    assert span.end_time is not None
    duration = (span.end_time - span.start_time) / SECOND
    parts = [attributes[name] for name in SPLIT]
    assert min(parts) >= 0
    assert abs(sum(parts) - duration) < 1e-6
    if CHUNKS not in attributes:
        return
    expected = [name for name, least in ((FIRST, 1), (GAP, 2)) if attributes[CHUNKS] >= least]
    assert expected == [name for name in (FIRST, GAP) if name in attributes]
    assert 0 <= sum(attributes[name] for name in expected) <= duration + 1e-6
    if attributes[CHUNKS]:
        _check_first(span.events[0], span.start_time + round(attributes[FIRST] * SECOND))


def _check_first(event: Event, expected: int) -> None:
    assert event.name == EVENT
    assert abs(expected - event.timestamp) <= 1
