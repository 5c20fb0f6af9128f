"""Content that means harm, in a real browser with the page's own policy in force: all of it is text."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from browser import browsing
from opentelemetry.sdk.trace import Event, ReadableSpan
from playwright.sync_api import Page
from serving import Dashboard
from showing import START, calls, chat, made, part, path_of, says, whole_of

pytestmark = [pytest.mark.browser, pytest.mark.backend]
pytest_plugins = ["served", "servers"]

PWN: Final = "window.pwned=1"
SVG: Final = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{PWN}'><script>{PWN}</script></svg>"
HOSTILE: Final = {
    "script": f"<script>{PWN}</script>",
    "image": f"<img src=x onerror={PWN}>",
    "closing": f"</pre></p></main></details></textarea></title><script>{PWN}</script>",
    "link": f"[click](javascript:{PWN}) [data](data:text/html,<script>{PWN}</script>) <javascript:{PWN}>",
    "picture": "![x](http://198.51.100.1/beacon.png) <link rel=stylesheet href=http://198.51.100.1/x.css>",
    "bidi": "safe\u202egnp.exe\u2066 \u200e\u061c",
    "tags": "seen" + "".join(chr(0xE0000 + ord(char)) for char in "hidden"),
    "template": "{{ 7*7 }} {% raw %} ${7*7} {{ request.app }}",
    "null": "before\0after\x1b[31m\x85",
    "comment": f"<!-- --!><script>{PWN}</script> --> <![CDATA[ <b>",
    "style": "<style>body{display:none}</style><p style='position:fixed;inset:0'>",
    "frame": f"<iframe srcdoc='<script>parent.{PWN}</script>'></iframe><base href=http://198.51.100.1/>",
    "form": "<form action=http://198.51.100.1><button autofocus onfocus=alert(1)>",
    "entity": f"&lt;script&gt; &#60;img src=x onerror={PWN}&#62; &amp;",
    "quotes": f"\" onmouseover=\"{PWN}\" ' onfocus='{PWN}' autofocus tabindex=1 x=`",
    "json": f'{{"</pre><script>{PWN}</script>": "<img src=x onerror={PWN}>"}}',
    "fence": f"```<script>{PWN}</script>\n</code></pre><script>{PWN}</script>\n```",
    "refresh": "<meta http-equiv=refresh content='0;url=http://198.51.100.1/'>",
}


@contextmanager
def watched(chromium: Path, dashboard: Dashboard) -> Iterator[Page]:
    """Open a page for the block; nothing may run in it, complain, or be asked of anybody but the dashboard."""
    with browsing(chromium) as page:
        wrong: list[str] = []
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on(
            "console",
            lambda said: wrong.append(f"{said.text} {said.location}") if said.type in {"error", "warning"} else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("popup", lambda popup: wrong.append(popup.url))
        page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(dashboard.url) else None)
        yield page

        assert wrong == []


def look(page: Page, address: str) -> str:
    """Open an address with all of it unfolded and every element touched, and return the text that is seen."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate(
        """document.querySelectorAll('main *').forEach(each => {
             for (const kind of ['mouseover', 'focus', 'load', 'error']) each.dispatchEvent(new Event(kind));
           })"""
    )

    assert page.evaluate("window.pwned") is None
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert [] == page.evaluate(
        """[...document.querySelectorAll('main script, main iframe, main form[action^="http"], main base, main style,'
             + ' main link, main meta, main object, main embed, main [style], main [onerror], main [onload],'
             + ' main [onmouseover], main [onfocus], main a[href^="javascript"], main a[href^="data"]')]
             .map(each => each.outerHTML)"""
    )
    return page.locator("main").inner_text()


def span_of(name: str, text: str, **others: Any) -> ReadableSpan:
    """Return a call that has a text everywhere."""
    picture = f"data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}"
    lying = f"data:image/png;base64,{base64.b64encode(SVG.encode()).decode()}"
    everywhere = {
        "llm.model_name": text,
        "llm.finish_reason": text,
        "session.id": f"session {name} {text}",
        "llm.tools.0.tool.json_schema": f'{{"name":"t","description":"{text}"}}',
        "llm.invocation_parameters": text,
        "input.value": text,
        "spanglass.error.code": text,
        "error.type": text,
        f"attribute {text}": text,
    }
    sent = {
        "role": "user",
        **part(0, "text", text=text),
        **part(1, "image", image__image__url=picture),
        **part(2, "image", image__image__url=lying),
        **part(3, "image", image__image__url=f"https://198.51.100.1/{text}"),
        **part(4, "document", document__document__name=text, document__document__url=f"data:text/html,{text}"),
        **part(5, text, text=text),
        **part(6, "reasoning", text=text),
    }
    return made(
        chat(
            says("system", text),
            says(text, text, name=text),
            sent,
            calls(text, text, text),
            says("tool", text, tool_call_id=text),
            received=[says("assistant", text)],
            others=everywhere,
        ),
        name=text,
        events=[Event(text, {text: text, "exception.stacktrace": text}, START)],
        resource={text: text, "service.name": text},
        failed=text,
        **others,
    )


