"""A call of the Responses API in the words of chat: what was asked and said, item by item."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from spanglass.endpoints.shapes import items
from spanglass.plain import fields

Raw = Mapping[str, Any]

MESSAGE: Final = "message"
HOSTED: Final = "hosted tool"  # the role of what no chat has
TEXTS: Final = frozenset({"input_text", "output_text", "text"})
# What a request goes on from that only the provider has.
GOES_ON_FROM: Final = ("previous_response_id", "conversation", "prompt")
KEPT: Final = frozenset({"item_reference", "compaction"})
THOUGHTS: Final = frozenset({"reasoning"})  # which no example has


def asks(body: Raw) -> bool:
    """Tell whether this is the body of such a call."""
    return isinstance(body.get("input"), str | list) and "messages" not in body


def _type(raw: Raw) -> str:
    """Return the type, which a file may tell as anything."""
    found: object = raw.get("type")
    return found if isinstance(found, str) else ""


def is_kept_elsewhere(body: Raw) -> bool:
    """Tell whether something that came before is with the provider alone."""
    return any(body.get(name) for name in GOES_ON_FROM) or any(
        _type(fields(item)) in KEPT for item in items(body.get("input"))
    )


def request(body: Raw) -> Raw:
    """Return the body as one of a chat, which says that its messages are items."""
    given, instructions = body["input"], body.get("instructions")
    messages = _told("system", instructions) + _told("user", given)
    return _chat(body, messages)


def _told(role: str, given: Any) -> list[Raw]:
    return [{"role": role, "content": given}] if isinstance(given, str) else said(given)


def retold(body: Raw) -> Raw:
    """Do so with a body that was told from the record, because a part of it was hidden or changed."""
    return _chat(body, said_anew(body.get("messages")))


def _chat(body: Raw, messages: list[Raw]) -> Raw:
    tools = [_tool(fields(tool)) for tool in items(body.get("tools"))]
    return {**body, "messages": messages, "tools": tools, "items": True}


def said(listed: Any) -> list[Raw]:
    """Return items as messages; one that chat has no word for has the role of its type."""
    raws = [fields(item) for item in items(listed)]
    kinds = [_type(raw) or MESSAGE for raw in raws]
    told = [(kind, raw) for kind, raw in zip(kinds, raws, strict=True) if kind not in THOUGHTS]
    return [ITEMS[kind](raw) if kind in ITEMS else {"role": kind} for kind, raw in told]


def said_anew(listed: Any) -> list[Raw]:
    """Return items as messages, where they were told from the record."""
    messages = [fields(message) for message in items(listed)]
    return [{"role": HOSTED} if _is_hosted(raw) else raw for raw in messages if not _is_thought(raw)]


def _is_thought(raw: Raw) -> bool:
    kinds = [fields(part).get("kind") for part in items(raw.get("content"))]
    return bool(kinds) and all(kind.__class__ is str and kind in THOUGHTS for kind in kinds)


def _is_hosted(raw: Raw) -> bool:
    return any(fields(call).get("hosted") for call in items(raw.get("tool_calls")))


def reason(body: Raw) -> object:
    """Return why a response ended."""
    return fields(body.get("incomplete_details")).get("reason") or body.get("status")


def joined(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with what the model says and calls in one turn as one of them, which items are each by itself."""
    found: list[dict[str, Any]] = []
    for message in messages:
        before = found[-1] if found else {}
        if before.get("role") == message["role"] == "assistant" and not ("content" in before and "content" in message):
            calls = [*before.get("tool_calls", ()), *message.get("tool_calls", ())]
            found[-1] = {**before, **message, "tool_calls": calls}
        else:
            found.append(message)
    return found


def _message(raw: Raw) -> Raw:
    return {"role": raw.get("role"), "content": _content(raw.get("content"))}


def _content(content: Any) -> Any:
    parts = [*map(_part, items(content))]
    return parts[0]["text"] if len(parts) == 1 and parts[0].get("type") == "text" else parts or content


def _part(source: Any) -> Raw:
    raw = fields(source)
    if _type(raw) in TEXTS:
        return {"type": "text", "text": raw.get("text")}
    if raw.get("type") == "input_image" and isinstance(raw.get("image_url"), str):
        return {"type": "image_url", "image_url": {"url": raw["image_url"], "detail": raw.get("detail")}}
    return raw


def _call(raw: Raw) -> Raw:
    called = {"name": raw.get("name"), "arguments": raw.get("arguments")}
    return {"role": "assistant", "tool_calls": [{"id": raw.get("call_id"), "type": "function", "function": called}]}


def _result(raw: Raw) -> Raw:
    return {"role": "tool", "tool_call_id": raw.get("call_id"), "content": _content(raw.get("output"))}


def _tool(raw: Raw) -> Raw:
    described = {name: raw[name] for name in raw if name != "type" and raw[name] is not None}
    return {"type": "function", "function": described} if raw.get("type") == "function" else raw


ITEMS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    MESSAGE: _message,
    "function_call": _call,
    "function_call_output": _result,
}
