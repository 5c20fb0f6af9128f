"""Markdown, drawn so that nothing of it is hidden: what cannot be drawn so stays as it was sent."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup, escape

from spanglass.dashboard.texts import UNSEEN

LONGEST: Final = 12_000
"""Characters of the longest text that is drawn."""
DENSEST: Final = 0.3
"""How much of a text may be signs that mean something; of more of them, parsing takes long and drawing tells little."""
FEW: Final = 200
"""Signs that any text may have."""
SIGN: Final = re.compile(r"[\[\]*_`<>!\\|~(]")
MEANT: Final = re.compile(r"[^\s*_`~#>|=+:.()\[\]<-]")
"""What is no sign of markdown: each of these is seen as often as it was written."""
LITERAL: Final = re.compile(r"[0-9A-Za-z]")
"""Beside the outside of a sign of emphasis, it is a sign of something else: of a product, or of a pattern."""
OPENED: Final = re.compile(r"[\w\"'($+-]|[^\x00-\x7f]")
CLOSED: Final = re.compile(r"[\w\"'.,:;!?)%-]|[^\x00-\x7f]")
"""What an emphasis begins and ends with, where it is one."""
EMPTY: Final = {"heading_open": "heading_close", "blockquote_open": "blockquote_close"}
"""What nobody sees where there is nothing in it."""
LINK: Final = re.compile(r"https?://|mailto:", re.IGNORECASE)
SIGNS: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
BARE: Final = {"link_open": "[", "link_close": "]()"}
"""How a link is written that leads nowhere."""
EMPHASIS: Final = {"em_open": "em_close", "strong_open": "strong_close", "s_open": "s_close"}
SCHEMES: Final = {"http", "https", "mailto"}
TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
_markdown.enable(["table", "strikethrough"])
_markdown.disable(["entity", "html_block", "html_inline", "reference"])  # what would say less than was written


def _escape(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as the parser calls it
    """Keep a backslash before a sign, which then is none."""
    sign = state.src[state.pos + 1 : state.pos + 2]
    if state.src[state.pos] != "\\" or sign not in SIGNS or not sign:
        return False
    if not silent:
        state.pending += f"\\{sign}"
    state.pos += 2
    return True


_markdown.inline.ruler.at("escape", _escape)
_markdown.validateLink = lambda url: LINK.match(url) is not None  # type: ignore[method-assign]


@lru_cache(maxsize=512)
def prose(text: str) -> Markup | None:
    """Return a text as its markdown is drawn; None where it is too long for that, or something would not be seen."""
    if len(text) > LONGEST or UNSEEN.search(text) or len(SIGN.findall(text)) > FEW + DENSEST * len(text):
        return None
    try:
        tokens = _markdown.parse(text)
    except RecursionError:
        return None
    if Counter(MEANT.findall(text)) - Counter(MEANT.findall(" ".join(_told(tokens)))) or _has_empty(tokens):
        return None
    for token in tokens:
        if token.type == "list_item_open" and token.info:
            token.attrSet("value", token.info)
        if token.children:
            token.children = [*_open(token.children)]
    drawn = _markdown.renderer.render(tokens, _markdown.options, {})
    return Markup(_clean(drawn))  # noqa: S704 - cleaned


def _has_empty(tokens: Sequence[Token]) -> bool:
    """Tell whether there is something of which nothing would be seen."""
    kinds = [token.type for token in tokens if token.type != "inline" or token.content]
    return any(EMPTY.get(kind) == following for kind, following in pairwise(kinds))


def _told(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield what is seen of the tokens, as they will be drawn."""
    for token in tokens:
        if token.children is None:
            yield f"{token.content} {token.info}"
        else:
            yield from _told([*_open(token.children)])


def _open(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield tokens of a line with the targets of links behind them, and images as they are written."""
    target = said = ""
    for token in _emphasised(tokens):
        if token.type == "image":
            yield _text(f"![{token.content}]({_target(token)})")
            continue
        if token.type == "link_open":
            target, said = _target(token), ""
        if not target and token.type in BARE:
            yield _text(BARE[token.type])
            continue
        yield token
        if token.type == "link_close":
            if said not in {target, target.removeprefix("mailto:")}:
                yield _text(f" ({target})")
            target = ""
        else:
            said += token.content


def _emphasised(tokens: Sequence[Token]) -> list[Token]:
    """Return tokens of a line in which signs are as they were written that are none of emphasis."""
    told = [*tokens]
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.type in EMPHASIS:
            opened.append(place)
        elif token.type in EMPHASIS.values() and opened:
            begin = opened.pop()
            if not _is_emphasis(tokens, begin, place):
                told[begin], told[place] = _text(token.markup), _text(token.markup)
    return told


def _is_emphasis(tokens: Sequence[Token], begin: int, end: int) -> bool:
    before, first, last, after = (
        tokens[place].content if 0 <= place < len(tokens) else "" for place in (begin - 1, begin + 1, end - 1, end + 1)
    )
    within = (not first or OPENED.match(first)) and (not last or CLOSED.match(last[-1]))
    is_name = tokens[begin].markup[0] == "_" and end == begin + 2 and first.isidentifier()
    return bool(within) and not is_name and not LITERAL.match(before[-1:]) and not LITERAL.match(after)


def _target(token: Token) -> str:
    title = token.attrGet("title")
    target = str(token.attrGet("href") or token.attrGet("src") or "")
    return target if title is None else f'{target} "{title}"'


def _text(said: str) -> Token:
    return Token("text", "", 0, content=said)


def _fence(_renderer: object, tokens: Sequence[Token], place: int, _options: object, _env: object) -> str:
    """Draw a block of code with what its fence says."""
    token = tokens[place]
    info = f'<span class="info">{escape(token.info)}</span>\n' if token.info else ""
    return f"<pre>{info}<code>{escape(token.content)}</code></pre>"


_markdown.add_render_rule("fence", _fence)


def _clean(drawn: str) -> str:
    return nh3.clean(
        drawn,
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}, "li": {"value"}},
        allowed_classes={"span": {"info"}},
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
