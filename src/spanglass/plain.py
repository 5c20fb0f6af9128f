"""Plain data out of whatever the SDK holds: the fields of dicts and models alike, and JSON text."""

import datetime as dt
import decimal
import math
import pathlib
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache
from json import JSONEncoder
from operator import is_
from typing import Any, cast

from spanglass.guard import foreign

NOTHING: Mapping[str, Any] = {}
DEPTH = 32
MOST = 100_000  # lists and objects of a value that JSON has no word for: shared ones, met again, are many at once
LARGEST = 2**63
SCALARS = frozenset({bool, int, float, type(None)})
GONE: Any = object()
"""Stands for a value that is to be left out."""


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
    given: Mapping[str, Any] = value
    if value.__class__ is dict:
        return given
    try:
        own: Mapping[str, Any] = value.__dict__
        extra = value.__pydantic_extra__
    except AttributeError:
        return fields(value)
    if extra:
        return {**own, **extra}
    return own or fields(value)


@lru_cache(maxsize=512)
def spelled(kind: type) -> Mapping[str, str]:
    """Return how JSON spells those fields of a model's class that Python has other names for: `async_`, `schema_`."""
    known: Any = getattr(kind, "model_fields", None)
    if known is None:  # pydantic 1 has them elsewhere
        known = getattr(kind, "__fields__", None)
    own: dict[str, Any] = known if known.__class__ is dict else {}
    aliases = {name: getattr(own[name], "alias", None) for name in own}
    return {name: alias for name, alias in aliases.items() if alias is not None and alias != name}


def _object(value: Any) -> Any:
    own, names = whole(value), spelled(value.__class__)
    return {names.get(key, key): own[key] for key in own if own[key] is not None} or _word(value)


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
    return _encode(_plain(value, (), iter(range(MOST))))


def _plain(value: Any, path: tuple[int, ...], room: Iterator[int]) -> Any:
    """Return what JSON has a word for.

    `path` has the identities of all that holds the value, which may be itself; each list and object takes of `room`.
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -LARGEST <= value < LARGEST else f"{value:#x}"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if len(path) == DEPTH or id(value) in path or next(room, None) is None:
        return "…"
    inner = (*path, id(value))
    if isinstance(value, (list, tuple)):
        return [_plain(item, inner, room) for item in cast("list[Any]", value)]
    own = whole(value)
    return {_key(key): _plain(own[key], inner, room) for key in own} or _word(value)


def _key(key: Any) -> str:
    return key if key.__class__ is str else _encode_plain(key)


def changed(own: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the changes, and without those that are `GONE`."""
    merged = {**own, **changes}
    return {key: merged[key] for key in merged if merged[key] is not GONE}


def each(change: Callable[[Any], Any], items: Any) -> Any:
    """Return the list itself, or one with what `change` has made of its items."""
    made = [change(item) for item in items]
    return items if all(map(is_, made, items)) else made


def remade(value: Any, remake: Callable[[str], str], gone: Container[str] = ()) -> Any:
    """Return the value itself, or a copy in which each text is what `remake` makes of it, without the keys in `gone`.

    `remake` returns a text that is fine as it is. What holds itself, or is too deep, ends in a mark.
    """
    return _remade(value, (remake, gone, {}), DEPTH)


_Remaking = tuple[Callable[[str], str], Container[str], dict[int, Any]]


def _remade(value: Any, by: _Remaking, depth: int) -> Any:
    remake, _, met = by
    if value.__class__ in SCALARS:
        return value
    if isinstance(value, str):
        return remake(value)
    if id(value) in met:
        return met[id(value)]
    if depth == 0:
        return "…"
    met[id(value)] = "…"
    met[id(value)] = made = _remade_inside(value, by, depth - 1)
    return made


def _remade_inside(value: Any, by: _Remaking, depth: int) -> Any:
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        if SCALARS.issuperset(map(type, items)):  # a vector, or tokens: many, and nothing to be remade
            return items
        return each(lambda item: _remade(item, by, depth), items)
    own = whole(value)
    changes = {key: GONE if key in by[1] else _remade(own[key], by, depth) for key in own}
    changes = {key: changes[key] for key in changes if changes[key] is not own[key]}
    return changed(own, changes) if changes else value
