"""Texts in a page: what is hidden in them is seen, what is long is cut, and no letter is lost."""

import time
import unicodedata

import pytest

from spanglass.dashboard.drawn import drawn
from spanglass.dashboard.prose import prose
from spanglass.dashboard.texts import pretty, visible

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


def test_a_text_that_is_full_of_them_is_not_much_longer_for_it() -> None:
    """What is not seen stands together where it is together, and without a frame where there is very much of it."""
    framed = 'a<span class="control">U+0000 U+202E</span>'

    assert visible("a\0\u202e" * 1000) == framed * 50 + "a[U+0000 U+202E]" * 950


@pytest.mark.parametrize("text", ["x" * 10_000_000, "é<" + "日" * 10_000_000, "a\n" * 5_000_000])
def test_ten_million_characters_are_no_matter(text: str) -> None:
    """A text of 10 million characters is ready within seconds, with none lost."""
    begun = time.monotonic()

    assert visible(text).unescape() == text
    assert time.monotonic() - begun < 30


def test_json_stays_what_it_was() -> None:
    """JSON is laid out with all that it says: numbers as written, names that come twice, letters for code points."""
    text = '{"a": [1, 2.50, 1e400, {}], "a": "\\u65e5\\n\\u202e", "long": "' + "x" * 50 + '"}'
    expected = f"""{{
  "a": [
    1,
    2.50,
    1e400,
    {{}}
  ],
  "a": "日\\n\u202e",
  "long": "{"x" * 50}"
}}"""

    assert expected == pretty(text, 1000)
    assert '{"a": [1, 2]}' == pretty('{"a":[1,2]}', 1000)
    assert [None] * 4 == [pretty(other, 1000) for other in ("", "12", "{'a': 1}", "[" * 100_000)]


MARKDOWN = """\
# Title
a **b** `c` <b>d</b> <!-- e --> &amp; [f](http://g.h/i "j") ![k](http://l.m) [n](javascript:o) [p](/q)

3. r
7. s

[t]: http://u 'v'

```w
x
```
"""


def test_markdown_hides_nothing() -> None:
    """Of a text that is drawn as markdown, tags, comments, the targets of links, images and definitions are seen."""
    rel = 'target="_blank" rel="noopener noreferrer nofollow"'

    assert prose(MARKDOWN) == (
        "<h1>Title</h1>\n<p>a <strong>b</strong> <code>c</code> &lt;b&gt;d&lt;/b&gt; &lt;!-- e --&gt; &amp;amp; "
        f'<a href="http://g.h/i" title="j" {rel}>f</a> (http://g.h/i "j") ![k](http://l.m) [n](javascript:o) [p](/q)'
        '</p>\n<ol start="3">\n<li value="3">r</li>\n<li value="7">s</li>\n</ol>\n'
        "<p>[t]: http://u 'v'</p>\n<pre><span class=\"info\">w</span>\n<code>x\n</code></pre>"
    )


@pytest.mark.parametrize(
    "text",
    ["|a|b|\n|-|-|\n|1|2|hidden|\n", ">" * 200 + "hidden", "a\u202eb", "a\0b", "\ud800", "x" * 20_000, "[" * 10_000],
)
def test_what_markdown_would_hide_stays_as_it_was_sent(text: str) -> None:
    """A text of which markdown would show less, or that it would take long over, is not drawn as markdown."""
    assert prose(text) is None
    assert drawn(text, "assistant").kind == "sent"


def test_who_speaks_says_how_a_text_is_drawn() -> None:
    """An answer is drawn as markdown, all else as it was sent, unless the reader wants otherwise."""
    ways = [("assistant", ""), ("user", ""), ("user", "markdown"), ("assistant", "text")]

    assert ["prose", "sent", "prose", "sent"] == [drawn("*a*", *way).kind for way in ways]
    assert ["json", "sent"] == [drawn('{"a":1}', "assistant", how).kind for how in ("", "text")]


PATHOLOGICAL = {
    "one line": "x" * 10_000_000,
    "many lines": "a\n" * 100_000,
    "quotes": ">" * 10_000,
    "brackets": "[" * 100_000,
    "stars": "*a" * 50_000,
    "starred words": "aaaa *b " * 1_400,
    "links": "[aaaaaaaaa](bb" * 850,
    "ticks": " ".join("`" * length for length in range(60)) + "a" * 8_000,
    "lists": "\n".join("  " * depth + "- a" for depth in range(100)),
    "tables": "|a|\n|-|\n" * 1_400,
    "json": "[" * 900 + "]" * 900,
    "deep json": "[" * 5_000_000 + "]" * 5_000_000,
    "wide json": "[" + ",".join(["[]"] * 600_000) + "]",
    "escapes": '["' + "\\u0000" * 200_000 + '"]',
}


@pytest.mark.parametrize("how", ["", "markdown", "text"])
@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_no_text_takes_long(name: str, how: str) -> None:
    """Whatever a text is like, as much of it as a page shows is drawn within seconds, in bounded size."""
    begun = time.monotonic()

    assert len(drawn(PATHOLOGICAL[name], "assistant", how).markup) < 1_000_000
    assert time.monotonic() - begun < 5
