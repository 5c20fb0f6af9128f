"""What was sent and received, told from the record: the text in its place where a part of it is hidden."""

from dataclasses import fields
from typing import Any

from spanglass.credentials import REDACTED
from spanglass.plain import encode
from spanglass.record import Choice, Message, Part, Record, ToolCall


def retell(record: Record, sent: str | None, received: str | None) -> None:
    """Tell what was sent and received anew, where it was known and is not any more."""
    if sent is not None and record.input_value is None:
        record.input_value = input_of(record)
        record.input_mime = "application/json"
        if record.input_value is None:
            record.input_value, record.input_mime = REDACTED, "text/plain"
    if received is not None and record.output_value is None:
        record.output_value = output_of(record)
        record.output_mime = "application/json"
        if record.output_value is None:
            record.output_value, record.output_mime = REDACTED, "text/plain"


def input_of(record: Record) -> str | None:
    """Return as JSON what the record has of the request, or None where it has nothing."""
    said: dict[str, Any] = {**(record.parameters or {})}
    if record.input_messages:
        said["messages"] = [*map(_message, record.input_messages)]
    if record.prompts:
        said["prompt"] = record.prompts
    texts = [embedding.text for embedding in record.embeddings or ()]
    if any(texts):
        said["input"] = texts
    if record.tools:
        said["tools"] = record.tools
    return encode(said) if said else None


def output_of(record: Record) -> str | None:
    """Return as JSON what the record has of the response's messages or texts, or None where it has none."""
    messages = [*filter(None, map(_message, record.output_messages or ()))]
    choices = [*filter(None, map(_known, record.choices or ()))]
    said = {name: told for name, told in (("messages", messages), ("choices", choices)) if told}
    return encode(said) if said else None


def _message(message: Message) -> dict[str, Any]:
    told = _known(message)
    if message.parts:
        told["content"] = [*map(_known, message.parts)]
        del told["parts"]
    if message.tool_calls:
        told["tool_calls"] = [*map(_known, message.tool_calls)]
    return told


def _known(value: Message | Part | ToolCall | Choice) -> dict[str, Any]:
    """Return the fields that are known, by their names."""
    held = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: held[name] for name in held if held[name] is not None}
