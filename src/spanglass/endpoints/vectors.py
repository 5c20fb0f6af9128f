"""The vectors of a response: decoded, counted, and taken out of it. Of many, as many are kept as a span takes."""

import json
import re
import sys
from array import array
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from spanglass.endpoints.shapes import items
from spanglass.guard import foreign
from spanglass.plain import whole
from spanglass.record import Embedding, Record

MOST = 131_072
"""Numbers of a span: 1.4 MB on the wire. With the 2 MB of its texts, that is below the 4 MB that a collector takes."""

# Characters of a JSON text in which there cannot be more numbers than that.
_SHORT = 2 * MOST
_KEY = '"embedding"'
# What the SDK keeps in its model and no server has sent.
HELD = "_request_id"
_begins = re.compile(r'"embedding"\s*:\s*([\["])').match
_is_mark = re.compile(r"\[(\d{1,9}) floats\]").fullmatch
_ENDS = {"[": "]", '"': '"'}
# What no text of a vector has in it; a list has no text either.
_FOREIGN = {"[": ("[", '"', "{"), '"': ("\\",)}
_NUMBERS = frozenset({int, float})
_FLOAT = 4  # bytes


def _mark(count: int, value: Any = None) -> str:
    return f"[{count} floats]" if count else f"[{value.__class__.__name__}]"


def parsed(received: str) -> Any:
    """Return what a response's text says, or None. Of vectors that are too many, only how many numbers they have."""
    if received[_SHORT:]:
        found = foreign(json.loads, "".join(_thinned(received)))
        if found is not None:
            return found
    return foreign(json.loads, received)


def _thinned(text: str) -> Iterator[str]:
    """Yield the pieces of the JSON text, with marks in the place of the vectors that are too many."""
    room, start = MOST, 0
    at = text.find(_KEY)
    while at >= 0:
        found = _begins(text, at)
        end = at + 1 if found is None else text.find(_ENDS[found[1]], found.end())
        if end < 0:
            break
        if found is not None and not any(text.find(one, found.end(), end) >= 0 for one in _FOREIGN[found[1]]):
            listed = found[1] == "["
            count = text.count(",", found.end(), end) + 1 if listed else _encoded(text[found.end() : end])
            room -= count
            if room < 0:
                yield text[start : found.start(1)]
                yield f'"{_mark(count)}"'
                start = end + 1
        at = text.find(_KEY, end + 1)
    yield text[start:]


def take_vectors(record: Record, response: Any) -> Mapping[str, Any] | None:
    """Put the vectors of a response into the record, each beside its input, and return its fields with marks instead.

    Returns None where it is no response that has any.
    """
    raw = whole(response)
    rows = [whole(item) for item in items(raw.get("data"))]
    if not any("embedding" in row for row in rows):
        return None
    told: list[Any] = [*rows]
    places = _places(rows, len(record.embeddings or ()))
    embeddings = record.embeddings = [*(record.embeddings or ())]
    embeddings += [Embedding() for _ in range(max(places) + 1 - len(embeddings))]
    record.vectors = 0
    room = MOST
    for number in sorted(range(len(rows)), key=places.__getitem__):
        if "embedding" not in rows[number]:
            continue
        count, vector = _read(rows[number]["embedding"], room)
        told[number] = {**rows[number], "embedding": _mark(count, rows[number]["embedding"])}
        if count:
            record.vectors += 1
            record.dimensions = count if record.vectors == 1 else record.dimensions
        room -= count
        embeddings[places[number]].vector = vector
    # Some SDKs keep notes of their own among the fields of a model.
    return {**{key: raw[key] for key in raw if key != HELD and key[:1] != "_"}, "data": told}


def _places(rows: list[Mapping[str, Any]], inputs: int) -> list[int]:
    """Return which input each belongs to: by its index, or in order where the indexes are not those of inputs."""
    most = max(inputs, len(rows))
    given: list[Any] = [row.get("index") for row in rows]
    known: list[int] = [index for index in given if index.__class__ is int and 0 <= index < most]
    return known if len(rows) == len({*known}) else [*range(len(rows))]


def _read(value: Any, room: int) -> tuple[int, list[float] | None]:
    """Return how many numbers a vector has, none if it is not one, and they themselves where there is room."""
    if value.__class__ is str:
        told = _is_mark(value)
        if told is not None:
            return int(told[1]), None
        count = _encoded(value)
        if count > room:
            return count, None
        decoded = foreign(_decoded, value)
        return (0, None) if not decoded else (count, decoded)
    numbers = items(value)
    if numbers and len(numbers) > room:
        return (len(numbers) if numbers[0].__class__ in _NUMBERS else 0), None
    if not _NUMBERS.issuperset(map(type, numbers)):
        return 0, None
    floats = foreign(_floats, numbers)
    return (len(floats), floats) if floats else (0, None)


def _floats(numbers: Any) -> list[float]:
    return [*map(float, numbers)]  # some are whole, as JSON may write them


def _encoded(text: str) -> int:
    """Return how many 32-bit floats a text in base64 stands for."""
    return (len(text) * 3 // 4 - text[-2:].count("=")) // _FLOAT


def _decoded(text: str) -> list[float]:
    floats = array("f", b64decode(text, validate=True))
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()
