"""How a text is drawn: as it was sent, as JSON with each value on a line, or as its markdown."""

from typing import Final, NamedTuple

from markupsafe import Markup

from spanglass.dashboard.prose import prose
from spanglass.dashboard.texts import pretty, visible

LONGEST: Final = 16_000
"""Characters of a text that a page shows."""
LONGEST_JSON: Final = 2_000_000
"""Characters of the longest text that is looked at for JSON."""
WRITES_MARKDOWN: Final = "assistant"
"""The tone of those whose texts are drawn as markdown unless the reader wants them otherwise.

Models write it to be drawn. What a program sends is shown as it was sent, since spaces and signs of a prompt matter.
"""


class Drawn(NamedTuple):
    """A text as it stands in a page; `cut` tells whether there is more of it."""

    kind: str
    markup: Markup
    cut: bool


def drawn(text: str, tone: str = "", how: str = "") -> Drawn:
    """Return a text as `how` wants it: "text" as it was sent, "markdown", or else by the tone of who speaks."""
    laid_out = pretty(text, LONGEST) if how != "text" and len(text) <= LONGEST_JSON else None
    if laid_out is not None:
        return _cut("json", laid_out)
    wanted = how == "markdown" or (how != "text" and tone == WRITES_MARKDOWN)
    marked = prose(text) if wanted else None
    if marked is not None:
        return Drawn("prose", marked, cut=False)
    return _cut("sent", text)


def _cut(kind: str, text: str) -> Drawn:
    return Drawn(kind, visible(text[:LONGEST]), cut=len(text) > LONGEST)
