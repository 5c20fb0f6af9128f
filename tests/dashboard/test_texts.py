"""Texts in a page: what is hidden in them is seen, what is long is cut, and no letter is lost."""

import time
import unicodedata

import pytest

from spanglass.dashboard.texts import visible

SPELLED = '<span class="control">U+{:04X}</span>'
TURNING = {"AL", "LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_markup_is_escaped_and_turns_are_spelled_out() -> None:
    """Markup in a text is text, and a mark that turns its direction is named by its code point."""
    assert visible("<b>\u202e&'\"") == f"&lt;b&gt;{SPELLED.format(0x202E)}&amp;&#39;&#34;"


def test_tabs_newlines_and_letters_of_all_scripts_stay() -> None:
    """A tab, a newline, joiners, and letters from right to left are as they were."""
    text = "a\tb\nה \u0645\u06cc\u200c\u062e 👩\u200d🔧 日本"

    assert visible(text) == text


def test_all_that_nobody_sees_is_spelled_out() -> None:
    """Every control, bidi control, break, half of a character and tag of Unicode is spelled out."""
    bidi = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    controls = {code for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cs", "Zl", "Zp"}}
    hidden = (controls | bidi | {*range(0xE0000, 0xE0080)}) - {9, 10}

    assert [code for code in sorted(hidden) if visible(chr(code)) != SPELLED.format(code)] == []
    assert {code for code in bidi if unicodedata.bidirectional(chr(code)) in TURNING} <= hidden


@pytest.mark.parametrize("text", ["x" * 10_000_000, "é<" * 5_000_000, "a\n" * 5_000_000])
def test_ten_million_characters_are_no_matter(text: str) -> None:
    """A text of 10 million characters is ready within a few seconds, with none lost."""
    begun = time.monotonic()

    assert visible(text).unescape() == text
    assert time.monotonic() - begun < 10
