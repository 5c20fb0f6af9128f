"""What an attribute may hold: text that is UTF-8 without NUL, finite numbers of 64 bits, lists of one such kind.

Anything else costs whole spans or batches somewhere between here and the eye that reads them.
"""

import math
from collections.abc import Mapping
from typing import Any

from spanglass.plain import LARGEST, encode
from spanglass.writers.budget import NUMBER, shorten, thin

MANY = 1_000  # items of a list that may be so many that even empty ones count
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Typed loosely, so that what is found in a value of any type stays of any type.
_MAPPINGS: Any = (Mapping,)
_LISTS: Any = (list, tuple)
_FLOATS = {float}
_INTS = {int}
_BYTES: Any = (bytes, bytearray, memoryview)


def _text(value: Any) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, _BYTES) else str(value)


def clean(attributes: dict[str, Any], limit: int = LARGEST) -> None:
    """Change the attributes in place to what every backend takes. None is left out; what does not fit becomes text.

    Of texts that have more than `limit` bytes together, the longest are cut; of lists of numbers that have more, beside
    them, the last are left out.
    """
    texts: list[str] = []
    odd: list[Any] = []
    for key, value in attributes.items():
        kind = value.__class__
        if key.__class__ is not str:
            odd += (key,)
        elif kind is str:
            texts += (key, value)
        elif kind is bool or (kind is int and -LARGEST <= value < LARGEST) or (kind is float and value - value == 0):
            texts += (key,)
        elif (
            kind is list
            and value
            and value[0].__class__ is str
            and not value[MANY:]
            and [item for item in value if item.__class__ is not str] == []
        ):
            texts += (key, *value)
        else:
            odd += (key,)
    # The usual case, tested once over all the texts: they are fine.
    joined = "".join(texts)
    if not _fit(joined):
        odd = [*attributes]
    if odd:
        odd = _mend(attributes, odd, limit // NUMBER)
    if odd or joined[limit // 4 : limit // 4 + 1]:
        shorten(attributes, limit)


def _mend(attributes: dict[str, Any], odd: list[Any], most: int) -> list[Any]:
    """Change these attributes in place, and return the keys of those that were odd: lists of numbers are not.

    Of those, so many numbers may stay.
    """
    vectors = [key for key in odd if key.__class__ is str and _fit(key) and _finite(attributes[key])]
    thin(attributes, vectors, most)
    odd = [key for key in odd if key not in vectors] if vectors else odd
    for key in odd:
        value = _attribute(attributes.pop(key))
        if value is not None:
            attributes[clean_text(key if isinstance(key, str) else str(key))] = value
    return odd


def clean_text(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced, and halves of a character that met joined."""
    text = str.__str__(text)  # of an enumeration or another subclass: its value
    if _fit(text):
        return text
    return text.replace("\0", REPLACEMENT).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _fit(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _finite(value: Any) -> bool:
    """Tell whether it is a list of floats that are numbers, or of whole ones that fit: in few calls, however long."""
    kinds = {*map(type, value)} if value.__class__ is list else None
    if kinds == _FLOATS:
        total = sum(value)  # of what is no number, or infinite, this is neither
        return bool(total - total == 0)
    return kinds == _INTS and min(value) >= -LARGEST and max(value) < LARGEST


def _attribute(value: Any) -> Any:
    if not isinstance(value, _LISTS):
        return _scalar(value)
    items = [_scalar(item) for item in value]
    alike = all(item.__class__ is items[0].__class__ for item in items)
    return items if alike and None not in items else [clean_text(encode(item)) for item in value]


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if value is None or value.__class__ is bool:
        return value
    if isinstance(value, int):
        return int(value) if -LARGEST <= value < LARGEST else f"{value:#x}"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return clean_text(encode(value) if isinstance(value, (*_MAPPINGS, *_LISTS)) else _text(value))
