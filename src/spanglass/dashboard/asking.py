"""What was asked in a call: the body of its request as a span tells it, or made from what else the span tells."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard import genai
from spanglass.dashboard.literals import NEEDED, Comment
from spanglass.endpoints.shapes import items, text
from spanglass.plain import fields
from spanglass.reading import conversation
from spanglass.reading import spans as reading
from spanglass.record import Message, Part, ToolCall
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi
from spanglass.writers.budget import FOLDED

Body = dict[str, Any]

PARAMETERS: Final = {
    ai.GEN_AI_REQUEST_MODEL: "model",
    ai.GEN_AI_REQUEST_TEMPERATURE: "temperature",
    ai.GEN_AI_REQUEST_TOP_P: "top_p",
    ai.GEN_AI_REQUEST_FREQUENCY_PENALTY: "frequency_penalty",
    ai.GEN_AI_REQUEST_PRESENCE_PENALTY: "presence_penalty",
    ai.GEN_AI_REQUEST_MAX_TOKENS: "max_tokens",
    ai.GEN_AI_REQUEST_SEED: "seed",
    ai.GEN_AI_REQUEST_CHOICE_COUNT: "n",
    ai.GEN_AI_REQUEST_STREAM: "stream",
    ai.GEN_AI_REQUEST_STOP_SEQUENCES: "stop",
}
"""What spans say of the parameters in OpenTelemetry's names, and the API's."""


def body_of(span: ReadableSpan) -> Body | None:
    """Return the body as it was sent, as far as the span has it; None where it has no body of the API."""
    found = _object(reading.text(span, oi.INPUT_VALUE))
    if found is None:
        return None
    messages = found.get("messages")
    if messages is not None:
        if not isinstance(messages, list) or not all("role" in fields(each) for each in items(messages)):
            return None
        found["messages"] = [_chat(_retold(each)) if _is_retold(each) else each for each in items(messages)]
    return found


def told_of(span: ReadableSpan) -> Body:
    """Return what else a span says was asked: its parameters, without what was said."""
    attributes = span.attributes or {}
    told = {name: attributes[key] for key, name in PARAMETERS.items() if key in attributes}
    named = _object(reading.text(span, oi.LLM_INVOCATION_PARAMETERS, oi.EMBEDDING_INVOCATION_PARAMETERS))
    body = {**told, **(named or {})}
    model = reading.text(span, oi.LLM_REQUEST_MODEL_NAME, *reading.MODEL)
    if model is not None:
        body.setdefault("model", model)
    offered = [*map(_object, [*conversation.tools(span), *genai.tools(span)])]
    if any(offered):
        body["tools"] = [*filter(None, offered)]
    return {name: [*value] if isinstance(value, tuple) else value for name, value in body.items()}


def sent(span: ReadableSpan) -> list[Message]:
    """Return the messages that were sent, as the span lists them."""
    return conversation.all_sent(span) or genai.sent(span)


def chat_messages(messages: list[Message]) -> list[Any]:
    """Return messages as chat takes them."""
    return [*map(_chat, messages)]


def response_items(messages: list[Message]) -> list[Any]:
    """Return messages as the Responses API takes them."""
    return [item for message in messages for item in _items(message)]


def _object(given: str | None) -> Body | None:
    with suppress(ValueError, RecursionError):
        return dict(fields(json.loads(given or ""))) or None
    return None


def _is_retold(message: Mapping[str, Any]) -> bool:
    parts = [*items(message.get("content")), *items(message.get("tool_calls"))]
    return any("kind" in fields(each) or fields(each).keys() <= CALL for each in parts) or "function_name" in message


CALL: Final = frozenset({"id", "name", "arguments", "hosted"})


def _retold(raw: Mapping[str, Any]) -> Message:
    message = Message(**{name: raw[name] for name in WORDS if isinstance(raw.get(name), str)})
    parts = [fields(part) for part in items(raw.get("content"))]
    message.parts = [Part(text(part.get("kind")) or "unknown", **_texts(part, PART)) for part in parts] or None
    calls = [fields(call) for call in items(raw.get("tool_calls"))]
    message.tool_calls = [ToolCall(**_texts(call, CALL)) for call in calls] or None
    return message


WORDS: Final = ("role", "content", "name", "tool_call_id", "refusal", "function_name", "function_arguments")
PART: Final = frozenset({"text", "url", "mime", "name", "id", "encrypted"})


def _texts(raw: Mapping[str, Any], names: frozenset[str]) -> dict[str, str]:
    return {name: raw[name] for name in names if isinstance(raw.get(name), str)}


def _chat(message: Message) -> Any:
    if message.role == FOLDED:
        return Comment("messages were folded here when it was recorded")
    parts = [_part(part, CHAT) for part in message.parts or ()]
    made: Body = {"role": message.role or "user", "content": parts or message.content}
    made |= {name: getattr(message, name) for name in ("name", "tool_call_id", "refusal") if getattr(message, name)}
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": _function(call)} for call in message.tool_calls
        ]
    if message.function_name:
        made["function_call"] = {"name": message.function_name, "arguments": message.function_arguments}
    return made


def _items(message: Message) -> list[Any]:
    if message.role == FOLDED:
        return [Comment("items were folded here when it was recorded")]
    if message.tool_call_id is not None:
        said = message.content or "".join(part.text or "" for part in message.parts or ())
        return [{"type": "function_call_output", "call_id": message.tool_call_id, "output": said}]
    calls = [
        {"type": "function_call", "call_id": call.id, **_function(call)}
        for call in message.tool_calls or ()
        if call.hosted is None
    ]
    rows = {**RESPONSES, "text": _said_back} if message.role == "assistant" else RESPONSES
    content = [_part(part, rows) for part in message.parts or ()] or message.content
    return [*([{"role": message.role or "user", "content": content}] if content else ()), *calls]


def _function(call: ToolCall) -> Body:
    named = {"name": call.name, "arguments": call.arguments}
    return {name: NEEDED if value is None else value for name, value in named.items()}


Rows = Mapping[str, Callable[[Part], Body]]


def _part(part: Part, rows: Rows) -> Body:
    return rows[part.kind](part) if part.kind in rows else rows["text"](part)


def _audio(part: Part) -> Body:
    kind, _, data = (part.url or "").partition(";base64,")
    sound = {"data": data or part.url, "format": (part.mime or kind).rpartition("/")[2]}
    return {"type": "input_audio", "input_audio": sound}


def _file(part: Part) -> Body:
    named = {"file_id": part.id, "filename": part.name, "file_data": part.url}
    return {name: value for name, value in named.items() if value is not None}


def _said_back(part: Part) -> Body:
    return {"type": "output_text", "text": part.text}


CHAT: Final[Rows] = {
    "text": lambda part: {"type": "text", "text": part.text},
    "refusal": lambda part: {"type": "refusal", "refusal": part.text},
    "image": lambda part: {"type": "image_url", "image_url": {"url": part.url}},
    "audio": _audio,
    "file": lambda part: {"type": "file", "file": _file(part)},
}
RESPONSES: Final[Rows] = {
    "text": lambda part: {"type": "input_text", "text": part.text},
    "image": lambda part: {"type": "input_image", "image_url": part.url},
    "audio": _audio,
    "file": lambda part: {"type": "input_file", **_file(part)},
}
