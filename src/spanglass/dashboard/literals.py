"""Values as Python writes them: every text by its `repr`, so that none ends before its end; nothing without bound."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from spanglass.credentials import REDACTED
from spanglass.endpoints.shapes import items
from spanglass.plain import fields

WIDTH: Final = 88
NARROWEST: Final = 24
STEP: Final = 4
MOST: Final = 200_000
"""Characters of all texts together, of which each value, and each line of a text, takes some more: its indentation."""
BESIDE: Final = 8
"""Characters that stand beside a value: what it is quoted and separated by."""
LONGEST: Final = 20_000
"""Characters of one text."""
LONGEST_NAME: Final = 200
MEDIUM: Final = 2_000
"""Characters from which a medium is left out."""
DEEPEST: Final = 40

_is_cut = re.compile(r"… \[cut: \d+ bytes, sha256 [0-9a-f]{64}\]\Z").search
_is_left_out = re.compile(
    r"\[([\w.+-]{1,64}(?:/[\w.+-]{1,64})?): (\d{1,20}) bytes, sha256 [0-9a-f]{64}\]", re.ASCII
).fullmatch
_is_data = re.compile(r"data:([\w.+-]{1,64}/[\w.+-]{1,64})?[^,\s]{0,100},", re.ASCII).match
_is_base64 = re.compile(rf"[A-Za-z0-9+/_-]{{{MEDIUM},}}={{0,2}}").fullmatch
_has_blank = re.compile(r"\s").search
_line_of = re.compile(r"[^\n]*\n|[^\n]+").findall


class Told(NamedTuple):
    """A value, and a comment on it, which is ours."""

    value: Any
    comment: str


NEEDED: Final = Told("…", "not recorded")


class Named(NamedTuple):
    """A name that stands for a value, and is defined elsewhere."""

    name: str


class Comment(NamedTuple):
    """Stands in the place of values that are left out, and says so."""

    words: str


class Shown:
    """Makes what is shown of values; `constants` are what they name, with a comment each."""

    def __init__(self) -> None:
        self.constants: dict[str, str] = {}
        self._left = MOST
        self._named = Counter[str]()

    def of(self, value: Any, depth: int = 0) -> Any:
        """Return the value, or as much of it as is shown, with comments on what is not it."""
        self._left -= BESIDE + STEP * depth
        if isinstance(value, str):
            return self._text(value, BESIDE + STEP * depth)
        if not isinstance(value, dict | list):
            return value
        if depth > DEEPEST:
            return Told("…", "left out here: it is too deep")
        if isinstance(value, dict):
            return self._fields(fields(value), depth)
        return [*self._items(items(value), depth)]

    def _items(self, values: Sequence[Any], depth: int) -> Iterator[Any]:
        for number, item in enumerate(values):
            if self._left < 0:
                yield Comment(f"{len(values) - number:,} more are left out here")
                return
            yield self.of(item, depth + 1)

    def _fields(self, values: Mapping[str, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for number, (name, value) in enumerate(values.items()):
            if self._left < 0 or len(name) > LONGEST_NAME:
                made[""] = Comment(f"{len(values) - number:,} more are left out here")
                break
            self._left -= len(name)
            made[name] = self.of(value, depth + 1)
        return made

    def _text(self, text: str, beside: int) -> Any:
        left_out = _is_left_out(text)
        if left_out is not None:
            return self._constant(
                left_out[1], f"{left_out[1]}, {int(left_out[2]):,} bytes, left out when it was recorded"
            )
        data = _is_data(text)
        if len(text) > MEDIUM and (_is_base64(text) if data is None else not _has_blank(text)):
            mime = (data[1] if data is not None else None) or "data"
            return self._constant(mime, f"{mime}, {len(text):,} characters, left out here")
        most = max(0, min(LONGEST, self._left))
        self._left -= min(len(text), most) + beside * text.count("\n", 0, most)
        if len(text) > most:
            return Told(text[:most], f"{len(text) - most:,} more characters are left out here")
        if REDACTED in text:
            return Told(text, "hidden when it was recorded")
        return Told(text, "cut when it was recorded") if _is_cut(text) else text

    def _constant(self, mime: str, comment: str) -> Named:
        kind = KINDS.get(mime.partition("/")[0], "FILE")
        self._named[kind] += 1
        name = f"{kind}_{self._named[kind]}"
        self.constants[name] = comment
        return Named(name)


KINDS: Final = {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO"}


def quoted(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no more escapes."""
    written = repr(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def laid_out(value: Any, before: str = "", after: str = "", indent: int = 0) -> list[str]:
    """Return the lines of a value, with what stands before it and after it; in one line where that is enough."""
    pad = " " * indent
    if isinstance(value, Comment):
        return [f"{pad}# {value.words}"]
    if isinstance(value, Told):
        first, *rest = laid_out(value.value, before, after, indent)
        return [f"{first}  # {value.comment}", *rest]
    flat = _flat(value, WIDTH - len(pad) - len(before) - len(after))
    if flat is not None:
        return [f"{pad}{before}{flat}{after}"]
    opened, inner, closed = _inside(value, indent + STEP)
    return [f"{pad}{before}{opened}", *inner, f"{pad}{closed}{after}"] if inner else [f"{pad}{before}{opened}{after}"]


def _inside(value: Any, indent: int) -> tuple[str, list[str], str]:
    """Return the lines in a value that wants more than one, and what they stand between."""
    if isinstance(value, str):
        pieces = [*_pieces(value, max(NARROWEST, WIDTH - indent - 2))]
        if len(pieces) == 1:
            return quoted(value), [], ""
        return "(", [f"{' ' * indent}{quoted(piece)}" for piece in pieces], ")"
    lines = [line for name, each in _named(value) for line in laid_out(each, name, ",", indent)]
    return ("{", lines, "}") if isinstance(value, dict) else ("[", lines, "]")


def _flat(value: Any, room: int) -> str | None:
    """Return a value in one line of so many characters; None where it wants more."""
    if isinstance(value, Told | Comment):
        return None
    if isinstance(value, str):
        written = quoted(value) if len(value) <= room and "\n" not in value[:-1] else None
        return written if written is not None and len(written) <= room else None
    if isinstance(value, dict | list):
        return _flat_together(value, room)
    return value.name if isinstance(value, Named) else _scalar(value)


def _flat_together(value: Any, room: int) -> str | None:
    parts: list[str] = []
    for name, each in _named(value):
        flat = _flat(each, room - len(name) - 2)
        if flat is None:
            return None
        parts.append(f"{name}{flat}")
        room -= len(parts[-1]) + 2
        if room < 0:
            return None
    return f"{{{', '.join(parts)}}}" if isinstance(value, dict) else f"[{', '.join(parts)}]"


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"{quoted(name)}: ", each) for name, each in fields(value).items())
    return (("", each) for each in items(value))


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _pieces(text: str, width: int) -> Iterator[str]:
    """Yield a text in pieces: its lines, and of long ones as many words as fit."""
    for line in _line_of(text):
        start = 0
        while len(line) - start > width:
            end = line.rfind(" ", start, start + width) + 1 or start + width
            yield line[start:end]
            start = end
        if start < len(line):
            yield line[start:]
