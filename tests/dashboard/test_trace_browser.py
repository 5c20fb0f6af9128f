"""The page of one trace as a person sees it, in a real browser."""

import re
from collections.abc import Iterator, Sequence

import pytest
from made import TRACE_ID, attempt, call, names, retried, span
from openai import OpenAI
from opentelemetry.sdk.trace import ReadableSpan
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard

from spanglass import trace
from spanglass.dashboard.entry import entry
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stall, Stream, chunks, completion, error

pytest_plugins = ["served", "browsed"]
pytestmark = [pytest.mark.browser, pytest.mark.backend]

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 400, "height": 800}
BOTH = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give an empty page; the test fails of what it writes to the console, fails with, or asks of another host."""
    complaints: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda failure: complaints.append(str(failure)))
        page.on("request", lambda asked: complaints.append(asked.url) if "://localhost:" not in asked.url else None)
        yield page

    assert [] == complaints


def shown(dashboard: Dashboard, page: Page, spans: Sequence[ReadableSpan], query: str = "") -> None:
    """Have the spans of one trace kept, and go to its page."""
    dashboard.store.add(map(entry, spans))
    context = spans[0].context
    assert context is not None
    page.goto(f"{dashboard.url}/traces/{context.trace_id:032x}{query}")


def fits(page: Page) -> bool:
    """Tell whether nothing of the page is beside what is seen of it."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def lines(page: Page) -> list[str]:
    """Return what is read in each row, in one line."""
    return [" ".join(text.split()) for text in page.locator("li.row a.open").all_inner_texts()]


@BOTH
def test_a_retried_call(
    dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer, page: Page, size: dict[str, int]
) -> None:
    """A retried call is read without pointing at anything: each attempt, each wait, who chose it, and the sums."""
    server.script(
        Reply(error("Slow down"), status=429, headers={"retry-after-ms": "300"}, before=Stall(0.1)),
        Reply(error("Overloaded"), status=503, before=Stall(0.1)),
        Reply(completion("I am here."), before=Stall(0.2)),
    )
    with OpenAI(base_url=server.base_url, api_key="test", max_retries=3) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Are you there?"}])
    page.set_viewport_size(size)  # type: ignore[arg-type]  # it wants a type of its own
    shown(dashboard, page, captured.spans)
    expect(page.locator(".trace-head h1")).to_contain_text(
        re.compile(r"ChatCompletion\s+SUCCESS\s+[\d.]+ m?s\s+3 attempts, [\d.]+ m?s backoff")
    )
    patterns = (
        r"ChatCompletion .*gpt-4o-mini.* 3 attempts, [\d.]+ m?s backoff",
        r"attempt 1 HTTP 429 .* [\d.]+ ms backoff, asked for by the server \(retry-after-ms\)",
        r"attempt 2 HTTP 503 .* [\d.]+ m?s backoff, chosen by the SDK",
        r"attempt 3 HTTP 200 ",
    )
    read = lines(page)

    assert len(patterns) == len(read)
    assert [] == [(pattern, line) for pattern, line in zip(patterns, read, strict=True) if not re.match(pattern, line)]
    expect(page.locator("#panel")).to_contain_text("Are you there?")
    expect(page.locator("#panel")).to_contain_text("I am here.")
    assert fits(page)


@BOTH
def test_a_stream(
    dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer, page: Page, size: dict[str, int]
) -> None:
    """A stream says how it ended, when its first chunk came and how long its longest gap was, and draws them."""
    first, *rest = chunks(["One, ", "two, ", "three."])
    server.script(Stream([Stall(0.1), first, Stall(0.3), *rest]), Stream(chunks(["One, ", "two."])))

    @trace(name="counting")
    def count(client: OpenAI) -> None:
        for stops in (False, True):
            with client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "Count."}], stream=True
            ) as stream:
                for _ in stream:
                    if stops:
                        break

    with OpenAI(base_url=server.base_url, api_key="test") as client:
        count(client)
    page.set_viewport_size(size)  # type: ignore[arg-type]  # it wants a type of its own
    shown(dashboard, page, captured.spans)
    whole, complete, closed = lines(page)

    assert re.match("counting CHAIN · OK", whole)
    assert re.search(r"stream completed 5 chunks first chunk after \d+ ms longest gap \d+ ms", complete)
    assert re.search(r"INCOMPLETE .*stream closed 1 chunk first chunk after", closed)
    assert [1, 1, 1] == [
        page.locator("li.row").nth(1).locator(f"svg.lane {drawn}").count()
        for drawn in ("rect.waiting", "line.first", "rect.gap")
    ]
    assert fits(page)


def parts(page: Page, row: int) -> list[tuple[str, int, int]]:
    """Return what is drawn in a row, and where: in steps of two percent of its lane."""
    lane = page.locator("li.row").nth(row).locator("svg.lane")
    box = lane.bounding_box()
    assert box is not None
    found = []
    for drawn in lane.locator("rect.part").all():
        at = drawn.evaluate("each => each.getBoundingClientRect().toJSON()")
        kind = drawn.get_attribute("class") or ""
        found.append((kind, *(2 * round(50 * size / box["width"]) for size in (at["x"] - box["x"], at["width"]))))
    return found


