"""What a browser and a program get where there is no page to be had."""

import re
from pathlib import Path

import pytest
from asked import call
from browser import browsing
from playwright.sync_api import expect
from seen import Seen
from serving import Dashboard

pytest_plugins = ["served", "servers"]

BROWSER = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("path", ["/nowhere", f"/traces/{7:032x}", "/traces/x%00", "/session?id=nobody"])
def test_what_is_not_there(dashboard: Dashboard, path: str) -> None:
    """Where a page is not, a browser gets one that says so, with a way back; a program gets the sentence."""
    answer = dashboard.ask(path, headers=BROWSER)
    page = Seen(answer.text)

    assert (404, "/", "/sessions") == (answer.status, page.links["Traces"], page.links["Sessions"])
    assert re.fullmatch(r"There is no [^.\n]+\.\n", dashboard.ask(path).text)


@pytest.mark.parametrize("path", ["/", "/sessions", "/?q=x"])
def test_a_file_that_cannot_be_read(dashboard: Dashboard, path: str) -> None:
    """Where the spans cannot be read for now each list says so, and when to try again, under the same policy as any."""
    dashboard.send([call(1)])
    policy = dashboard.ask(path).headers["content-security-policy"]
    dashboard.store.close()
    answer = dashboard.ask(path, headers=BROWSER)

    assert (503, "5", policy, True) == (
        answer.status,
        answer.headers["retry-after"],
        answer.headers["content-security-policy"],
        "The file with the spans cannot be read for now: try again in a moment." in answer.text,
    )


@pytest.mark.browser
@pytest.mark.backend
def test_it_is_a_page(dashboard: Dashboard, chromium: Path) -> None:
    """The page of an error has the face of all others, and its link leads back to the list."""
    with browsing(chromium) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        page.goto(f"{dashboard.url}/nowhere")
        expect(page.get_by_role("heading")).to_have_text("Not Found")

        assert 400 == page.evaluate("document.documentElement.scrollWidth")
        page.get_by_role("link", name="Traces").click()
        expect(page.get_by_role("heading", name="Traces")).to_be_visible()
