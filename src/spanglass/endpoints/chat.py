"""Chat completions: the body that is sent, and the response or what a stream settled into."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from spanglass.endpoints.accumulator import ChatAccumulator
from spanglass.endpoints.bodies import without_credentials
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import is_json, items, text
from spanglass.endpoints.usage import read_usage
from spanglass.plain import encode, fields, whole
from spanglass.record import Message, Part, Record, ToolCall

# Read into fields of their own, by these names; every other parameter of the body is an invocation parameter.
READ = {"messages": "input_messages", "tools": "tools", "functions": "tools"}


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the SDK built it; `sent` is the JSON that goes over the wire, or None where it is not known."""
    clean = without_credentials(body)
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    if "messages" in clean:
        record.input_messages = [read_message(fields(message)) for message in items(clean["messages"])]
    if "tools" in clean:
        record.tools = [*items(clean["tools"])]
        if "stream" in clean and clean["stream"]:  # it may be long until they are written: they are the caller's
            record.tools = json.loads(encode(record.tools))
    elif "functions" in clean:
        record.tools = [{"type": "function", "function": function} for function in items(clean["functions"])]


def read_response(record: Record, response: Any, received: str | None) -> None:
    """Read a response; `received` is the text of its body, or None where it came as a stream."""
    raw = whole(response)  # an older SDK's model does not declare all of the head
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    for key, field in HEAD:
        if key in raw and raw[key].__class__ is str:
            setattr(record, field, raw[key] or None)
    if "choices" in raw:
        record.output_messages = [_read_choice(fields(choice)) for choice in items(raw["choices"])]
    if "usage" in raw and raw["usage"] is not None:
        record.usage = read_usage(whole(raw["usage"]))


HEAD = (
    ("id", "response_id"),
    ("model", "response_model"),
    ("service_tier", "service_tier"),
    ("system_fingerprint", "fingerprint"),
)


def _read_choice(choice: Mapping[str, Any]) -> Message:
    message = read_message(whole(choice["message"])) if "message" in choice else Message()
    reason = choice["finish_reason"] if "finish_reason" in choice else None
    message.finish_reason = reason if reason.__class__ is str else text(reason)
    return message


def read_message(raw: Mapping[str, Any]) -> Message:
    """Read one message, sent or received, from its fields."""
    role = raw["role"] if "role" in raw else None
    content = raw["content"] if "content" in raw else None
    message = Message(role if role.__class__ is str else text(role))
    if content.__class__ is str:
        message.content = content
    elif content is not None:
        _read_content(message, content)
    for key in raw:
        if key in MORE and raw[key] is not None:
            MORE[key](message, raw[key])
    return message


def _read_content(message: Message, content: Any) -> None:
    parts = items(content) or ((content,) if "type" in fields(content) else ())
    if parts:
        message.parts = [read_part(part) for part in parts]
    else:
        message.content = text(content)


def _read_tool_calls(message: Message, calls: Any) -> None:
    message.tool_calls = [_read_tool_call(whole(call)) for call in items(calls)] or None


def _read_tool_call(raw: Mapping[str, Any]) -> ToolCall:
    called = fields(raw.get("function") or raw.get("custom"))
    given = called.get("arguments", called.get("input"))
    return ToolCall(text(raw.get("id")), text(called.get("name")), text(given))


def _read_function_call(message: Message, call: Any) -> None:
    raw = fields(call)
    message.function_name = text(raw.get("name"))
    message.function_arguments = text(raw.get("arguments"))


def _read_audio(message: Message, audio: Any) -> None:
    raw = fields(audio)
    part = Part("audio", text=text(raw.get("transcript")), id=text(raw.get("id")))
    message.parts = [*(message.parts or ()), part]


def _put(field: str) -> Callable[[Message, Any], None]:
    return lambda message, value: setattr(message, field, text(value))


# What few messages have.
MORE: dict[str, Callable[[Message, Any], None]] = {
    "name": _put("name"),
    "tool_call_id": _put("tool_call_id"),
    "refusal": _put("refusal"),
    "reasoning": _put("reasoning"),
    "reasoning_content": _put("reasoning"),
    "tool_calls": _read_tool_calls,
    "function_call": _read_function_call,
    "audio": _read_audio,
}


def read_part(source: Any) -> Part:
    """Read one content part; a kind that is not known keeps its name, and its JSON as text."""
    if source.__class__ is str:
        return Part("text", source)
    raw = fields(source)
    kind = text(raw.get("type")) or "unknown"
    return PARTS[kind](raw) if kind in PARTS else Part(kind, text=encode(source))


def _image(raw: Mapping[str, Any]) -> Part:
    image = raw.get("image_url")
    return Part("image", url=text(fields(image).get("url", image if image.__class__ is str else None)))


def _audio(raw: Mapping[str, Any]) -> Part:
    audio = fields(raw.get("input_audio"))
    mime = f"audio/{text(audio.get('format')) or 'wav'}"
    data = text(audio.get("data")) or ""
    told = ":" in data  # what stands for data that was too long
    return Part("audio", url=data if told else f"data:{mime};base64,{data}", mime=mime)


def _file(raw: Mapping[str, Any]) -> Part:
    file = fields(raw.get("file"))
    return Part("file", url=text(file.get("file_data")), name=text(file.get("filename")), id=text(file.get("file_id")))


PARTS: dict[str, Callable[[Mapping[str, Any]], Part]] = {
    "text": lambda raw: Part("text", text(raw.get("text"))),
    "refusal": lambda raw: Part("refusal", text(raw.get("refusal"))),
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}


ENDPOINT = Endpoint(
    name="ChatCompletion",
    kind="LLM",
    operation="chat",
    read_request=read_request,
    read_response=read_response,
    accumulator=ChatAccumulator,
)
