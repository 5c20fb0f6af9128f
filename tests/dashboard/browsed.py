"""A pytest plugin: a browser for all tests of a file, each of which opens pages of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import started
from playwright.sync_api import Browser

pytest_plugins = ["servers"]


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Give the browser, which takes longer to start than a page to be tried."""
    with started(chromium) as browser:
        yield browser
