"""Rows of (attribute, field): how a convention says which attribute holds which field of a record."""

from operator import attrgetter
from typing import Any, Protocol

NANOSECONDS = 1e9


class Rows(Protocol):
    """What writes a table's rows."""

    def __call__(self, source: Any, out: dict[str, Any], prefix: str = "") -> None:
        """Write each field of `source` that is not None into `out`, under its attribute's name after `prefix`."""


def table(*rows: tuple[str, str]) -> Rows:
    """Return what writes these rows, of which there are at least two."""
    names, read = _columns(rows)

    def write(source: Any, out: dict[str, Any], prefix: str = "") -> None:
        for name, value in zip(names, read(source), strict=True):
            if value is not None:
                out[prefix + name] = value

    return write


def durations(*rows: tuple[str, str]) -> Rows:
    """Return what writes these rows of nanoseconds as seconds."""
    names, read = _columns(rows)

    def write(source: Any, out: dict[str, Any], prefix: str = "") -> None:
        for name, value in zip(names, read(source), strict=True):
            if value is not None:
                out[prefix + name] = value / NANOSECONDS

    return write


def _columns(rows: tuple[tuple[str, str], ...]) -> "tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]":
    names, fields = zip(*rows, strict=True)
    return names, attrgetter(*fields)
