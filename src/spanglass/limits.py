"""How many bytes a span may hold: of each medium, of each text, and in all.

A medium (an image, a sound, a file) over its limit is replaced by its type, size and sha256, which are those of the
file that it was made from; a text is cut, and says how long it was.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from spanglass.credentials import before_secret, scrub_url
from spanglass.guard import foreign
from spanglass.plain import remade

Upload = Callable[[bytes, str], str | None]
"""Takes a medium's bytes and type, and returns the URI under which it can be found, or None."""

MARK = 128
"""Bytes that are kept free for what a text that was cut says of itself."""

SMALLEST = 256
"""Bytes that an attribute has where all are cut: its name, and what is said of the text that it had."""

RESERVED = 4_096
"""Bytes of a span that are kept free for what it was started with, and for what is no text."""

# Of a failed call, the shares of its span's bytes that an exception's event may have, and its status.
EVENT = 4
STATUS = 16

_is_data = re.compile(r"data:([\w.+-]{1,64}/[\w.+-]{1,64}|)(?:;[^,\s]{0,100})?,").match
_is_base64 = re.compile(r"[A-Za-z0-9+/_-]{512}").match
_STANDARD = str.maketrans("-_", "+/")
_is_uri = re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.IGNORECASE).fullmatch
# Fewer different characters than any encoded file has at its beginning.
MONOTONOUS = 16
# How the usual files begin, where nothing says what they are.
BEGINNINGS = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("JVBERi", "application/pdf"),
    ("UklGR", "audio/wav"),
    ("SUQz", "audio/mpeg"),
)


class Limits(NamedTuple):
    """Bytes: `media` as it is sent, which is base64; `text` of one text; `span` of all texts of a span."""

    media: int = 32_000
    span: int = 2_097_152
    upload: Upload | None = None

    @property
    def text(self) -> int:
        """The bytes that one text may have: so that no eight of them are too many."""
        return self.span // 8

    @property
    def least(self) -> int:
        """The bytes up to which nothing is too long, whatever it is."""
        return min(self.media, self.text // 4)


def within(value: Any, limits: Limits) -> Any:
    """Return the value itself, or a copy in which no text and no medium is over the limits."""
    return remade(value, partial(_shortened, limits, limits.least, limits.text))


def _shortened(limits: Limits, least: int, most: int, text: str) -> str:
    if not text[least:]:
        return text
    mime = _mime(text)
    if mime is None:
        return cut(text, most)
    return _replaced(text, mime, limits.upload) if text[limits.media :] else text


def cut(text: str, most: int) -> str:
    """Return the text itself, or as much of it as fits `most` bytes with what is said of the rest."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text
    head = raw[: max(0, most - MARK)].decode("utf-8", "ignore")
    head = head[: before_secret(text, len(head))]
    return f"{head}… [cut: {_told(raw)}]"


def _told(raw: bytes) -> str:
    return f"{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}"


def _mime(text: str) -> str | None:
    """Return the type of the medium that a long text is, or None where it is one to be read."""
    declared = _is_data(text)
    if declared is not None:
        return declared[1] or "data"
    if _is_base64(text) and len({*text[:512]}) >= MONOTONOUS:
        return next((mime for beginning, mime in BEGINNINGS if text.startswith(beginning)), "base64")
    return None


def _replaced(text: str, mime: str, upload: Upload | None) -> str:
    raw = foreign(_decoded, text) or text.encode("utf-8", "replace")
    if upload is not None:
        uri = foreign(partial(upload, raw), mime)
        if isinstance(uri, str) and _is_uri(uri):
            return scrub_url(uri)  # it may be signed
    return f"[{mime}: {_told(raw)}]"


def _decoded(text: str) -> bytes:
    head, _, data = text.partition(",") if text.startswith("data:") else (";base64", "", text)
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    return base64.b64decode(f"{data}==".translate(_STANDARD))  # whatever padding it has
