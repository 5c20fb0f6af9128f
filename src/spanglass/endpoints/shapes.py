"""Reading what the SDK holds without trusting a type."""

import json
from collections.abc import Mapping
from typing import Any

from spanglass.plain import LARGEST, encode, fields

# Never recorded, whoever put them into a body; in every spelling, so that looking one up is one step.
CREDENTIALS = frozenset(
    spelled
    for words in (["api", "key"], ["authorization"], ["headers"], ["extra", "headers"])
    for join in ("", "_", "-")
    for spelled in (
        join.join(words),
        join.join(words).upper(),
        join.join(word.title() for word in words),
        join.join([words[0], *(word.title() for word in words[1:])]),
    )
)


def items(value: Any) -> "list[Any] | tuple[Any, ...]":
    """Return a list or tuple as it is, and nothing for anything else."""
    return value if value.__class__ is list or value.__class__ is tuple else ()


def text(value: Any) -> str | None:
    """Return a string as it is, None for None, and JSON for anything else."""
    if value is None or value.__class__ is str:
        return value
    return str.__str__(value) if isinstance(value, str) else encode(value)


def count(value: Any) -> int | None:
    """Return a number of tokens, or None for what is not a whole number that fits 64 bits."""
    return value if value.__class__ is int and -LARGEST <= value < LARGEST else None


def is_json(given: str) -> bool:
    """Tell whether a text is JSON."""
    try:
        json.loads(given)
    except (ValueError, RecursionError):
        return False
    return True


def without_credentials(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body itself, or, where it or one of its tools holds credentials, a copy without them."""
    tools = items(body["tools"]) if "tools" in body else ()
    for holder in (body, *tools):
        for key in fields(holder):
            if key in CREDENTIALS:
                clean = {name: body[name] for name in body if name not in CREDENTIALS}
                return {**clean, "tools": [_stripped(tool) for tool in tools]} if tools else clean
    return body


def _stripped(tool: Any) -> Any:
    return {key: value for key, value in fields(tool).items() if key not in CREDENTIALS} or tool
