"""Hiding content: what is not known to say nothing of it goes, whatever it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from spanglass.credentials import PARAMETERS, REDACTED
from spanglass.record import Attempt, Failure, Message, Record, ToolCall, Usage
from spanglass.semconv import openinference as oi

Reduce = Callable[[Any], Any]

# What of a record says nothing of the content. Every other field is emptied, those of later versions too.
KEPT = frozenset({
    "name", "kind", "operation", "start", "duration", "system", "provider", "address", "port", "helper", "streamed",
    "succeeded", "stream", "split",
})  # fmt: skip
KEPT_CONTEXT = frozenset({oi.SESSION_ID, oi.USER_ID, oi.TAG_TAGS, oi.METADATA})

# A model's name, an id, a code: no sentence fits.
_is_word = re.compile(r"[\w.:/@-]{1,64}", re.ASCII).fullmatch
_is_name = re.compile(r"[\w.]{1,64}", re.ASCII).fullmatch


def redact(record: Record) -> None:
    """Empty the record of content, in place: what remains are names, counts, times and ids."""
    held = [(field.name, getattr(record, field.name)) for field in fields(Record) if field.name not in KEPT]
    # All of it goes before any is put back, so that an error in between hides more and not less.
    for name, _ in held:
        setattr(record, name, None)
    for name, value in held:
        if value is not None and name in REDUCED:
            setattr(record, name, REDUCED[name](value))


def _same(value: Any) -> Any:
    return value


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
    return url.partition("?")[0].partition("#")[0]


def _context(context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name in KEPT_CONTEXT}


def _only(rows: Mapping[str, Reduce], value: Any) -> dict[str, Any]:
    """Return the fields that the rows name and that are known, each reduced by its row."""
    held = {name: getattr(value, name) for name in rows}
    return {name: rows[name](held[name]) for name in rows if held[name] is not None}


_TOOL_CALL: dict[str, Reduce] = {"id": word}
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
_USAGE: dict[str, Reduce] = {**{field.name: _count for field in fields(Usage)}, "details": _counts}


def _message(message: Message) -> Message:
    told = Message(**_only(_MESSAGE, message))
    if message.parts:
        told.content = REDACTED
    return told


def _messages(messages: list[Message]) -> list[Message]:
    return [_message(message) for message in messages]


REDUCED: dict[str, Reduce] = {
    **dict.fromkeys(("request_model", "response_model", "response_id", "service_tier", "fingerprint"), word),
    "parameters": _numbers,
    "input_messages": _messages,
    "output_messages": _messages,
    "input_value": _mark,
    "input_mime": _text_plain,
    "output_value": _mark,
    "output_mime": _text_plain,
    "usage": lambda usage: Usage(**_only(_USAGE, usage)),
    "failure": _ATTEMPT["failure"],
    "attempts": lambda attempts: [Attempt(**_only(_ATTEMPT, attempt)) for attempt in attempts],
    "context": _context,
}
