"""Debian's browser, driven through the pages of a backend."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Locator, Page, sync_playwright

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
def started(chromium: Path, *flags: str) -> Iterator[Browser]:
    """Run the browser for the block, in a home directory of its own, of which nothing stays."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, *flags], env={**bare, "HOME": home}
        )
        yield browser
        browser.close()


@contextmanager
def browsing(chromium: Path) -> Iterator[Page]:
    """Open an empty page for the block."""
    with started(chromium) as browser:
        yield browser.new_page(viewport={"width": 1840, "height": 854})


def picture(what: Locator, path: Path | str) -> None:
    """Write a picture of a part of a page, once nothing moves there any more."""
    what.page.wait_for_function("document.getAnimations().every(each => each.playState !== 'running')")
    what.screenshot(path=path)
