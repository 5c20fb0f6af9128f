"""The items of the Responses API, sent and received, each read into one message."""

from typing import Any

from spanglass.endpoints.shapes import items, text
from spanglass.plain import encode, whole
from spanglass.record import Message, Part, ToolCall


def read_item(source: Any) -> Message:
    """Read one item; a type that is not known keeps its name, and its JSON as text."""
    raw = whole(source)
    kind = text(raw.get("type")) or "message"
    if kind == "message":
        content = raw.get("content")
        parts = [Part("text", text(whole(part).get("text"))) for part in items(content)]
        return Message(text(raw.get("role")), content if content.__class__ is str else None, parts or None)
    if kind == "function_call":
        call = ToolCall(text(raw.get("call_id")), text(raw.get("name")), text(raw.get("arguments")))
        return Message("assistant", tool_calls=[call])
    return Message(text(raw.get("role")), parts=[Part(kind, encode(source))])
