"""What a page says: its texts by the ids of their elements, the rows of its list, and where its links lead."""

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page

CROSS = "\u00d7"
"""What takes a filter away."""
VOID = frozenset({"img", "input", "link", "meta", "br"})


class Seen(HTMLParser):
    """A page as it is without a script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.texts: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self._open: list[dict[str, str]] = []
        self._link = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element."""
        given = {name: value or "" for name, value in attrs}
        if tag == "tr" and "data-row" in given:
            self.rows.append([])
        elif tag in {"td", "th"} and self.rows:
            self.rows[-1].append("")
        if tag == "a":
            self._link = given["href"]
        if tag not in VOID:
            self._open.append({"tag": tag, **given})

    def handle_endtag(self, tag: str) -> None:
        """Go out of it."""
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        """Take a text."""
        said = " ".join(data.split())
        if not said:
            return
        for element in self._open:
            if "id" in element:
                self.texts[element["id"]] = f"{self.texts.get(element['id'], '')} {said}".strip()
        tags = [element["tag"] for element in self._open]
        if "tbody" in tags:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {said}".strip()
        if "a" in tags:
            self.links.setdefault(
                next((e["aria-label"] for e in self._open if "aria-label" in e and e["tag"] == "a"), said), self._link
            )

    @property
    def names(self) -> list[str]:
        """The second cell of each row: the name and the prompt."""
        return [row[1] for row in self.rows]


@contextmanager
def looked_at(browser: Browser, url: str, width: int = 1280) -> Iterator[Page]:
    """Open a page for the block: its console says nothing, no script of it fails, and no other host is asked."""
    said: list[str] = []
    here = urlsplit(url).netloc

    def console(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    def failed(error: Error) -> None:
        said.append(str(error))

    with browser.new_context(viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        page.on("console", console)
        page.on("pageerror", failed)
        page.on("request", lambda asked: said.append(asked.url) if urlsplit(asked.url).netloc != here else None)
        page.goto(url)
        yield page
    assert [] == said
