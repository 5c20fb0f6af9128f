"""Hiding content: what is not known to say nothing of it goes, whatever it is."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from spanglass.credentials import PARAMETERS, REDACTED
from spanglass.plain import whole
from spanglass.record import Attempt, Choice, Embedding, Failure, Message, Part, Record, Tool, ToolCall, Usage
from spanglass.semconv import openinference as oi
from spanglass.writers.retold import retell

Reduce = Callable[[Any], Any]
Rows = Mapping[str, tuple[Reduce, ...]]
"""What is made of a record's fields: what each of them is reduced by, one after another."""

# What of a record says nothing of the content. Every other field is emptied, those of later versions too.
KEPT = frozenset({
    "name", "kind", "operation", "start", "duration", "system", "provider", "address", "port", "helper", "streamed",
    "succeeded", "stream", "split", "instructed", "background", "adopts", "enclosed", "echoes", "vectors", "dimensions",
})  # fmt: skip
KEPT_CONTEXT = frozenset({oi.SESSION_ID, oi.USER_ID, oi.TAG_TAGS, oi.METADATA})

# A model's name, an id, a code: no sentence fits.
_is_word = re.compile(r"[\w.:/@-]{1,64}", re.ASCII).fullmatch
_is_part = re.compile(r"[\w.:\[\]-]{1,256}", re.ASCII).fullmatch  # hosts may be long
_is_name = re.compile(r"[\w.]{1,64}", re.ASCII).fullmatch


def redact(record: Record, rows: "Rows | None" = None) -> None:
    """Reduce the record by the rows, in place; without any, to names, counts, times and ids.

    An `input_value` or `output_value` of which only a part is hidden is told anew from what remains of the record.
    """
    rows = _widened(record, EVERYTHING if rows is None else rows)
    held = {name: getattr(record, name) for name in rows}
    # All of it goes before any is put back, so that an error in between hides more and not less.
    for name in rows:
        setattr(record, name, None)
    for name, reduces in rows.items():
        value = held[name]
        for reduce in reduces:
            value = None if value is None else reduce(value)
        setattr(record, name, value)
    retell(record, held.get("input_value"), held.get("output_value"))


def _widened(record: Record, rows: Rows) -> Rows:
    """Return the rows with those of what says the same as a part that few calls have."""
    for (name, reduce), more in SAME.items():
        if reduce in rows.get(name, ()) and getattr(record, name) is not None:
            rows = {**more, **rows}
    return {"output_value": (_gone,), **rows} if record.echoes else rows


def _same(value: Any) -> Any:
    return value


def _gone(_: Any) -> None:
    return None


def _mark(_: Any) -> str:
    return REDACTED


def _text_plain(_: Any) -> str:
    return "text/plain"


def word(value: Any) -> str:
    """Return what may be a model's name, an id or a code as it is, and a mark for anything else."""
    return value if value.__class__ is str and _is_word(value) else REDACTED


def _count(value: Any) -> int | None:
    return value if value.__class__ is int else None


def _counts(details: dict[str, int]) -> dict[str, int]:
    return {name: details[name] for name in details if _is_name(name)}


def _limits(limits: dict[str, str]) -> dict[str, str]:
    return {name: limits[name] for name in limits if _is_name(limits[name])}


def _numbers(parameters: dict[str, Any]) -> dict[str, Any]:
    numbers = {bool, int, float}
    return {key: parameters[key] for key in parameters if key in PARAMETERS and parameters[key].__class__ in numbers}


def _path(url: str) -> str:
    """Return a URL up to its query, with a mark for a part that may be a text: Azure's have the model's name."""
    parts = url.partition("?")[0].partition("#")[0].split("/")
    return "/".join(part if part == "" or _is_part(part) else REDACTED for part in parts)


def _context(context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name in KEPT_CONTEXT}


def _only(rows: Mapping[str, Reduce], value: Any) -> dict[str, Any]:
    """Return the fields that the rows name and that are known, each reduced by its row."""
    held = {name: getattr(value, name) for name in rows}
    return {name: rows[name](held[name]) for name in rows if held[name] is not None}


_TOOL_CALL: dict[str, Reduce] = {"id": word}
_TOOL: dict[str, Reduce] = {"id": word}
_MESSAGE: dict[str, Reduce] = {
    "role": word,
    "content": _mark,
    "refusal": _mark,
    "tool_calls": lambda calls: [ToolCall(**_only(_TOOL_CALL, call)) for call in calls],
    "tool_call_id": word,
    "finish_reason": word,
}
_FAILURE: dict[str, Reduce] = {
    "type": _same,
    "message": _mark,
    "status": _count,
    "code": word,
    "api_type": word,
    "request_id": word,
    "cancelled": _same,
    "raised": _same,
}
_ATTEMPT: dict[str, Reduce] = {
    **dict.fromkeys(("number", "start", "end", "method", "address", "port", "status"), _same),
    **dict.fromkeys(("wait", "wait_source", "processing_ms", "backoff", "backoff_source", "reason"), _same),
    "url": _path,
    "failure": lambda failure: Failure(**_only(_FAILURE, failure)),
    "request_id": word,
    "retry_after": word,
    "limits": _limits,
}
_USAGE: dict[str, Reduce] = {**{field.name: _count for field in fields(Usage)}, "details": _counts, "counted": _same}