def shown(text: str) -> str:
    """Return a text as it is to be seen: what nobody sees is spelled out."""
    unseen = {*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x202E, 0x2066, *range(0xE0000, 0xE0080)} - {9, 10}
    spelled = "".join(f"U+{ord(char):04X}\0" if ord(char) in unseen else char for char in text)
    return spelled.replace("\0U+", " U+").replace("\0", "")


def test_hostile_content_is_text(dashboard: Dashboard, chromium: Path) -> None:
    """Whatever a span holds, wherever it holds it, the trace, the session and the list show it as text."""
    spans = {name: span_of(name, text) for name, text in HOSTILE.items()}
    dashboard.send([*spans.values()])
    with watched(chromium, dashboard) as page:
        for name, span in spans.items():
            text = HOSTILE[name]
            session = urlencode({"id": (span.attributes or {})["session.id"]})
            for address in (path_of(span), f"{path_of(span)}?as=markdown", f"{path_of(span)}?as=text"):
                assert shown(text).split("\n")[0] in look(page, dashboard.url + address), (name, address)
            assert shown(text).split("\n")[0] in look(page, f"{dashboard.url}/session?{session}"), name
        look(page, f"{dashboard.url}/")


def test_whole_texts_are_text(dashboard: Dashboard, chromium: Path) -> None:
    """A whole text, opened by itself, is text whatever it says, and so is the raw span."""
    span = span_of("script", HOSTILE["closing"])
    dashboard.send([span])
    with watched(chromium, dashboard) as page:
        for of in ("1-0", "3-1", "3-2", "attribute-input.value"):
            page.goto(f"{dashboard.url}{whole_of(span)}/text?of={of}")

            assert [None, "text/plain"] == page.evaluate("[window.pwned ?? null, document.contentType]")
        page.goto(f"{dashboard.url}{whole_of(span)}/raw?as=text")

        assert [None, "text/plain"] == page.evaluate("[window.pwned ?? null, document.contentType]")


def test_a_link_of_a_text_tells_nobody_where_it_was(dashboard: Dashboard, chromium: Path) -> None:
    """Links that an answer writes open elsewhere, without a word of this page, and only by http, https and mailto."""
    text = "[a](http://198.51.100.1/) [b](mailto:a@b.c) [c](ftp://d.e) [d](/traces) [e](//f.g)"
    span = made(chat(received=[says("assistant", text)]))
    dashboard.send([span])
    with watched(chromium, dashboard) as page:
        look(page, dashboard.url + path_of(span))
        found = page.locator(".prose a").evaluate_all("links => links.map(a => [a.href, a.target, a.rel])")

    rel = "noopener noreferrer nofollow"

    assert [["http://198.51.100.1/", "_blank", rel], ["mailto:a@b.c", "_blank", rel]] == found


def test_a_line_of_ten_megabytes(dashboard: Dashboard, chromium: Path) -> None:
    """A call with a line of 10 MB is shown, cut, in a page that fits a narrow screen."""
    text = "x" * 10_000_000
    span = made(chat(says("user", text), received=[says("assistant", "Hm.")], others={"session.id": "long"}))
    dashboard.send([span])
    with watched(chromium, dashboard) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        for address in (path_of(span), "/session?id=long", "/"):
            said = look(page, dashboard.url + address)

            assert len(said) < 200_000
            assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_an_image_is_drawn(dashboard: Dashboard, chromium: Path) -> None:
    """An image that came within a message is drawn; one at a link is not asked for."""
    gif = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    message = {
        "role": "user",
        **part(0, "image", image__image__url=gif),
        **part(1, "image", image__image__url="https://198.51.100.1/a.png"),
    }
    span = made(chat(message))
    dashboard.send([span])
    with watched(chromium, dashboard) as page:
        look(page, dashboard.url + path_of(span))
        page.wait_for_function("document.querySelector('main img').complete")

        assert [[1, 1]] == page.locator("main img").evaluate_all(
            "all => all.map(i => [i.naturalWidth, i.naturalHeight])"
        )
