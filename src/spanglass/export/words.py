"""How texts, times, counts and money are written at the terminal."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

JOINERS: Final = "\u200c\u200d"  # not "printable", but ordinary in Persian, Hindi and emoji
LONGEST: Final = 400  # characters kept of a text that is told on one line
SHORTEST: Final = 0.05e-3  # seconds below which microseconds are told
SHORT: Final = 0.0995  # and below which a tenth of a millisecond is
MINUTE: Final = 60.0
BREAKS: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def spelled(text: str) -> str:
    """Return the text with what a terminal obeys spelled out: escapes, controls, bidi marks, line breaks."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else char.encode("unicode_escape").decode() for char in text
    )


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line of at most so many characters, of which no terminal obeys any."""
    line = spelled(" ".join(text[: 4 * longest].split()))
    return line if len(line) <= longest and len(text) <= 4 * longest else f"{line[: longest - 3]}..."


def lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, whole, of which no terminal obeys any character."""
    for line in BREAKS.split(text):
        yield spelled(line.expandtabs(4))


def duration(seconds: float) -> str:
    """Return a duration as a person reads it, however short it is."""
    if seconds < SHORTEST:
        return f"{seconds * 1e6:.0f} µs" if seconds else "0 ms"
    if seconds < SHORT:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s" if seconds < MINUTE else f"{seconds:,.0f} s"


def dollars(cost: Decimal) -> str:
    """Return an amount of US dollars: to the cent, and below one to the millionth."""
    if cost >= 1:
        return f"${cost:,.2f}"
    whole, _, rest = f"{cost:.6f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, whose plural has an s unless it is given."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