def _message(message: Message) -> Message:
    told = Message(**_only(_MESSAGE, message))
    if message.parts:
        told.content = REDACTED
    return told


def _messages(messages: list[Message]) -> list[Message]:
    return [_message(message) for message in messages]


_REDUCED: dict[str, Reduce] = {
    **dict.fromkeys(("request_model", "response_model", "response_id", "service_tier", "fingerprint"), word),
    **dict.fromkeys(("status", "finish_reason", "previous_response", "conversation"), word),
    "parameters": _numbers,
    "tool": lambda tool: Tool(**_only(_TOOL, tool)),
    "input_messages": _messages,
    "output_messages": _messages,
    "prompts": lambda prompts: [REDACTED for _ in prompts],
    "choices": lambda choices: [Choice(REDACTED, word(choice.finish_reason)) for choice in choices],
    "embeddings": lambda embeddings: [Embedding(one.text and REDACTED) for one in embeddings],
    "input_value": _mark,
    "input_mime": _text_plain,
    "output_value": _mark,
    "output_mime": _text_plain,
    "usage": lambda usage: Usage(**_only(_USAGE, usage)),
    "failure": _ATTEMPT["failure"],
    "attempts": lambda attempts: [Attempt(**_only(_ATTEMPT, attempt)) for attempt in attempts],
    "context": _context,
}


EVERYTHING: Rows = {
    field.name: (_REDUCED.get(field.name, _gone),) for field in fields(Record) if field.name not in KEPT
}


# Of a part of the content.

# What may quote anything that was sent or received.
_QUOTES: dict[str, Reduce] = {name: _REDUCED[name] for name in ("failure", "attempts")}
# What a server of another kind may write a text into.
_ENDED: dict[str, Reduce] = {name: _REDUCED[name] for name in ("status", "finish_reason")}
# What a request says, and its response repeats.
_LINKED: dict[str, Reduce] = {name: _REDUCED[name] for name in ("previous_response", "conversation")}
# What says the same as the messages: where a part of them is hidden, it is told anew.
_SENT: dict[str, Reduce] = {"input_value": _gone, **_QUOTES}
_RECEIVED: dict[str, Reduce] = {"output_value": _gone, **_ENDED, **_QUOTES}
# The parameters that hold what a message may.
_SAID = frozenset({"prediction", "prompt", "suffix"})
_TOOLS = frozenset({"tool_choice", "function_call", "functions", "web_search_options"})


def _without(names: frozenset[str]) -> Reduce:
    """Return what drops these parameters, and those that the SDK does not know, which may be anything."""
    kept = PARAMETERS - names
    return lambda parameters: {key: parameters[key] for key in parameters if key in kept}


def _endless(parameters: dict[str, Any]) -> dict[str, Any]:
    """Drop what a prompt goes on with after what is made up in between."""
    return {key: parameters[key] for key in parameters if key != "suffix"}


def _maskless(tools: list[Any]) -> list[Any]:
    """Drop the pictures that definitions of tools hold: those that say where to paint."""
    return [_painting(tool) for tool in tools]


def _painting(tool: Any) -> Any:
    own = whole(tool)
    return {name: own[name] for name in own if name != MASK} if MASK in own else tool


_REASON: dict[str, Reduce] = {"finish_reason": word}


def _speechless(messages: list[Message]) -> list[Message]:
    """Keep what is no content of a message that was received: why it ended."""
    return [Message(**_only(_REASON, message)) for message in messages]


def _textless_part(part: Part) -> Part:
    return part if part.kind in PICTURES and part.text is None else Part(word(part.kind), REDACTED)


_TEXTLESS_CALL: dict[str, Reduce] = {"id": word, "name": word, "arguments": _mark, "hosted": word}
_WORDS = ("role", "name", "tool_call_id", "function_name", "finish_reason")
_TEXTLESS: dict[str, Reduce] = {
    **dict.fromkeys(_WORDS, word),
    **dict.fromkeys(("content", "refusal", "reasoning", "function_arguments"), _mark),
    "tool_calls": lambda calls: [ToolCall(**_only(_TEXTLESS_CALL, call)) for call in calls],
    "parts": lambda parts: [_textless_part(part) for part in parts],
}


