"""The items of the Responses API, sent and received, each read into one message: a row for each type.

What no row reads stays in the call's input and output value: the citations and log probabilities of a text, an image's
detail, statuses, safety checks, the container of code, the label of an MCP server.
"""

from collections.abc import Callable, Mapping
from typing import Any

from spanglass.endpoints import chat
from spanglass.endpoints.shapes import items, text
from spanglass.plain import encode, fields, whole
from spanglass.record import Message, Part, ToolCall

Raw = Mapping[str, Any]
Reader = Callable[[Raw], Message]
UNKNOWN = "unknown"
MESSAGE = "message"


def read_item(source: Any) -> Message:
    """Read one item; a type that is not known keeps its name, and its JSON as text. The usual ones cost few calls."""
    raw = source if source.__class__ is dict else whole(source)
    kind = raw["type"] if "type" in raw and raw["type"] is not None else _untyped(source, raw)
    if kind.__class__ is not str:
        kind = text(kind) or UNKNOWN
    if kind == MESSAGE:
        role = raw["role"] if "role" in raw else None
        message = Message(role if role.__class__ is str else text(role))
        if "agent" in raw:
            message.name = text(fields(raw["agent"]).get("agent_name"))
        content = raw["content"] if "content" in raw else None
        if content.__class__ is str:
            message.content = content
            return message
        return _filled(message, content)
    if kind in ITEMS:
        return ITEMS[kind](raw)
    return Message("user", source) if source.__class__ is str else _unknown(kind, raw, source)


def _untyped(source: Any, raw: Raw) -> str:
    """Return the type of an item that does not say it: a message's may be left out, and a reference's."""
    if "content" in raw or "role" in raw:
        return MESSAGE
    return "item_reference" if "id" in raw and source.__class__ is not str else UNKNOWN


def _unknown(kind: str, raw: Raw, source: Any) -> Message:
    return Message(text(raw.get("role")), parts=[Part(kind, encode(source))])


def _filled(message: Message, content: Any) -> Message:
    """Fill a message with content: a text alone, a refusal alone, or else parts."""
    if content.__class__ is str:
        message.content = content
        return message
    if content.__class__ is list and content and not content[1:]:
        own = content[0] if content[0].__class__ is dict else whole(content[0])
        kind = own["type"] if "type" in own else None
        if kind.__class__ is str and kind in SOLE:
            name, field = SOLE[kind]
            if name in own and own[name].__class__ is str:
                setattr(message, field, own[name])
                return message
    parts = items(content) or ((content,) if "type" in fields(content) else ())
    if parts:
        message.parts = [read_part(part) for part in parts]
    elif content.__class__ is not list:
        message.content = text(content)
    return message


# Parts.


def read_part(source: Any) -> Part:
    """Read one content part; a kind that is not known keeps its name, and its JSON as text."""
    if source.__class__ is str:
        return Part("text", source)
    raw = whole(source)
    kind = text(raw.get("type")) or UNKNOWN
    return PARTS[kind](raw) if kind in PARTS else Part(kind, encode(source))


def _text(raw: Raw) -> Part:
    return Part("text", text(raw.get("text")))


def _image(raw: Raw) -> Part:
    image = raw.get("image_url")
    url = image if image.__class__ is str else fields(image).get("url")
    return Part("image", url=text(url), id=text(raw.get("file_id")))


def _file(raw: Raw) -> Part:
    url = raw.get("file_url") or raw.get("file_data")
    return Part("file", url=text(url), name=text(raw.get("filename")), id=text(raw.get("file_id")))


