"""Plain data out of whatever the SDK holds: the fields of dicts and models alike, and JSON text."""

import datetime as dt
import decimal
import math
import pathlib
import uuid
from collections.abc import Mapping
from json import JSONEncoder
from typing import Any, cast

from spanglass.guard import foreign

NOTHING: Mapping[str, Any] = {}
DEPTH = 32
LARGEST = 2**63


def fields(value: Any) -> Mapping[str, Any]:
    """Return the own fields of a dict, a mapping or a model as they are, not copied; nothing for anything else."""
    given: Mapping[str, Any] = value
    if value.__class__ is dict:
        return given
    try:
        own: Mapping[str, Any] = value.__dict__
    except AttributeError:
        return given if isinstance(value, Mapping) else NOTHING
    return own if own or not isinstance(value, Mapping) else given


def whole(value: Any) -> Mapping[str, Any]:
    """Return the fields with those that the SDK's model does not declare (pydantic 2 keeps them apart)."""
    own = fields(value)
    try:
        extra = value.__pydantic_extra__
    except AttributeError:
        return own
    return {**own, **extra} if extra else own


def _object(value: Any) -> Any:
    own = whole(value)
    return {key: own[key] for key in own if own[key] is not None} or _word(value)


# Their text says what they are; that of anything else may run anybody's code, and raise.
WORDED = (dt.timedelta, decimal.Decimal, pathlib.PurePath, uuid.UUID)


def _word(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()  # as the SDK sends it
    return str(value) if isinstance(value, WORDED) else f"<{value.__class__.__name__}>"


_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_object).encode


def encode(value: Any) -> str:
    """Return JSON text. A model is written by its fields; what JSON has no word for (NaN, circles) as its text."""
    return foreign(_encode, value) or foreign(_encode_plain, value) or f'"<{value.__class__.__name__}>"'


def _encode_plain(value: Any) -> str:
    return _encode(_plain(value, ()))


def _plain(value: Any, path: tuple[int, ...]) -> Any:
    """Return what JSON has a word for; `path` has the identities of all that holds the value, which may be itself."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -LARGEST <= value < LARGEST else f"{value:#x}"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if len(path) == DEPTH or id(value) in path:
        return "…"
    inner = (*path, id(value))
    if isinstance(value, (list, tuple)):
        return [_plain(item, inner) for item in cast("list[Any]", value)]
    own = whole(value)
    return {_key(key): _plain(own[key], inner) for key in own} or _word(value)


def _key(key: Any) -> str:
    return key if key.__class__ is str else _encode(_plain(key, ()))