@BOTH
def test_bars_are_where_their_times_are(dashboard: Dashboard, page: Page, size: dict[str, int]) -> None:
    """A bar begins and ends where its times are on the axis, at any width; so do the gaps between attempts."""
    page.set_viewport_size(size)  # type: ignore[arg-type]  # it wants a type of its own
    shown(dashboard, page, retried())

    assert [
        ("part call", 0, 100),
        ("part backoff", 10, 40),
        ("part backoff", 60, 20),
        ("part attempt failed", 0, 10),
        ("part attempt failed", 50, 10),
        ("part attempt ok", 80, 20),
    ] == parts(page, 0)
    assert [("part attempt ok", 80, 20)] == parts(page, 3)


def test_the_selected_span_stands_beside(dashboard: Dashboard, page: Page) -> None:
    """The selected span stands beside the waterfall where there is room, and below it where there is none."""
    shown(dashboard, page, retried())
    places = []
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # it wants a type of its own
        boxes = [page.locator(which).bounding_box() for which in ("#waterfall", "#panel")]
        spans, panel = (box for box in boxes if box)
        places.append((panel["x"] >= spans["x"] + spans["width"], panel["y"] >= spans["y"] + spans["height"]))

    assert [(True, False), (False, True)] == places


def selected(page: Page, name: str) -> None:
    """Wait until a span is the one that is selected, alone, in its row, in the panel and in the address."""
    row = page.locator("li.row[aria-current=true]")
    expect(row).to_have_count(1)
    expect(row.locator(".name")).to_contain_text(name)
    expect(page).to_have_url(re.compile(rf"[?&]span={(row.get_attribute('id') or '')[2:]}\b"))


def test_a_span_is_selected_by_click_and_by_key(dashboard: Dashboard, page: Page) -> None:
    """A click selects a span, j and k the next and the previous one; the way back leads past what keys have passed."""
    shown(dashboard, page, retried())
    page.evaluate("window.kept = true")
    page.locator("li.row", has_text="HTTP 503").click()
    selected(page, "attempt 2")
    expect(page.locator("#panel")).to_contain_text("503")
    page.keyboard.press("j")
    selected(page, "attempt 3")
    page.keyboard.press("k")
    page.keyboard.press("k")
    selected(page, "attempt 1")
    page.go_back()
    expect(page.locator("li.row[aria-current=true] .name")).to_contain_text("ChatCompletion")

    assert page.evaluate("window.kept")  # there was no other page in between


def test_spans_that_come_late(dashboard: Dashboard, page: Page) -> None:
    """Spans that come late are in the page without a reload, and what is selected and opened stays so."""
    *first, last = retried()
    shown(dashboard, page, first[:2], f"?span={3:016x}")
    expect(page.locator("li.row")).to_have_count(2)
    expect(page.locator(".notice")).to_contain_text("2 spans of this trace are in ones that have not come")
    page.locator("#meanings summary").click()
    dashboard.send([*first[2:], last])
    expect(page.locator("li.row")).to_have_count(4)
    expect(page.locator(".notice")).to_have_count(0)
    expect(page.locator(".retries")).to_have_text("3 attempts, 600 ms backoff")
    selected(page, "attempt 2")
    expect(page.get_by_text("the first chunk", exact=True)).to_be_visible()


def test_the_trace_id_is_copied(dashboard: Dashboard, page: Page) -> None:
    """A click copies the id of the trace."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown(dashboard, page, retried())
    page.locator("[data-copy='#trace-id']").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()

    assert TRACE_ID == page.evaluate("navigator.clipboard.readText()")


@BOTH
def test_odd_traces_fit(dashboard: Dashboard, page: Page, size: dict[str, int]) -> None:
    """Long names, deep chains, moments in a day and long words make no page wider than it is; each bar is seen."""
    word = "x" * 300
    deep = [span(n, n - 1 or None, n, n + 1e-3, f"{word} {n}", failed=word) for n in range(1, 40)]
    spans = [
        *deep,
        call(100, 39, 0, 86_400_000, attributes=names({"outcome": word, "chunks": 10**15, "first": 1e-6, "gap": 1.0})),
        attempt(101, 100, (0, 1), word, backoff=1e-6, source=word, reason=word, request_id=word),
        span(102, 100, 86_400_000, 86_400_000),
    ]
    page.set_viewport_size(size)  # type: ignore[arg-type]  # it wants a type of its own
    shown(dashboard, page, spans)
    unseen = page.evaluate(
        "[...document.querySelectorAll('rect.part')].filter(each => each.getBoundingClientRect().width < 0.3).length"
    )

    assert (42, True, 0) == (len(lines(page)), fits(page), unseen)