PARTS: dict[str, Callable[[Raw], Part]] = {
    **chat.PARTS,  # as frameworks write them that know both
    **dict.fromkeys(("input_text", "output_text", "reasoning_text", "summary_text", "reasoning_summary"), _text),
    "input_image": _image,
    "computer_screenshot": _image,
    "input_file": _file,
    "output_audio": lambda raw: Part("audio", text=text(raw.get("transcript"))),
    "encrypted_content": lambda raw: Part("encrypted_content", encrypted=text(raw.get("encrypted_content"))),
    # Of a code interpreter.
    "logs": lambda raw: Part("text", text(raw.get("logs"))),
    "image": lambda raw: Part("image", url=text(raw.get("url"))),
}
# Parts that fill a message alone: what they hold it in, and the message's field.
SOLE = {
    **dict.fromkeys(("input_text", "output_text", "text"), ("text", "content")),
    "logs": ("logs", "content"),
    "refusal": ("refusal", "refusal"),
}


# Calls.


def _one(*names: str) -> Callable[[Raw], str | None]:
    """Return what tells the first of these fields that is given, text or JSON."""
    return lambda raw: next((text(raw[name]) for name in names if name in raw and raw[name] is not None), None)


def _some(*names: str) -> Callable[[Raw], str | None]:
    """Return what tells as JSON which of these fields are given."""
    return lambda raw: encode({name: raw[name] for name in names if name in raw and raw[name] is not None})


def _search(raw: Raw) -> str | None:
    action = whole(raw.get("action"))
    asked = {name: action[name] for name in action if name != "sources" and action[name] is not None}
    return encode(asked) if asked else text(raw.get("action"))


def _client(_raw: Raw) -> bool:
    return False


def _provider(_raw: Raw) -> bool:
    return True


def _contained(raw: Raw) -> bool:
    return fields(raw.get("environment")).get("type") == "container_reference"


def _searched_by_provider(raw: Raw) -> bool:
    return raw.get("execution") != "client"


def _said(*names: str) -> Callable[[Message, Raw], None]:
    """Return what puts the first of these fields that is given into a message as its text."""
    tell = _one(*names)

    def put(message: Message, raw: Raw) -> None:
        message.content = tell(raw)

    return put


def _sources(message: Message, raw: Raw) -> None:
    message.content = text(whole(raw.get("action")).get("sources") or raw.get("results"))


def _outputs(message: Message, raw: Raw) -> None:
    _filled(message, raw.get("outputs"))


def _listed(message: Message, raw: Raw) -> None:
    """Put in the tools of a server, or why it could not list them."""
    if raw.get("error") is not None:
        message.content = text(raw["error"])
    else:
        message.parts = [Part("mcp_list_tools", text(raw.get("tools")))]


def _picture(message: Message, raw: Raw) -> None:
    """Put in a generated image, which comes as base64."""
    result = text(raw.get("result"))
    if result:
        mime = f"image/{(text(raw.get('output_format')) or 'png').replace('svg', 'svg+xml')}"
        told = ":" in result  # what stands for data that was too long
        message.parts = [Part("image", url=result if told else f"data:{mime};base64,{result}", mime=mime)]
    elif raw.get("error") is not None:
        message.content = text(raw["error"])


def _nothing(message: Message, raw: Raw) -> None:
    """Its results come in an item of their own."""


def _call(
    arguments: Callable[[Raw], str | None],
    by: Callable[[Raw], bool] = _client,
    *,
    name: str = "",
    named: str = "name",
    results: Callable[[Message, Raw], None] = _nothing,
) -> Reader:
    """Return what reads a call of a tool, of a fixed name or that in the field `named`, and `by` whom it is run."""

    def read(raw: Raw) -> Message:
        called = raw.get("call_id") or raw.get("id")
        hosted = text(raw["type"]) if by(raw) else None
        call = ToolCall(text(called), name or text(raw.get(named)), arguments(raw), hosted)
        message = Message("assistant", tool_calls=[call])
        results(message, raw)
        return message

    return read


