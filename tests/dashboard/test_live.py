"""What a page does while it is open: it is renewed, keeps what the reader has done, and says whether it is live."""

import re
import time

import pytest
from asked import call
from kept import entries
from playwright.sync_api import Browser, Page, Request, Response, expect
from seen import looked_at
from serving import Dashboard

pytest_plugins = ["served", "browsed"]
pytestmark = [pytest.mark.browser, pytest.mark.backend]

FIRST = [call(trace, prompt=f"p{trace}", start=trace) for trace in range(1, 41)]
FOCUSED = "[data-row]:focus-within .prompt"
NEW = call(50, prompt="new", start=50)


HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def came(page: Page, prompt: str = "new") -> None:
    """Wait until a call is in the list."""
    expect(page.get_by_text(prompt, exact=True)).to_have_count(1)


def test_focus_and_scroll_stay(dashboard: Dashboard, browser: Browser) -> None:
    """The row that has the focus keeps it, where it was on the screen, while others come above it."""
    dashboard.store.add(entries(*FIRST))
    with looked_at(browser, dashboard.url) as page:
        for _ in range(25):
            page.keyboard.press("j")
        where = "document.activeElement.closest('[data-row]').getBoundingClientRect().top"
        before = page.evaluate(where), page.evaluate("scrollY")
        dashboard.send([NEW])
        came(page)

        moved = page.evaluate(where) - before[0]

        assert (True, True, "p16") == (before[1] > 0, abs(moved) < 1, page.locator(FOCUSED).inner_text())
        page.keyboard.press("j")
        expect(page.locator(FOCUSED)).to_have_text("p15")


def test_elements_stay_the_same(dashboard: Dashboard, browser: Browser) -> None:
    """What was there is the same element afterwards, and what a reader has opened in it is open."""
    dashboard.store.add(entries(*FIRST))
    with looked_at(browser, dashboard.url) as page:
        page.evaluate(
            """() => {
              window.kept = [...document.querySelectorAll("[data-row]")];
              kept[0].querySelector(".what").insertAdjacentHTML("beforeend", "<details><summary>s</summary></details>");
            }"""
        )
        dashboard.send([NEW])
        came(page)
        connected = page.evaluate("kept.filter(row => row.isConnected).length")
        order = page.locator("[data-row] .prompt").all_inner_texts()

        assert (40, ["new", *(f"p{number}" for number in range(40, 0, -1))]) == (connected, order)


MERGED = {
    "details stay as the reader has them": (
        '<details id="a" open><summary>x</summary>1</details><details id="b"><summary>y</summary>1</details>',
        '<details id="a"><summary>x</summary>2</details><details id="b" open><summary>y</summary>2</details>',
        '<details id="a" open=""><summary>x</summary>2</details><details id="b"><summary>y</summary>2</details>',
    ),
    "moved, removed, added": (
        '<p id="a">1</p><p id="b">2</p><p id="c">3</p>',
        '<p id="c">3</p><p id="d">4</p><p id="a">1</p>',
        '<p id="c">3</p><p id="d">4</p><p id="a">1</p>',
    ),
    "without ids, by their place": (
        "<p>1</p><ul><li>2</li></ul><p>3</p>",
        '<p class="x">1</p><ul><li>2</li><li>4</li></ul>5<b>6</b>',
        '<p class="x">1</p><ul><li>2</li><li>4</li></ul>5<b>6</b>',
    ),
    "another element of the same id": ('<p id="a">1</p>', '<b id="a">1</b>', '<b id="a">1</b>'),
    "drawings": (
        '<svg id="s"><rect width="1%" class="x"></rect></svg>',
        '<svg id="s"><rect width="2%"></rect><text>t</text></svg>',
        '<svg id="s"><rect width="2%"></rect><text>t</text></svg>',
    ),
}


@pytest.mark.parametrize("which", MERGED)
def test_what_a_page_becomes(dashboard: Dashboard, browser: Browser, which: str) -> None:
    """A page becomes what the server says, but for what the reader has opened and closed."""
    old, new, expected = MERGED[which]
    with looked_at(browser, dashboard.url) as page:
        page.keyboard.press("p")

        assert expected == page.evaluate(
            """([old, next]) => {
              main.innerHTML = old;
              show(next);
              return main.innerHTML;
            }""",
            [old, new],
        )


def test_a_selected_text_stays(dashboard: Dashboard, browser: Browser) -> None:
    """While a text is selected nothing moves under the reader's hand; then what has come is there."""
    dashboard.store.add(entries(*FIRST))
    with looked_at(browser, dashboard.url) as page:
        page.evaluate("getSelection().selectAllChildren(document.querySelector('.prompt'))")
        dashboard.send([NEW])
        page.wait_for_timeout(2500)  # in which it would have come

        assert ("p40", "p40") == (page.locator(".prompt").first.inner_text(), page.evaluate("`${getSelection()}`"))
        page.evaluate("getSelection().removeAllRanges()")
        came(page)


def test_new_rows_are_marked(dashboard: Dashboard, browser: Browser) -> None:
    """A row that has come is marked for a moment, and no other; without motion where none is wanted."""
    dashboard.store.add(entries(*FIRST))
    with looked_at(browser, dashboard.url) as page:
        page.emulate_media(reduced_motion="reduce")
        dashboard.send([NEW])
        marked = page.locator("[data-new]")
        expect(marked).to_have_count(1)

        assert ("none", "new") == (
            marked.evaluate("row => getComputedStyle(row).animationName"),
            marked.locator(".prompt").inner_text(),
        )
        expect(marked).to_have_count(0)


def test_the_sign(dashboard: Dashboard, browser: Browser) -> None:
    """A sign says that the page is live, that it is paused, by a key or a press, and that nobody answers."""
    with looked_at(browser, dashboard.url) as page:
        sign = page.get_by_role("button", name=re.compile("live|paused|not answering"))
        expect(sign).to_have_text("live")
        page.keyboard.press("p")
        expect(sign).to_have_text("paused")
        dashboard.send([NEW])
        expect(page.get_by_role("heading", name="No spans have come yet")).to_be_visible()
        sign.click()
        expect(sign).to_have_text("live")
        came(page)
        page.evaluate(
            "void (window.fetch = () => Promise.reject(new TypeError('gone')))"
        )  # what an end of the server gives
        expect(sign).to_have_text("not answering")


def test_how_often_it_asks(dashboard: Dashboard, browser: Browser) -> None:
    """A page asks about once a second, and gets nothing that it has."""
    dashboard.store.add(entries(*FIRST))
    with looked_at(browser, dashboard.url) as page:
        begun = time.monotonic()
        answers = [page.wait_for_event("response", is_live, timeout=10_000).status for _ in range(3)]

        assert (True, [304, 304, 304]) == (time.monotonic() - begun >= 2, answers)


def is_live(answer: Response) -> bool:
    """Tell whether an answer is one to a page that asks for what is new."""
    return "x-spanglass-live" in answer.request.headers


def test_a_tab_that_is_not_seen_asks_nothing(dashboard: Dashboard, browser: Browser) -> None:
    """A page in a tab that is hidden asks nothing, and at once when it is seen again."""
    with looked_at(browser, dashboard.url) as page:
        page.evaluate(HIDE, arg=True)
        expect(page.locator("#live")).to_have_text("paused")
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - one that can be marked
        dashboard.send([NEW])
        page.wait_for_timeout(1500)  # in which it would have asked

        assert [] == asked
        page.evaluate(HIDE, arg=False)
        came(page)
        expect(page.locator("#live")).to_have_text("live")
