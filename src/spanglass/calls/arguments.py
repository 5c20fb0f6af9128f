"""What a function was given and what it returned, as data: nothing is consumed, and no object's own code is run."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from typing import Any

from spanglass.credentials import NAMED_SECRETS, scrub, scrub_inside
from spanglass.guard import foreign
from spanglass.limits import Limits, within
from spanglass.plain import NOTHING, encode, whole

TEXT = "text/plain"
JSON = "application/json"
DEPTH = 16
MANY = 1_000
"""Items of one list or mapping that are told."""
MOST = 10_000
"""Values that are told in all."""
_TOLD = (str, bool, int, float, type(None))
# Typed loosely, so that what is found in a value of any type stays of any type.
_MAPPINGS: Any = (Mapping,)
_LISTS: Any = (list, tuple, set, frozenset, deque)
_TUPLES: Any = (tuple,)
_BYTES: Any = (bytes, bytearray)


def told(value: Any, limits: Limits) -> tuple[str | None, str | None]:
    """Return a value as text, and its media type: a text as it is, nothing for None, anything else as JSON.

    It holds no credentials, and no text or medium that is over the limits.
    """
    if value is None:
        return None, None
    if value.__class__ is str and not value[limits.least :]:  # the usual case, in few calls
        return scrub(value), TEXT
    data = scrub_inside(within(data_of(value), limits._replace(upload=None)), NAMED_SECRETS)
    return (data, TEXT) if isinstance(data, str) else (encode(data), JSON)


def told_arguments(given: Mapping[str, Any], limits: Limits) -> tuple[str | None, str | None]:
    """Return arguments by their names, as `told` does; a single text stands for itself."""
    known = {name: given[name] for name in given if name not in NAMED_SECRETS}
    if len(given) == 1 and len(known) == 1:
        (value,) = known.values()
        if isinstance(value, str):
            return told(value, limits)
    return told(known, limits) if known else (None, None)


def told_items(items: Sequence[Any], count: int, limits: Limits) -> tuple[str | None, str | None]:
    """Return what a generator has yielded, of `count` items the first ones; texts are one text."""
    more = [f"… [{count - len(items):,} more]"] if count > len(items) else []
    if all(isinstance(item, str) for item in items):
        return told("".join([*items, *more]), limits)
    return told([*items, *more], limits)


def data_of(value: Any) -> Any:
    """Return what JSON has a word for, as the value is now; an object that is no data is told by its class."""
    return _Telling().data(value, DEPTH)


class _Telling:
    """One value on its way to data; counts what it has told."""

    def __init__(self) -> None:
        self.left = MOST

    def data(self, value: Any, depth: int) -> Any:
        """Return what JSON has a word for."""
        self.left -= 1
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, _TOLD):
            return str.__str__(value) if isinstance(value, str) else value
        if depth == 0 or self.left < 0:
            return "…"
        made = foreign(partial(self._inside, depth=depth - 1), value)
        return f"<{value.__class__.__qualname__}>" if made is None else made

    def _inside(self, value: Any, depth: int) -> Any:
        """Return what a value holds, or None where it is no data."""
        if isinstance(value, _LISTS) and not hasattr(value, "_fields"):
            return self._items(value, depth)
        if isinstance(value, _BYTES):
            return value
        own = _own(value)
        return None if own is None else self._fields(own, depth)

    def _items(self, values: Any, depth: int) -> list[Any]:
        made: list[Any] = []
        for value in values:
            if len(made) == MANY or self.left <= 0:
                return [*made, f"… {len(values) - len(made):,} more"]
            made.append(self.data(value, depth))
        return made

    def _fields(self, own: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key in own:
            if len(made) == MANY or self.left <= 0:
                return {**made, "…": f"{len(own) - len(made):,} more"}
            made[key if key.__class__ is str else str(self.data(key, 1))] = self.data(own[key], depth)
        return made


def _own(value: Any) -> Mapping[Any, Any] | None:
    """Return the fields of what is data: a mapping, a dataclass, a named tuple, a model of pydantic's."""
    if isinstance(value, _MAPPINGS):
        given: Mapping[Any, Any] = value
        return given
    if isinstance(value, type):
        return None
    if is_dataclass(value):
        return _held(value, (field.name for field in fields_of(value)))
    if isinstance(value, _TUPLES):
        return _held(value, value._fields)
    kind: Any = value.__class__
    if hasattr(kind, "model_fields") or hasattr(kind, "__fields__"):
        own = whole(value)
        return {name: own[name] for name in own if own[name] is not None}
    return None


def _held(value: Any, names: Iterable[str]) -> Mapping[str, Any]:
    return {name: getattr(value, name, None) for name in names} or NOTHING
