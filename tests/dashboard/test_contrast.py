"""The colours of the pages: each text can be read on each ground, in the light and in the dark."""

import re
from itertools import product
from pathlib import Path

import pytest

from spanglass import dashboard

STATIC = Path(dashboard.__file__).parent / "static"
DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{(.*?)\}(?: \}|\n\})", re.DOTALL)
TOKEN = re.compile(r"--([\w-]+): (#[0-9a-f]{6})")
TEXTS = (
    "text", "quiet", "link", "ok", "failed", "unset", "wait", "system", "user", "assistant", "tool", "developer",
)  # fmt: skip
MIXED = {"selected row": ("link", "ground", 0.12), "text as sent": ("line", "raised", 0.38)}
"""Grounds that `color-mix` makes of two colours, and how much there is of the first."""
GROUNDS = ("ground", "raised", "hover", "fresh", *MIXED)
LEAST = 4.5
"""Of WCAG 2, level AA."""


def tokens(scheme: str) -> dict[str, str]:
    """Return the colours of a scheme."""
    style = "".join(path.read_text() for path in sorted(STATIC.glob("*.css")))
    light = dict(TOKEN.findall(DARK.sub("", style)))
    found = light if scheme == "light" else {**light, **dict(TOKEN.findall("".join(DARK.findall(style))))}
    return {**found, **{name: mixed(found[one], found[other], share) for name, (one, other, share) in MIXED.items()}}


def channels(colour: str) -> list[int]:
    """Return red, green and blue."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def mixed(one: str, other: str, share: float) -> str:
    """Return what two colours make together."""
    both = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in both)


def luminance(colour: str) -> float:
    """Return how light a colour is, from 0 to 1."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Texts stand out from what is behind them by 4.5 to 1, as WCAG wants it: also in a row that is new or selected."""
    colours = tokens(scheme)
    found = {
        (text, ground): sorted((luminance(colours[text]), luminance(colours[ground])))
        for text, ground in product(TEXTS, GROUNDS)
    }
    ratios = {pair: (lighter + 0.05) / (darker + 0.05) for pair, (darker, lighter) in found.items()}

    assert {} == {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < LEAST}
