"""Images that came within a text, as far as they are what a browser may draw."""

import base64
import binascii
import re
from typing import Final, NamedTuple

LARGEST: Final = 20 * 2**20
"""Bytes of the largest image that is drawn."""
DATA: Final = re.compile(r"data:([\w.+-]{1,64}/[\w.+-]{1,64})?(?:;[^,\s]{0,100})?,", re.IGNORECASE)
BASE64: Final = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,", re.IGNORECASE)
MAGIC: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
"""How the files begin that are drawn. SVG is not of them: it is a document, and may hold anything."""


class Picture(NamedTuple):
    """The bytes of an image, and what they are."""

    mime: str
    data: bytes


def mime_of(url: str) -> str | None:
    """Return the type of the image in a data URL by how it says that it begins; None for what is not drawn."""
    found = BASE64.match(url)
    if found is None or len(url) > LARGEST * 4 / 3:
        return None
    head = _decoded(url[found.end() : found.end() + 64])
    return None if head is None else next((mime for magic, mime in MAGIC if magic.match(head)), None)


def picture(url: str) -> Picture | None:
    """Return the image in a data URL; None for what is not drawn."""
    mime = mime_of(url)
    data = None if mime is None else _decoded(url.partition(",")[2])
    return None if mime is None or data is None else Picture(mime, data)


def medium(url: str) -> tuple[str, int] | None:
    """Return the type of what a data URL holds, and about how many bytes; None for another text."""
    found = DATA.match(url)
    if found is None:
        return None
    length = len(url) - found.end()
    return found[1] or "text/plain", length * 3 // 4 if ";base64," in found[0].lower() else length


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
