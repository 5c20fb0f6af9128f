"""Spans as plain values, whole, so that nothing unasserted hides in them."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from asks import CHAT, Ask
from opentelemetry.sdk.trace import ReadableSpan

from asking import sent
from spanglass.testing import OpenAIServer

SECONDS = "seconds"
"""Stands for what a clock said: some number of seconds, none of them negative."""

SPLIT = ("spanglass.time.attempts", "spanglass.time.backoff", "spanglass.time.body", "spanglass.time.rest")
"""Where a call's time went."""

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
    ask: Ask = CHAT,
    status: str = "OK",
    description: str | None = None,
    events: tuple[str, ...] = (),
) -> Told:
    """Return the span of a call that asked once, and got no answer; each of `parts` adds to its attributes."""
    attributes = {**ask.asked(server), **dict.fromkeys(SPLIT, SECONDS)}
    for part in parts:
        attributes |= part
    return Told(ask.span, "CLIENT", status, description, events, attributes)


ANSWERED = CHAT.answered
"""What the server's usual answer of a chat adds."""

COUNTED = CHAT.counted
"""What it adds where it counts its tokens."""


def attempt(
    server: OpenAIServer, number: int, *parts: Mapping[str, Any], description: str | None = None, ask: Ask = CHAT
) -> Told:
    """Return the span of an attempt that went to the server; one that has a `description` failed."""
    attributes: dict[str, Any] = {
        "openinference.span.kind": "CHAIN",
        "http.request.method": ask.verb,
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.full": f"{server.base_url}{ask.path}",
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
