"""Debian's browser, driven through the pages of a backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def browsing(chromium: Path) -> Iterator[Page]:
    """Open an empty page for the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_page(viewport={"width": 1840, "height": 854})
        browser.close()


def picture(what: Locator, path: Path | str) -> None:
    """Write a picture of a part of a page, once nothing moves there any more."""
    what.page.wait_for_function("document.getAnimations().every(each => each.playState !== 'running')")
    what.screenshot(path=path)
