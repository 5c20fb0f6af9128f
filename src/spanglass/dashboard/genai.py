"""The messages of spans that have them in OpenTelemetry's names for generative AI: JSON, of roles and parts."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.endpoints.shapes import items, text
from spanglass.plain import encode, fields
from spanglass.record import Message, Part, ToolCall
from spanglass.semconv import gen_ai as ai

Raw = Mapping[str, Any]
SERVER: Final = "server_tool_call"


def sent(span: ReadableSpan) -> list[Message]:
    """Return the messages that were sent, the instructions first."""
    instructions = _read(span, ai.GEN_AI_SYSTEM_INSTRUCTIONS)
    told = [{"role": "system", "parts": instructions}] if instructions else []
    return [*map(_message, [*told, *_read(span, ai.GEN_AI_INPUT_MESSAGES)])]


def received(span: ReadableSpan) -> list[Message]:
    """Return the messages that came back, one a choice."""
    return [*map(_message, _read(span, ai.GEN_AI_OUTPUT_MESSAGES))]


def tools(span: ReadableSpan) -> list[str]:
    """Return the tools that were offered, each as its JSON."""
    return [encode(tool) for tool in _read(span, ai.GEN_AI_TOOL_DEFINITIONS)]


def _read(span: ReadableSpan, name: str) -> list[Any]:
    """Return the list that an attribute holds, as JSON or as it is."""
    value: Any = (span.attributes or {}).get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = [{"content": value}]
    return [*items(value)]


def _message(given: Any) -> Message:
    own = fields(given)
    message = Message(text(own.get("role")), name=text(own.get("name")), finish_reason=text(own.get("finish_reason")))
    parts = [*items(own.get("parts"))] or [*items(own.get("content"))]
    if not parts and own.get("content") is not None:
        message.content = text(own["content"])
    for part in parts:
        _add(message, fields(part) or {"type": "text", "content": part})
    return message


def _add(message: Message, raw: Raw) -> None:
    kind = text(raw.get("type")) or "text"
    if kind in CALLS:
        message.tool_calls = [*(message.tool_calls or ()), CALLS[kind](raw)]
    elif kind in RESULTS:
        message.role, message.tool_call_id = "tool", text(raw.get("id"))
        message.content = _first(RESULTS[kind](raw), "output", "response", "result")
    else:
        message.parts = [*(message.parts or ()), PARTS.get(kind, _other)(raw)]


def _first(raw: Raw, *names: str) -> str | None:
    return next((text(raw[name]) for name in names if raw.get(name) is not None), None)


def _call(raw: Raw) -> ToolCall:
    return ToolCall(text(raw.get("id")), text(raw.get("name")), text(raw.get("arguments")))


def _server_call(raw: Raw) -> ToolCall:
    inner = fields(raw.get(SERVER))
    hosted = text(inner.get("type")) or SERVER
    return ToolCall(text(raw.get("id")), text(raw.get("name")), text(inner.get("arguments")), hosted)


def _other(raw: Raw) -> Part:
    said = raw.get("content")
    return Part(text(raw.get("type")) or "unknown", text(said) if said is not None else encode(raw))


def _medium(url: Callable[[Raw], str | None]) -> Callable[[Raw], Part]:
    def read(raw: Raw) -> Part:
        named, kind = text(raw.get("file_id")), text(raw.get("modality")) or "file"
        return Part(kind, url=url(raw), mime=text(raw.get("mime_type")), id=named)

    return read


def _blob(raw: Raw) -> str:
    return f"data:{text(raw.get('mime_type')) or ''};base64,{text(raw.get('content')) or ''}"


CALLS: Final = {"tool_call": _call, SERVER: _server_call}
RESULTS: Final[dict[str, Callable[[Raw], Raw]]] = {
    "tool_call_response": lambda raw: raw,
    f"{SERVER}_response": lambda raw: fields(raw.get(f"{SERVER}_response")),
}
PARTS: Final[dict[str, Callable[[Raw], Part]]] = {
    "text": lambda raw: Part("text", _first(raw, "content", "text")),
    "blob": _medium(_blob),
    "uri": _medium(lambda raw: text(raw.get("uri"))),
    "file": _medium(lambda _: None),
}
