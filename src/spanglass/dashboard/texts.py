"""Texts of spans in a page: whatever they hold, all of it is seen, and none of it does anything."""

import json
import re
from contextlib import suppress
from typing import Final

from markupsafe import Markup, escape

from spanglass.endpoints.shapes import is_json

UNSEEN: Final = re.compile(
    "["
    "\0-\x08\x0b-\x1f\x7f-\x9f"  # controls but the tab and the newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of a text
    "\u00ad\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # breaks, and what has no width
    "\ud800-\udfff"  # halves of a character
    "\U000e0000-\U000e0fff"  # tags, which spell a text that nobody sees
    "]"
)
"""What a browser obeys or does not show. Joiners are not of them: Persian, Hindi and emoji are written with those."""


RUN: Final = re.compile(f"{UNSEEN.pattern}+")
FRAMED: Final = 50
"""Runs of them that have a frame of their own: of a text that is full of them the page would be many times as long."""


def visible(text: object) -> Markup:
    """Return a text as it stands in a page: escaped, and what would not be seen spelled out by its code point."""
    safe = str(escape(str(text)))
    if safe.isascii() and safe.isprintable():
        return Markup(safe)  # noqa: S704 - escaped
    return Markup(RUN.sub(_bracketed, RUN.sub(_framed, safe, count=FRAMED)))  # noqa: S704 - the same


def _framed(found: re.Match[str]) -> str:
    return f'<span class="control">{_spelled(found)}</span>'


def _bracketed(found: re.Match[str]) -> str:
    return f"[{_spelled(found)}]"


def _spelled(found: re.Match[str]) -> str:
    return " ".join(f"U+{ord(char):04X}" for char in found[0])


TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]|[^\s{}\[\],:"]+')
SHORT: Final = 60
"""Characters of JSON that stands on one line."""
DEEPEST: Final = 40
"""Levels that are indented; what is deeper stands as far to the right as they do."""


def pretty(text: str, most: int) -> str | None:
    """Return JSON laid out, up to one character more than `most`; None for other texts.

    Each value stands on a line of its own, unless all of it is short. Its numbers stay as they were written, and a name
    that comes twice comes twice.
    """
    if text.lstrip()[:1] not in {"{", "["} or not is_json(text):
        return None
    return laid_out(text, most)


def laid_out(text: str, most: int) -> str:
    """Return a text that is known to be JSON, or the beginning of one, likewise."""
    is_short = len(text) <= SHORT
    out: list[str] = []
    size = depth = 0
    before = ""
    for found in TOKEN.finditer(text):
        piece = found[0]
        if piece in CLOSING:
            depth -= 1
        # Between the brackets of what is empty stands nothing.
        if before == "," or (before in OPENING) != (piece in CLOSING):
            out.append(" " * (before == ",") if is_short else "\n" + "  " * min(depth, DEEPEST))
        out.append(": " if piece == ":" else _unescaped(piece))
        size += len(out[-1])
        if size > most:
            break
        depth += piece in OPENING
        before = piece
    return "".join(out)[: most + 1]


OPENING: Final = ("{", "[")
CLOSING: Final = ("}", "]")


def _unescaped(piece: str) -> str:
    """Return a piece of JSON with the letters that it spells by their code points; one that was cut as it is."""
    with suppress(ValueError):
        return json.dumps(json.loads(piece, strict=False), ensure_ascii=False) if "\\u" in piece else piece
    return piece
