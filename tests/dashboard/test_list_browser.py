"""The lists in a real browser: calls of a program as they come, keys, filters, and both widths."""

import re
import subprocess
import sys

import pytest
from asked import call
from kept import entries
from playwright.sync_api import Browser, Page, expect
from seen import looked_at
from serving import Dashboard

from spanglass.testing import OpenAIServer, Reply, Stream, chunks, completion, error

pytest_plugins = ["served", "browsed"]
pytestmark = [pytest.mark.browser, pytest.mark.backend]

PROGRAM = """
import sys
from openai import OpenAI, OpenAIError
from spanglass import OpenAIInstrumentor, configure, using

configure(endpoint=sys.argv[1], project="support", console=False)
OpenAIInstrumentor().instrument()
with OpenAI(base_url=sys.argv[2], api_key="test") as client, using(session="chat-1"):
    def ask(prompt, **more):
        return client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": prompt}], **more)
    list(ask("Count to three", stream=True))
    ask("Are you there?")
    try:
        ask("Let me in")
    except OpenAIError:
        pass
"""


def play(dashboard: Dashboard, server: OpenAIServer) -> None:
    """Run a program that streams, is retried, and fails, and that sends its spans to the dashboard."""
    server.script(
        Stream(chunks(["One, ", "two, ", "three."], model="gpt-4o")),
        Reply(error("Slow down"), status=429, headers={"retry-after-ms": "20"}),
        Reply(completion("Yes", model="gpt-4o")),
        Reply(error("Incorrect API key provided"), status=401),
    )
    command = [sys.executable, "-c", PROGRAM, dashboard.url, server.base_url]
    subprocess.run(command, check=True, timeout=60)  # noqa: S603 - this interpreter, and the program above


def lines(page: Page) -> list[str]:
    """Return what a person reads in each row, but for what differs each time: the clock, and how long it took."""
    rows = page.locator("[data-row]").all_inner_texts()
    return [re.sub(r"[\d:]{8}|just now|\d+ s ago|[\d.]+ m?s\b", "", " ".join(row.split())) for row in rows]


ROWS = {
    1280: [
        "FAILED ChatCompletion Let me in gpt-4o support chat-1",
        "SUCCESS ChatCompletion Are you there? gpt-4o support chat-1 9 in 2 out 1",
        "SUCCESS ChatCompletion Count to three gpt-4o support chat-1 first chunk ~3 out",
    ],
    400: [
        "FAILED ChatCompletion Let me in gpt-4o support chat-1",
        "SUCCESS ChatCompletion Are you there? gpt-4o support chat-1 9 in 2 out 1 retry",
        "SUCCESS ChatCompletion Count to three gpt-4o support chat-1 first chunk ~3 out",
    ],
}


@pytest.mark.parametrize("width", ROWS)
def test_calls_appear(dashboard: Dashboard, server: OpenAIServer, browser: Browser, width: int) -> None:
    """Calls of a program appear in a page that is open already, without a reload, told in full at each width."""
    with looked_at(browser, dashboard.url, width) as page:
        expect(page.get_by_role("heading", name="No spans have come yet")).to_be_visible()
        page.evaluate("window.same = true")
        play(dashboard, server)
        expect(page.locator("[data-row]")).to_have_count(3)
        said = [" ".join(line.split()) for line in lines(page)]
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")

        assert (sorted(ROWS[width]), True, False) == (sorted(said), page.evaluate("window.same"), wide)
        expect(page.get_by_text("first chunk")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="3")).to_be_visible()


def reached(page: Page, url: str | re.Pattern[str]) -> None:
    """Wait until a page is there with its script: before that no key does anything."""
    expect(page).to_have_url(url)
    expect(page.locator("#live")).to_be_visible()


def test_keys(dashboard: Dashboard, browser: Browser) -> None:
    """By keys alone a row is gone to and opened, a text searched for, and each page reached; ? tells which keys."""
    dashboard.send([call(number, prompt=f"Prompt {number}", start=number, session__id="s") for number in (1, 2, 3)])
    with looked_at(browser, dashboard.url) as page:
        focused = page.locator("[data-row]:focus-within .prompt")
        for key, prompt in (
            ("j", 3),
            ("j", 2),
            ("ArrowDown", 1),
            ("j", 1),
            ("k", 2),
            ("ArrowUp", 3),
            ("k", 3),
            ("j", 2),
        ):
            page.keyboard.press(key)
            expect(focused).to_have_text(f"Prompt {prompt}")
        page.keyboard.press("Enter")
        reached(page, re.compile(f"/traces/{2:032x}"))
        page.keyboard.type("gs")
        reached(page, f"{dashboard.url}/sessions")
        expect(page.locator("[data-row]")).to_have_count(1)
        page.keyboard.type("gt")
        reached(page, f"{dashboard.url}/")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.keyboard.type("/prompt 1")
        expect(page.get_by_role("searchbox")).to_have_value("prompt 1")
        page.keyboard.press("Enter")
        expect(page.locator("[data-row] .prompt")).to_have_text(["Prompt 1"])
        page.keyboard.press("Escape")
        expect(page.get_by_role("searchbox")).not_to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        reached(page, re.compile(f"/traces/{1:032x}"))
        page.keyboard.press("u")
        reached(page, f"{dashboard.url}/?q=prompt+1")


