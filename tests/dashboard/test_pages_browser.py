"""Each page as a person reads it: all that it says, at both widths, and in both of its colours."""

import re
from typing import Any, Final

import pytest
from made import call as timed
from made import retried
from opentelemetry.sdk.trace import Event
from playwright.sync_api import Browser, Page, expect
from seen import looked_at
from serving import Dashboard
from showing import MS, START, calls, chat, made, part, path_of, says

pytest_plugins = ["served", "browsed"]
pytestmark = [pytest.mark.browser, pytest.mark.backend]

GIF: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
BODY: Final = (
    '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How warm is it?"}], "temperature": 0.5}'
)
ASKED: Final = chat(
    says("system", "Be brief."),
    {"role": "user", **part(0, "text", text="How warm is it?"), **part(1, "image", image__image__url=GIF)},
    calls("weather", '{"city":"Paris"}', "a"),
    says("tool", '{"celsius":21}', tool_call_id="a"),
    received=[{"role": "assistant", **part(0, "reasoning", text="A number."), **part(1, "text", text="It is **21**.")}],
    others={
        "llm.system": "openai",
        "llm.token_count.prompt": 9,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 11,
        "llm.invocation_parameters": '{"temperature": 0.5}',
        "input.value": BODY,
        "session.id": "night",
        "gen_ai.request.model": "gpt-4o-mini",
        "mine": "own",
    },
)
CALL: Final = made(
    ASKED, events=[Event("noted", {"why": "because"}, START + 5 * MS)], resource={"service.name": "desk"}
)
BOTH: Final = pytest.mark.parametrize("width", [1280, 400])


def read(page: Page, what: str) -> list[str]:
    """Return what is read in a part of a page, line by line."""
    return [" ".join(line.split()) for line in page.locator(what).inner_text().splitlines() if line.strip()]


@BOTH
def test_a_span(dashboard: Dashboard, browser: Browser, width: int) -> None:
    """The detail of a span has its image, reasoning that unfolds, parameters, usage, attributes and the program."""
    dashboard.send([CALL])
    with looked_at(browser, dashboard.url + path_of(CALL), width) as page:
        thought = page.locator(".card").get_by_text("A number.")
        expect(thought).to_be_hidden()
        page.locator("summary", has_text="Reasoning").click()
        expect(thought).to_be_visible()
        sizes = page.locator(".card img").evaluate_all("all => all.map(each => each.naturalWidth)")
        for summary in ("Python that repeats the call", "Events", "Attributes", "Raw OTLP/JSON"):
            page.locator("summary", has_text=summary).click()
        parts = {part: read(page, f"#{part}") for part in PARTS}

        assert PARTS == parts
        assert ([1], True, width) == (
            sizes,
            '"name": "ChatCompletion",' in read(page, "#raw"),
            page.evaluate("document.documentElement.scrollWidth"),
        )


PARTS: Final = {
    "usage": [
        "Usage",
        "in 9",
        "out 2",
        "total 11",
        "cost not known no price is known for what this provider, model, service tier or tools charge",
    ],
    "parameters": ["Parameters 1", "temperature 0.5"],
    "python": [
        "Python that repeats the call",
        "Copy",
        "from openai import OpenAI",
        "client = OpenAI()",
        "response = client.chat.completions.create(",
        'model="gpt-4o-mini",',
        'messages=[{"role": "user", "content": "How warm is it?"}],',
        "temperature=0.5,",
        ")",
        "print(response)",
    ],
    "events": ["Events 1", "noted +5.0 ms", "why because"],
    "attributes": [
        "Attributes",
        "OpenInference 28",
        "OpenTelemetry GenAI 1",
        "gen_ai.request.model gpt-4o-mini",
        "Others 1",
        "mine own",
        "Resource 1",
        "service.name desk",
        "Scope 2",
        "name spanglass",
        "version 1",
    ],
}


@BOTH
def test_sessions(dashboard: Dashboard, browser: Browser, width: int) -> None:
    """A session stands in their list, from which its transcript is opened: what two calls said, once each."""
    said = [says("user", "How warm is it?"), calls("weather", "{}", "a"), says("tool", "21", tool_call_id="a")]
    own = {"session.id": "night"}
    first, second = (
        made(chat(*said[:sent], received=[answer], others=own), at=at * 1000)
        for at, sent, answer in ((0, 1, said[1]), (2, 3, says("assistant", "It is **21**.")))
    )
    dashboard.send([first, second])
    with looked_at(browser, f"{dashboard.url}/sessions", width) as page:
        listed = [line for line in read(page, "[data-row]") if not re.search(r"\d\d:\d\d|ago", line)]
        page.get_by_role("link", name="night").click()
        expect(page.get_by_role("heading", name="Session night")).to_be_visible()
        cards = [" ".join(text.split()) for text in page.locator(".card").all_inner_texts()]

        assert (LISTED[width], CARDS, width) == (listed, cards, page.evaluate("document.documentElement.scrollWidth"))


LISTED: Final = {
    1280: ["night", "How warm is it?", "2", "2.01 s"],
    400: ["night", "How warm is it?", "2 traces", "2.01 s"],
}
CARDS: Final = [
    "user 1 How warm is it?",
    "assistant answer 2 calls weather a {} result sent by a later call 21",
    "assistant answer 4 It is 21.",
]


FAINT: Final = """() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [[red, green, blue], alpha / 255];
  };
  const over = ([top, alpha], below) => top.map((each, place) => each * alpha + below[place] * (1 - alpha));
  const behind = (element) => {
    if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[1] === 1 ? colour[0] : over(colour, behind(element.parentElement));
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    const seen = element.checkVisibility({ visibilityProperty: true });
    if (!text || !seen || element.closest("svg, script, :disabled")) continue;
    const below = behind(element);
    const opacity = +getComputedStyle(element).opacity;
    const [colour, alpha] = rgba(getComputedStyle(element).color);
    const two = [light(over([colour, alpha * opacity], below)), light(below)].sort((a, b) => a - b);
    const contrast = (two[1] + 0.05) / (two[0] + 0.05);
    if (contrast < 4.5) faint.push(`${text.slice(0, 30)}: ${contrast.toFixed(1)}`);
  }
  return [light(behind(document.body)) < 0.1, faint];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours(dashboard: Dashboard, browser: Browser, scheme: Any) -> None:
    """A page is as light or dark as the reader wants, and each text stands out from what is behind it, by WCAG's AA."""
    failed = timed(90, None, 0, 9, trace=9, failed="It failed", attributes={"session.id": "night"})
    dashboard.send([CALL, *retried(), failed])
    paths = ("/", "/?errors=1", "/sessions", "/session?id=night", *map(path_of, (CALL, retried()[0], failed)))
    with looked_at(browser, dashboard.url) as page:
        page.emulate_media(color_scheme=scheme)
        found = {}
        for path in paths:
            page.goto(dashboard.url + path)
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            page.keyboard.press("?")
            found[path] = page.evaluate(FAINT)

        assert {path: [scheme == "dark", []] for path in paths} == found
