"""The messages that the attributes of a span hold, in the words of a record."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.endpoints import chat, responses
from spanglass.endpoints.shapes import items
from spanglass.plain import fields
from spanglass.reading.spans import text
from spanglass.record import Message, Part, Record, ToolCall
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own_names
from spanglass.writers.budget import FOLDED

BODIES: Final = {"messages": chat.ENDPOINT, "input": responses.CREATE}
"""What reads a body that has this."""

T = TypeVar("T", Message, ToolCall, Part)

MESSAGE: Final = {
    oi.MESSAGE_ROLE: "role",
    oi.MESSAGE_CONTENT: "content",
    oi.MESSAGE_NAME: "name",
    oi.MESSAGE_TOOL_CALL_ID: "tool_call_id",
    oi.MESSAGE_FUNCTION_CALL_NAME: "function_name",
    oi.MESSAGE_FUNCTION_CALL_ARGUMENTS_JSON: "function_arguments",
}
TOOL_CALL: Final = {
    oi.TOOL_CALL_ID: "id",
    oi.TOOL_CALL_FUNCTION_NAME: "name",
    oi.TOOL_CALL_FUNCTION_ARGUMENTS: "arguments",
}
PART: Final = {
    oi.MESSAGE_CONTENT_TYPE: "kind",
    oi.MESSAGE_CONTENT_TEXT: "text",
    oi.MESSAGE_CONTENT_ID: "id",
    oi.MESSAGE_CONTENT_ENCRYPTED_CONTENT: "encrypted",
    f"{oi.MESSAGE_CONTENT_IMAGE}.{oi.IMAGE_URL}": "url",
    f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_URL}": "url",
    f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_MIME_TYPE}": "mime",
    f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_TRANSCRIPT}": "text",
    f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_ID}": "id",
    f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_NAME}": "name",
    f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_URL}": "url",
    f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_MIME_TYPE}": "mime",
}


def sent(span: ReadableSpan) -> list[Message]:
    """Return the messages that were sent, as far as the span lists them."""
    return _messages(span, oi.LLM_INPUT_MESSAGES)


def all_sent(span: ReadableSpan) -> list[Message]:
    """Return the messages that were sent, those too that were folded to keep within the span's limit."""
    messages = sent(span)
    if all(message.role != FOLDED for message in messages):
        return messages
    # Where it was cut, or has another shape, the messages are as the span lists them.
    with suppress(ValueError, TypeError, RecursionError):
        body = fields(json.loads(text(span, oi.INPUT_VALUE) or ""))
        for name in BODIES.keys() & body.keys():
            record = Record("", "", "")
            BODIES[name].read_request(record, body, None)
            return record.input_messages or messages
    return messages


def received(span: ReadableSpan) -> list[Message]:
    """Return the messages that came back, one a choice."""
    return _messages(span, oi.LLM_OUTPUT_MESSAGES)


def prompts(span: ReadableSpan) -> list[Message]:
    """Return the prompts of a completion before chat, each as a message."""
    return [Message("prompt", text) for text in _texts(span, oi.LLM_PROMPTS, oi.PROMPT_TEXT)]


def completions(span: ReadableSpan) -> list[Message]:
    """Return the texts that they were completed with, each as a message."""
    return [Message("completion", text) for text in _texts(span, oi.LLM_CHOICES, oi.COMPLETION_TEXT)]


def embedded(span: ReadableSpan) -> list[str]:
    """Return the texts that were embedded, as far as the span lists them."""
    return _texts(span, oi.EMBEDDING_EMBEDDINGS, oi.EMBEDDING_TEXT)


def vectors(span: ReadableSpan) -> tuple[int, int]:
    """Return how many vectors came and how many numbers each has; 0 where the span does not tell."""
    attributes = span.attributes or {}
    found = [
        *filter(None, (items(own.get(oi.EMBEDDING_VECTOR)) for own in _numbered(attributes, oi.EMBEDDING_EMBEDDINGS)))
    ]
    told = attributes.get(own_names.SPANGLASS_RESPONSE_VECTOR_COUNT)
    return told if isinstance(told, int) else len(found), len(found[0]) if found else 0


def _texts(span: ReadableSpan, prefix: str, name: str) -> list[str]:
    listed = _numbered(span.attributes or {}, prefix)
    return [value for own in listed if isinstance(value := own.get(name), str)]


def tools(span: ReadableSpan) -> list[str]:
    """Return the tools that were offered, each as its JSON."""
    return _texts(span, oi.LLM_TOOLS, oi.TOOL_JSON_SCHEMA)


def _messages(span: ReadableSpan, prefix: str) -> list[Message]:
    return [_message(own) for own in _numbered(span.attributes or {}, prefix)]


def _message(own: Mapping[str, Any]) -> Message:
    message = _filled(Message(), own, MESSAGE)
    calls = _numbered(own, oi.MESSAGE_TOOL_CALLS)
    parts = _numbered(own, oi.MESSAGE_CONTENTS)
    message.tool_calls = [_filled(ToolCall(), call, TOOL_CALL) for call in calls] or None
    message.parts = [_filled(Part("unknown"), part, PART) for part in parts] or None
    return message


def _filled(made: T, own: Mapping[str, Any], names: Mapping[str, str]) -> T:
    for key, value in own.items():
        if key in names and isinstance(value, str):
            setattr(made, names[key], value)
    return made


def _numbered(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return what a flattened list holds, in the order of its numbers, each item by the rest of the names."""
    items: dict[int, dict[str, Any]] = {}
    begin = f"{prefix}."
    for key, value in attributes.items():
        if key.startswith(begin):
            place, _, name = key[len(begin) :].partition(".")
            if place.isdecimal() and place.isascii() and len(place) < 10:  # noqa: PLR2004 - what a number may be long
                items.setdefault(int(place), {})[name] = value
    return [items[number] for number in sorted(items)]