def _texts(messages: list[Message]) -> list[Message]:
    return [_textless(message) for message in messages]


def _textless(message: Message) -> Message:
    return Message(**_only(_TEXTLESS, message))


def _pictures(messages: list[Message]) -> list[Message]:
    return [replace(message, parts=message.parts and [*map(_blind, message.parts)]) for message in messages]


def _blind(part: Part) -> Part:
    if part.kind in WORDS:
        return part
    return replace(part, text=part.text and REDACTED, url=part.url and REDACTED)


def _wordless(embeddings: list[Embedding]) -> list[Embedding]:
    return [replace(one, text=one.text and REDACTED) for one in embeddings]


def _vectorless(embeddings: list[Embedding]) -> list[Embedding]:
    return [replace(one, vector=None) for one in embeddings]


def _rows(reduces: dict[str, Reduce]) -> Rows:
    return {name: (reduce,) for name, reduce in reduces.items()}


# What says the same as a part that few calls have, by what is done to it: hidden with it, where a call has it.
_PROMPTED = _rows({"context": _context, **_SENT})
SAME: dict[tuple[str, Reduce], Rows] = {
    ("prompts", _gone): _PROMPTED,
    ("prompts", _REDUCED["prompts"]): _PROMPTED,
    ("choices", _REDUCED["choices"]): _rows(_RECEIVED),
    ("embeddings", _wordless): _PROMPTED,
    ("embeddings", _vectorless): _rows(_RECEIVED),
}

# The kinds of parts that hold definitions of tools.
DEFINING = frozenset({"additional_tools", "mcp_list_tools", "tool_search_output"})


def _toolless(messages: list[Message]) -> list[Message]:
    return [replace(message, parts=message.parts and [*map(_undefined, message.parts)]) for message in messages]


def _undefined(part: Part) -> Part:
    return Part(part.kind, REDACTED) if part.kind in DEFINING else part


PICTURES = frozenset({"image"})
MASK = "input_image_mask"
# The kinds of parts that hold no picture.
WORDS = frozenset({"text", "refusal", "audio", "reasoning"})

# What each of OpenInference's options hides here: what of it is missing holds nothing that a chat has.
PLACES: dict[str, dict[str, Reduce]] = {
    "inputs": {
        **{name: _REDUCED[name] for name in ("parameters", "tool", "input_value", "input_mime", "context")},
        "input_messages": _gone,
        "prompts": _gone,
        "embeddings": _wordless,
        "tools": _gone,
        **_LINKED,
        **_QUOTES,
    },
    "outputs": {
        **{name: _REDUCED[name] for name in ("response_model", "response_id", "service_tier", "fingerprint", "usage")},
        "output_value": _mark,
        "output_mime": _text_plain,
        "output_messages": _speechless,
        "choices": _REDUCED["choices"],
        "embeddings": _vectorless,
        **_LINKED,
        **_ENDED,
        **_QUOTES,
    },
    "input_messages": {
        "input_messages": _gone,
        "prompts": _gone,
        "parameters": _without(_SAID),
        "context": _context,
        **_SENT,
    },
    "output_messages": {"output_messages": _speechless, "choices": _REDUCED["choices"], **_RECEIVED},
    "input_text": {
        "input_messages": _texts,
        "prompts": _REDUCED["prompts"],
        "embeddings": _wordless,
        "parameters": _without(_SAID),
        "context": _context,
        **_SENT,
    },
    "output_text": {"output_messages": _texts, "choices": _REDUCED["choices"], **_RECEIVED},
    "input_images": {
        "input_messages": _pictures,
        "tools": _maskless,
        "parameters": _without(_SAID),
        **_SENT,
    },
    "llm_invocation_parameters": {"parameters": _gone, **_LINKED, **_SENT},
    "prompts": {"prompts": _gone, "parameters": _endless},
    "choices": {"choices": _REDUCED["choices"]},
    "embeddings_text": {"embeddings": _wordless},
    "embeddings_vectors": {"embeddings": _vectorless},
    "embedding_vectors": {"embeddings": _vectorless},
    "llm_tools": {
        "tools": _gone,
        "tool": _REDUCED["tool"],
        "input_messages": _toolless,
        "output_messages": _toolless,
        "parameters": _without(_TOOLS),
        **_SENT,
    },
}


def hiding(names: Iterable[str], *, content: bool = True) -> Rows | None:
    """Return the rows that hide all of these places, or None where there is nothing to hide.

    Without `content` they hide all of the content, and of these places even what says nothing of it.
    """
    merged: dict[str, tuple[Reduce, ...]] = {} if content else {**EVERYTHING}
    for name in names:
        for field, reduce in PLACES.get(name, {}).items():
            if reduce not in merged.get(field, ()):
                merged[field] = (*merged.get(field, ()), reduce)
    return merged or None
