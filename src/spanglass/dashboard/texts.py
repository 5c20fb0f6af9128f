"""Texts of spans in a page: whatever they hold, all of it is seen, and none of it does anything."""

import re
from typing import Final

from markupsafe import Markup, escape

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


def visible(text: object) -> Markup:
    """Return a text as it stands in a page: escaped, and what would not be seen spelled out by its code point."""
    safe = str(escape(str(text)))
    return Markup(safe if safe.isascii() and safe.isprintable() else UNSEEN.sub(_spelled, safe))  # noqa: S704 - escaped


def _spelled(found: re.Match[str]) -> str:
    return f'<span class="control">U+{ord(found[0]):04X}</span>'
