"""Reading what the SDK holds: dicts and models alike, without dumping a model and without trusting a type."""

from collections.abc import Mapping
from json import JSONEncoder
from typing import Any

NOTHING: Mapping[str, Any] = {}
LARGEST = 2**63


def fields(value: Any) -> Mapping[str, Any]:
    """Return the own fields of a dict, a mapping or a model as they are, not copied; nothing for anything else."""
    if value.__class__ is dict:
        return value  # type: ignore[no-any-return]
    try:
        own = value.__dict__
    except AttributeError:
        return value if isinstance(value, Mapping) else NOTHING
    return own if own or not isinstance(value, Mapping) else value  # type: ignore[no-any-return]


def whole(value: Any) -> Mapping[str, Any]:
    """Return the fields with those that the SDK's model does not declare (pydantic 2 keeps them apart)."""
    own = fields(value)
    extra = getattr(value, "__pydantic_extra__", None)
    return {**own, **extra} if extra else own


def items(value: Any) -> list[Any] | tuple[Any, ...]:
    """Return a list or tuple as it is, and nothing for anything else."""
    return value if value.__class__ is list or isinstance(value, (list, tuple)) else ()


def text(value: Any) -> str | None:
    """Return a string as it is, None for None, and JSON for anything else."""
    if value is None or value.__class__ is str:
        return value  # type: ignore[no-any-return]
    return str(value) if isinstance(value, str) else encode(value)


def count(value: Any) -> int | None:
    """Return a number of tokens, or None for what is not a whole number that fits 64 bits."""
    return value if value.__class__ is int and -LARGEST <= value < LARGEST else None


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    own = whole(value)
    if own:
        return {key: item for key, item in own.items() if item is not None and key.__class__ is str}
    return str(value)


_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, check_circular=True).encode


def encode(value: Any) -> str:
    """Return JSON text; what JSON does not know is written by its fields or as its text."""
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that are no strings, circles
        return str(value)


# Never recorded, whoever put them into a body.
CREDENTIALS = frozenset({"api_key", "apikey", "api-key", "authorization", "headers", "extra_headers"})


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