CALLS: dict[str, Reader] = {
    # The program answers these, by an item of outputs.
    "function_call": _call(_one("arguments")),
    "custom_tool_call": _call(_one("input")),
    "computer_call": _call(_one("actions", "action"), name="computer"),
    "local_shell_call": _call(_one("action"), name="local_shell"),
    "apply_patch_call": _call(_one("operation"), name="apply_patch"),
    # The program, or the provider.
    "shell_call": _call(_one("action"), _contained, name="shell"),
    "tool_search_call": _call(_one("arguments"), _searched_by_provider, name="tool_search"),
    # The provider.
    "web_search_call": _call(_search, _provider, name="web_search", results=_sources),
    "file_search_call": _call(_some("queries"), _provider, name="file_search", results=_said("results")),
    "code_interpreter_call": _call(_some("code"), _provider, name="code_interpreter", results=_outputs),
    "image_generation_call": _call(
        _some("action", "background", "output_format", "quality", "revised_prompt", "size"),
        _provider,
        name="image_generation",
        results=_picture,
    ),
    "mcp_call": _call(_one("arguments"), _provider, results=_said("error", "output")),
    "mcp_list_tools": _call(_some("server_label"), _provider, name="mcp_list_tools", results=_listed),
    "mcp_approval_request": _call(_one("arguments"), _provider),  # runs it where the program approves
    "program": _call(_some("code"), _provider, name="program"),
    "multi_agent_call": _call(_one("arguments"), _provider, named="action"),
}


# Outputs of calls.


def _output(tell: Callable[[Raw], str | None], by: str = "call_id") -> Reader:
    """Return what reads the output of a call, whose id is in the field `by`."""
    return lambda raw: Message("tool", tell(raw), tool_call_id=text(raw.get(by)))


def _content(raw: Raw) -> Message:
    message = Message("tool", tool_call_id=text(raw.get("call_id")), name=text(raw.get("name")))
    return _filled(message, raw.get("output"))


def _found(raw: Raw) -> Message:
    parts = [Part("tool_search_output", text(raw.get("tools")))]
    return Message("tool", tool_call_id=text(raw.get("call_id")), parts=parts)


OUTPUTS: dict[str, Reader] = {
    "function_call_output": _content,
    "custom_tool_call_output": _content,
    "computer_call_output": _content,
    "multi_agent_call_output": _content,
    "local_shell_call_output": _output(_one("output"), "id"),  # its id is that of the call
    "shell_call_output": _output(_one("output")),
    "apply_patch_call_output": _output(_one("output", "status")),
    "tool_search_output": _found,
    "program_output": _output(_one("result")),
    "mcp_approval_response": _output(_some("approve", "reason"), "approval_request_id"),
}


# All others.


def _reasoning(raw: Raw) -> Message:
    thoughts = [read_part(part).text for name in ("summary", "content") for part in items(raw.get(name))]
    joined = "\n\n".join(filter(None, thoughts))
    encrypted = text(raw.get("encrypted_content"))
    return Message("assistant", parts=[Part("reasoning", joined or None, id=text(raw.get("id")), encrypted=encrypted)])


def _compaction(raw: Raw) -> Message:
    part = Part("compaction", id=text(raw.get("id")), encrypted=text(raw.get("encrypted_content")))
    return Message("assistant", parts=[part])


def _sent(kind: str, tell: Callable[[Raw], str | None]) -> Reader:
    """Return what reads an item that the program alone sends, of the role it says, if any."""
    return lambda raw: Message(text(raw.get("role")), parts=[Part(kind, tell(raw), id=text(raw.get("id")))])


def _agent_message(raw: Raw) -> Message:
    return _filled(Message("assistant", name=text(raw.get("author"))), raw.get("content"))


ITEMS: dict[str, Reader] = {
    **CALLS,
    **OUTPUTS,
    "reasoning": _reasoning,
    "compaction": _compaction,
    "agent_message": _agent_message,
    "item_reference": _sent("item_reference", _one()),
    "compaction_trigger": _sent("compaction_trigger", _one()),
    "additional_tools": _sent("additional_tools", _one("tools")),
    "configuration_update": _sent("configuration_update", _some("reasoning", "text")),
}
