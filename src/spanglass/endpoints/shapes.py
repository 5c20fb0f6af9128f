"""Reading what the SDK holds without trusting a type."""

import json
from typing import Any

from spanglass.plain import LARGEST, encode


def items(value: Any) -> "list[Any] | tuple[Any, ...]":
    """Return a list or tuple as it is, and nothing for anything else."""
    return value if value.__class__ is list or value.__class__ is tuple else ()


def text(value: Any) -> str | None:
    """Return a string as it is, None for None, and JSON for anything else."""
    if value is None or value.__class__ is str:
        return value
    return str.__str__(value) if isinstance(value, str) else encode(value)


def as_text(value: Any) -> str | None:
    """Return a string as it is, as plain text that of a subclass (numpy has one), and None for anything else."""
    if value.__class__ is str:
        return value
    return str.__str__(value) if isinstance(value, str) else None


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
