"""What a function was given and what it returned, as data: nothing is consumed, and no object's own code is run."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from inspect import getattr_static
from types import MemberDescriptorType
from typing import Any

from spanglass.credentials import NAMED_SECRETS, scrub, scrub_inside
from spanglass.guard import foreign
from spanglass.limits import Limits, within
from spanglass.plain import encode, whole

TEXT = "text/plain"
JSON = "application/json"
DEPTH = 16
MANY = 1_000
"""Items of one list or mapping that are told."""
MOST = 10_000
"""Values that are told in all."""
UNSUSPECTED = 10
"""Characters up to which a key holds no credential."""
_NUMBERS = (bool, int, float, type(None))
# What is read by these types' own methods, whatever a subclass makes of them; typed loosely, as all that is found here.
_LISTS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
_TUPLE: Any = tuple
_DICT: Any = dict
_class_of: Any = type


def told(value: Any, limits: Limits) -> tuple[str | None, str | None]:
    """Return a value as text, and its media type: a text as it is, nothing for None, anything else as JSON.

    It holds no credentials, and no text or medium that is over the limits.
    """
    if value is None:
        return None, None
    if type(value) is str and not value[limits.least :]:  # the usual case, in few calls
        return scrub(value), TEXT
    data = scrub_inside(Telling(limits, limits.span // 2).data(value), NAMED_SECRETS)
    return (data, TEXT) if isinstance(data, str) else (encode(data), JSON)


def told_arguments(given: Mapping[str, Any], limits: Limits) -> tuple[str | None, str | None]:
    """Return arguments by their names, as `told` does; a single text stands for itself."""
    known = {name: given[name] for name in given if name not in NAMED_SECRETS}
    if len(given) == 1 and len(known) == 1:
        (value,) = known.values()
        if issubclass(type(value), str):
            return told(value, limits)
    return told(known, limits) if known else (None, None)


def told_items(items: Sequence[Any], count: int, limits: Limits) -> tuple[str | None, str | None]:
    """Return what a generator has yielded, of `count` items the first ones; texts are one text."""
    more = [f"… [{count - len(items):,} more]"] if count > len(items) else []
    if all(isinstance(item, str) for item in items):
        return told("".join([*items, *more]), limits)
    return told([*items, *more], limits)


class Telling:
    """A value on its way to data, in which texts and media are within the limits.

    `room` is how many characters and values there is room for; what is beyond ends in a mark. Whatever an object makes
    of `__class__`, of its attributes and of iteration is not asked for: it may fetch, count, or raise.
    """

    __slots__ = ("_least", "_left", "_limits", "room")

    def __init__(self, limits: Limits, room: int) -> None:
        self.room = room
        self._left = MOST
        self._limits = limits._replace(upload=None)
        self._least = limits.least

    def data(self, value: Any, depth: int = DEPTH) -> Any:
        """Return what JSON has a word for, as the value is now; an object that is no data is told by its class."""
        self._left -= 1
        self.room -= 1
        kind = _class_of(value)
        if issubclass(kind, _NUMBERS):
            return value
        if self.room < 0:
            return "…"
        if issubclass(kind, str):
            return self._text(str.__str__(value))
        if depth == 0 or self._left < 0:
            return "…"
        made = foreign(partial(self._inside, depth=depth - 1), value)
        return f"<{kind.__qualname__}>" if made is None else made

    def _text(self, text: str) -> str:
        told = within(text, self._limits) if text[self._least :] else text
        self.room -= len(told)
        return told

    def _inside(self, value: Any, depth: int) -> Any:
        """Return what a value holds, or None where it is no data."""
        kind = _class_of(value)
        if issubclass(kind, Enum):
            return self.data(_attributes(value)["_value_"], depth)
        if issubclass(kind, (bytes, bytearray)):
            return f"<{len(value)} bytes>"
        if issubclass(kind, _TUPLE) and hasattr(kind, "_fields"):
            return self._fields(zip(kind._fields, _TUPLE.__iter__(value), strict=False), _TUPLE.__len__(value), depth)
        for base in _LISTS:
            if issubclass(kind, base):
                return self._items(base.__iter__(value), base.__len__(value), depth)
        if issubclass(kind, _DICT):
            return self._fields(_DICT.items(value), _DICT.__len__(value), depth)
        own = _own(value)
        return None if own is None else self._fields(own.items(), len(own), depth)

    def _items(self, values: Iterable[Any], count: int, depth: int) -> list[Any]:
        made: list[Any] = []
        for value in values:
            if len(made) == MANY or self._full:
                return [*made, f"… {count - len(made):,} more"]
            made.append(self.data(value, depth))
        return made

    def _fields(self, own: Iterable[tuple[Any, Any]], count: int, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in own:
            if len(made) == MANY or self._full:
                return {**made, "…": f"{count - len(made):,} more"}
            name = key if type(key) is str and not key[UNSUSPECTED:] else scrub(str(self.data(key, 1)))
            made[name] = self.data(value, depth)
        return made

    @property
    def _full(self) -> bool:
        return self._left <= 0 or self.room <= 0


def _own(value: Any) -> Mapping[str, Any] | None:
    """Return the fields of what is data: a dataclass, a model of pydantic's."""
    kind = _class_of(value)
    if issubclass(kind, type):
        return None
    if is_dataclass(kind):
        return dict(_held(value, (field.name for field in fields_of(kind))))
    if hasattr(kind, "model_fields") or hasattr(kind, "__fields__"):
        own = whole(value)
        return {name: own[name] for name in own if own[name] is not None}
    return None


def _attributes(value: Any) -> dict[str, Any]:
    own: dict[str, Any] = object.__getattribute__(value, "__dict__")
    return own


def _held(value: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that an object holds itself, or its class does: not what a descriptor would have to get."""
    kind = _class_of(value)
    own = foreign(_attributes, value) or {}
    for name in names:
        if name in own:
            yield name, own[name]
            continue
        shared: Any = getattr_static(kind, name, None)
        if type(shared) is MemberDescriptorType:  # a slot
            yield name, foreign(shared.__get__, value)
        elif not hasattr(_class_of(shared), "__get__"):
            yield name, shared
