"""The detail of a span and the transcript of a session in a browser: read at any width, and live."""

import pytest
from playwright.sync_api import Browser, expect
from seen import looked_at
from serving import Dashboard
from showing import calls, chat, made, path_of, says

pytestmark = [pytest.mark.browser, pytest.mark.backend]
pytest_plugins = ["served", "browsed"]

ANSWER = "## Title\n\n- **bold** and `code`\n- [a link](https://example.com/)"


@pytest.mark.parametrize("width", [400, 1280])
def test_a_conversation_is_read(dashboard: Dashboard, browser: Browser, width: int) -> None:
    """A conversation is read from top to bottom, results within their calls, at any width."""
    span = made(
        chat(
            says("system", "Be\n  brief."),
            says("user", "How *warm* is Paris?"),
            calls("weather", '{"city":"Paris"}', "a"),
            says("tool", "21", tool_call_id="a"),
            received=[says("assistant", ANSWER)],
            others={"llm.finish_reason": "stop"},
        )
    )
    dashboard.send([span])
    with looked_at(browser, dashboard.url + path_of(span), width) as page:
        cards = page.locator(".card")

        assert [
            "system\n1\nBe\n  brief.",
            "user\n2\nHow *warm* is Paris?",
            'assistant\n3\n\ncalls\nweather\na\n\n{"city": "Paris"}\n\nresult message 4\n\n21',
            "assistant\nanswer\nfinished: stop\n5\nTitle\nbold and code\na link (https://example.com/)",
        ] == [text.strip() for text in cards.all_inner_texts()]
        page.get_by_role("link", name="as sent").click()
        expect(cards.last).to_contain_text("## Title")

        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_open_stays_open(dashboard: Dashboard, browser: Browser) -> None:
    """What the reader has unfolded or folded stays so while the page is renewed by spans that come."""
    span = made(chat(says("user", "Hi")), trace=9)
    dashboard.send([span])
    with looked_at(browser, dashboard.url + path_of(span)) as page:
        page.locator("#attributes > summary").click()
        page.locator("#times > summary").click()
        dashboard.send([made(name="another that has come", trace=9, at=5)])
        expect(page.locator("main")).to_contain_text("another that has come")

        assert [True, False] == page.evaluate("['attributes', 'times'].map(id => document.getElementById(id).open)")


def test_a_session_grows_live(dashboard: Dashboard, browser: Browser) -> None:
    """A call of a session is in its transcript without a reload, and adds only what is new."""
    said = [says("user", "first"), says("assistant", "second"), says("user", "third")]
    own = {"session.id": "s"}
    dashboard.send([made(chat(said[0], received=[said[1]], others=own))])
    with looked_at(browser, f"{dashboard.url}/session?id=s") as page:
        page.evaluate("window.same = true")
        expect(page.locator(".card")).to_have_count(2)
        dashboard.send([made(chat(*said, received=[says("assistant", "fourth")], others=own), at=50)])
        expect(page.locator(".card")).to_have_count(4)

        assert page.evaluate("window.same") is True
        assert ["first", "second", "third", "fourth"] == [
            text.splitlines()[-1] for text in page.locator(".card").all_inner_texts()
        ]
