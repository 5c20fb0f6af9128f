"""Spans as plain values, whole, so that nothing unasserted hides in them."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from asking import sent
from spanglass.testing import OpenAIServer

SECONDS = "seconds"
"""Stands for what a clock said: some number of seconds, none of them negative."""

MEASURED = ("spanglass.time.", "spanglass.attempt.backoff", "spanglass.stream.time_to_", "spanglass.stream.longest_")

SENT = sent()


class Told(NamedTuple):
    """What a span says, but for its ids and times; `events` are their names."""

    name: str
    kind: str
    status: str
    description: str | None
    events: tuple[str, ...]
    attributes: dict[str, Any]


def told(span: ReadableSpan) -> Told:
    """Return what a span says, its measured times replaced by `SECONDS`; the response's text is not repeated."""
    attributes = {key: _steady(key, value) for key, value in (span.attributes or {}).items() if key != "output.value"}
    events = tuple(event.name for event in span.events)
    return Told(span.name, span.kind.name, span.status.status_code.name, span.status.description, events, attributes)


def _steady(key: str, value: Any) -> Any:
    measured = key.startswith(MEASURED) and isinstance(value, float) and value >= 0
    return SECONDS if measured else value


def shortened(text: str, most: int = 262_144) -> str:
    """Return what a span has of a long text in ASCII."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: most - 128]}… [cut: {len(text)} bytes, sha256 {digest}]"


def call(
    server: OpenAIServer,
    *parts: Mapping[str, Any],
    status: str = "OK",
    description: str | None = None,
    events: tuple[str, ...] = (),
) -> Told:
    """Return the span of a chat that sent `ASK` once, and got no answer; each of `parts` adds to its attributes."""
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o-mini",
        "llm.request.model_name": "gpt-4o-mini",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "input.value": SENT,
        "input.mime_type": "application/json",
        "llm.invocation_parameters": '{"model":"gpt-4o-mini"}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "hi",
        "spanglass.sdk.helper": "create",
        "spanglass.attempt.count": 1,
        "spanglass.time.attempts": SECONDS,
        "spanglass.time.backoff": SECONDS,
        "spanglass.time.body": SECONDS,
        "spanglass.time.rest": SECONDS,
    }
    for part in parts:
        attributes |= part
    return Told("ChatCompletion", "CLIENT", status, description, events, attributes)


ANSWERED = {
    "output.mime_type": "application/json",
    "llm.response.model_name": "gpt-4o-mini",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Hello",
    "llm.finish_reason": "stop",
    "spanglass.response.id": "chatcmpl-test",
}
"""What the server's usual answer adds."""

COUNTED = {"llm.token_count.prompt": 9, "llm.token_count.completion": 2, "llm.token_count.total": 11}
"""What it adds where it counts its tokens."""


def attempt(server: OpenAIServer, number: int, *parts: Mapping[str, Any], description: str | None = None) -> Told:
    """Return the span of an attempt that went to the server; one that has a `description` failed."""
    attributes: dict[str, Any] = {
        "openinference.span.kind": "CHAIN",
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.full": f"{server.base_url}/chat/completions",
    }
    if number > 1:
        attributes["http.request.resend_count"] = number - 1
    for part in parts:
        attributes |= part
    return Told("attempt", "INTERNAL", "ERROR" if description else "UNSET", description, (), attributes)


def refused(status: int) -> dict[str, Any]:
    """Return what an attempt's span says of a status that is an error."""
    return {"http.response.status_code": status, "error.type": str(status)}


def retried(reason: str, source: str = "sdk", retry_after: str | None = None) -> dict[str, Any]:
    """Return what an attempt's span says of the one that followed, and why and when it did."""
    said = {} if retry_after is None else {"spanglass.attempt.retry_after": retry_after}
    return {
        "spanglass.attempt.retry_reason": reason,
        "spanglass.attempt.backoff": SECONDS,
        "spanglass.attempt.backoff_source": source,
        **said,
    }


GOOD = {"http.response.status_code": 200}
"""What an attempt's span says of one that succeeded."""