def test_filters_by_clicking(dashboard: Dashboard, browser: Browser) -> None:
    """Filters are set by clicking, hold while spans come, stand in the address, and are taken away one by one."""
    dashboard.send(
        [
            call(1, prompt="fine", project="a"),
            call(2, prompt="bad", project="a", failed=True, user__id="ann"),
            call(3, prompt="slow and bad", project="b", failed=True, seconds=9, user__id="ann"),
        ]
    )
    with looked_at(browser, dashboard.url) as page:
        shown = page.locator("[data-row] .prompt")
        page.get_by_role("checkbox", name="Errors").check()
        expect(shown).to_have_text(["slow and bad", "bad"])
        page.get_by_text("More filters").click()
        page.get_by_label("Attribute").fill("user.id=Ann")
        page.get_by_label("At least").fill("5s")
        page.get_by_role("button", name="Apply").click()
        expect(shown).to_have_text(["slow and bad"])
        expect(page).to_have_url(f"{dashboard.url}/?errors=1&slow=5s&attr=user.id%3DAnn")
        page.get_by_label("Project").select_option("b")
        expect(page.get_by_role("list", name="Filters in force").get_by_role("listitem")).to_have_text(
            ["project: b×", "with errors×", "at least 5.00 s×", "user.id=Ann×", "Remove all"]  # noqa: RUF001 - as it is
        )
        dashboard.send([call(4, prompt="fine too", start=4), call(5, prompt="new", project="b", start=5, seconds=9)])
        dashboard.send([call(6, prompt="bad again", project="b", start=6, seconds=9, failed=True, user__id="ANN")])
        expect(shown).to_have_text(["bad again", "slow and bad"])
        page.get_by_role("link", name="Remove the filter project: b").click()
        page.get_by_role("link", name="Remove the filter at least 5.00 s").click()
        expect(shown).to_have_text(["bad again", "slow and bad", "bad"])
        expect(page.get_by_role("checkbox", name="Errors")).to_be_checked()
        page.get_by_role("link", name="Remove all").click()
        expect(shown).to_have_count(6)
        expect(page).to_have_url(f"{dashboard.url}/")


def test_back(dashboard: Dashboard, browser: Browser) -> None:
    """The browser's way back leads to the filters that were there before, in the list as in the form."""
    dashboard.send([call(1, prompt="fine"), call(2, prompt="bad", failed=True)])
    with looked_at(browser, dashboard.url) as page:
        page.get_by_role("checkbox", name="Errors").check()
        expect(page.locator("[data-row]")).to_have_count(1)
        page.go_back()
        expect(page.locator("[data-row]")).to_have_count(2)
        expect(page.get_by_role("checkbox", name="Errors")).not_to_be_checked()


def test_times(dashboard: Dashboard, browser: Browser) -> None:
    """Times are told in the browser's zone, also those of a filter, and sent as UTC."""
    dashboard.send([call(1, prompt="early"), call(2, prompt="late", start=3600)])
    with browser.new_context(timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        page.goto(dashboard.url)
        expect(page.locator("td.start time:first-child")).to_have_text(["2026-02-01 00:00:00", "2026-01-31 23:00:00"])
        page.get_by_text("More filters").click()
        page.locator("[name=from]").fill("2026-01-31T23:30")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator("[data-row] .prompt")).to_have_text(["late"])
        expect(page).to_have_url(f"{dashboard.url}/?from=2026-01-31T14%3A30Z")
        expect(page.locator("#chips time")).to_have_text("2026-01-31 23:30:00")
        page.reload()
        expect(page.locator("[name=from]")).to_have_value("2026-01-31T23:30")


def test_without_a_script(dashboard: Dashboard, browser: Browser) -> None:
    """Without a script there are the same lists, in UTC, by links and forms."""
    dashboard.store.add(
        entries(*(call(trace, prompt=f"p{trace}", start=trace, session__id="s") for trace in range(1, 60)))
    )
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(dashboard.url)
        page.get_by_role("link", name="Older").click()
        expect(page.locator("[data-row]")).to_have_count(9)
        page.get_by_role("searchbox").fill("p59")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("td.start").first).to_have_text("2026-01-31 14:00:59 UTC")
        expect(page.locator("#live")).to_be_hidden()
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Sessions").click()
        expect(page.locator("[data-row]")).to_have_count(1)


@pytest.mark.parametrize(
    "path", ["/", "/?q=x&errors=1&slow=1ms&from=2026-01-01T00:00Z", "/?slow=x", "/sessions", "/?q=none"]
)
def test_narrow(dashboard: Dashboard, browser: Browser, path: str) -> None:
    """At 400 pixels no page has to be scrolled sideways, however long the words in it are."""
    long = "x" * 500
    dashboard.send([call(1, name=long, prompt=long, project=long, session__id=long, llm__model_name=long, failed=True)])
    with looked_at(browser, dashboard.url + path, 400) as page:
        assert 400 == page.evaluate("document.documentElement.scrollWidth")


def test_all_of_it_by_tab(dashboard: Dashboard, browser: Browser) -> None:
    """Tab leads to all that can be pressed, first to the content, and what has the focus is seen to have it."""
    dashboard.send([call(1, session__id="s")])
    with looked_at(browser, dashboard.url) as page:
        seen: list[str] = []
        for _ in range(18):
            page.keyboard.press("Tab")
            seen.append(page.evaluate(TOLD))

        assert STOPS == seen[: len(STOPS)]


TOLD = """(() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const marked = style.outlineStyle !== "none" || style.textDecorationLine === "underline";
  return `${e.ariaLabel || e.name || e.textContent.trim()}${marked ? "" : " unmarked"}`;
})()"""
STOPS = [
    "To the content",
    "spanglass",
    "Traces",
    "Sessions",
    "live",
    "Show the keys",
    "Search in all texts",
    "Search",
    "Time",
    "Project",
    "errors",
    "retried",
    "More filters",
    "ChatCompletion",
    "s",
]
