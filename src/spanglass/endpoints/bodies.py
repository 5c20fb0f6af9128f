"""A body without credentials: what is sent, and what a response repeats of it."""

from collections.abc import Callable, Mapping
from typing import Any

from spanglass.credentials import CREDENTIALS, PARAMETERS, REDACTED, SECRETS, scrub_inside, scrub_link
from spanglass.guard import foreign
from spanglass.plain import GONE, SCALARS, changed, each, fields, whole

# The parts of a message that hold a URL, and the field that it stands in, where it is not the part's own.
_URLS = {"image_url": "url", "video_url": "url", "audio_url": "url", "file": "file_data", "file_url": "", "url": ""}
_TEXTS = frozenset({"text", "input_text", "output_text", "refusal"})
_LISTS = frozenset({list, tuple})
_BARE = SCALARS | _LISTS | {str}


def without_credentials(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body itself, or, where it holds credentials, a copy without them."""
    changes: dict[str, Any] = {}
    for key in body:
        value = body[key]
        if key in _CLEANED:
            clean = _CLEANED[key](value)
        elif key in PARAMETERS:
            continue
        elif key in SECRETS:
            clean = GONE
        elif value.__class__ in SCALARS:
            continue
        else:
            clean = foreign(_unknown, value)
        if clean is not value:
            changes[key] = clean
    return changed(body, changes) if changes else body


def without_echoed(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the response itself, or, where it repeats credentials of its request, a copy without them."""
    changes: dict[str, Any] = {}
    for key in _ECHOED:  # noqa: PLC0206 - free of a call, as is the next
        if key in response and response[key]:
            clean = _ECHOED[key](response[key])
            if clean is not response[key]:
                changes[key] = clean
    return changed(response, changes) if changes else response


def _tools(tools: Any) -> Any:
    return each(_tool, tools) if tools.__class__ in _LISTS else foreign(_unknown, tools)


def _tool(tool: Any) -> Any:
    own = tool if tool.__class__ is dict else whole(tool)
    kind = own.get("type", "function" if "input_schema" in own else None)  # one that an MCP server has says no type
    change = TOOLS[kind] if kind.__class__ is str and kind in TOOLS else _unknown
    if change is not None:
        return foreign(change, tool)
    for key in own:
        if key in CREDENTIALS:
            return {name: own[name] for name in own if name not in CREDENTIALS}
    return tool


def _within(holder: Any, name: str, change: Callable[[Any], Any]) -> Any:
    """Return what holds a field itself, or a copy in which the field is changed."""
    own = whole(holder)
    if name not in own or own[name].__class__ in SCALARS:
        return holder
    made = change(own[name])
    return holder if made is own[name] else {**own, name: made}


def _messages(messages: Any) -> Any:
    """Return messages or items themselves, or a list without credentials. The usual message costs no call."""
    if messages.__class__ not in _LISTS:
        return messages if messages.__class__ is str else foreign(_unknown, messages)
    clean: list[Any] | None = None
    number = -1
    for message in messages:
        number += 1
        if message.__class__ in _BARE:
            continue
        own = message if message.__class__ is dict else whole(message)  # an older SDK declares less
        for key in own:
            if key in _HOLDING and own[key].__class__ is not str and own[key] is not None:
                made = _HOLDING[key](own[key])
                if made is not own[key]:
                    clean = clean or [*messages]
                    clean[number] = own = {**whole(clean[number]), key: made}
    return messages if clean is None else clean


def _parts(parts: Any) -> Any:
    if parts.__class__ not in _LISTS:
        return _part(parts)
    try:  # the usual ones say no more than a text, and cost no call
        for part in parts:
            own = part if part.__class__ is dict else part.__dict__
            if own["type"] not in _TEXTS:
                break
        else:
            return parts
    except (AttributeError, KeyError, TypeError):
        pass
    return each(_part, parts)


def _part(part: Any) -> Any:
    own = part if part.__class__ is dict else whole(part)
    for kind in own:
        if kind in _URLS:
            holder, name = own[kind], _URLS[kind]
            if holder.__class__ is str:
                url = _public(holder)
                return part if url is holder else {**own, kind: url}
            held = fields(holder)
            url = _public(held[name]) if name in held else None
            if url is not None and url is not held[name]:
                return {**own, kind: {**held, name: url}}
    return part


def _public(url: Any) -> Any:
    """Return a URL itself, or without its credentials. What is data, and may be large, is left as it is."""
    if url.__class__ is not str or "://" not in url[:16]:
        return url
    clean = scrub_link(url)
    return url if clean == url else clean


def _action(action: Any) -> Any:
    """Return what is done in a shell without its environment's values, or on the web without what URLs hold."""
    for name, change in _DONE.items():
        action = _within(action, name, change)
    return action


_DONE: dict[str, Callable[[Any], Any]] = {
    "env": lambda env: dict.fromkeys(fields(env), REDACTED),
    "url": _public,
    "sources": _parts,
}


def _choice(choice: Any) -> Any:
    """Return which tools may be called, where they are listed, as tools are: a program may name them whole."""
    return choice if choice.__class__ is str else _within(choice, "tools", _tools)


def _prompt(prompt: Any) -> Any:
    """Return a template's variables without what its URLs hold; the prompts of completions are texts and numbers."""
    if prompt.__class__ is str or prompt.__class__ in _LISTS:
        return prompt
    return _within(prompt, "variables", _variables)


def _variables(variables: Any) -> Any:
    own = fields(variables)
    changes = {name: made for name in own if (made := _part(own[name])) is not own[name]}
    return {**own, **changes} if changes else variables


# What of an item may hold credentials, where it is no text.
_HOLDING: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("content", "output", "outputs"), _parts),
    "tools": _tools,
    "action": _action,
}
_CLEANED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("messages", "input", "instructions"), _messages),
    "prompt": _prompt,
    "tools": _tools,
    "tool_choice": _choice,
}


def _unknown(value: Any) -> Any:
    return scrub_inside(value, SECRETS)


_ECHOED: dict[str, Callable[[Any], Any]] = {**_CLEANED, "output": _messages, "error": _unknown}
# By their types. What is not here may hold anything; in the schemas of these a property may be named as a secret is.
TOOLS: dict[str, Callable[[Any], Any] | None] = {
    **dict.fromkeys(("function", "custom", "tool_search", "file_search", "computer", "computer_use_preview")),
    "computer-preview": None,  # of SDKs before 1.70
    **dict.fromkeys(("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")),
    **dict.fromkeys(("apply_patch", "local_shell", "programmatic_tool_calling")),
    **dict.fromkeys(("mcp", "code_interpreter", "shell"), _unknown),
    "namespace": lambda tool: _within(tool, "tools", _tools),
    "image_generation": lambda tool: _within(tool, "input_image_mask", _part),
}
