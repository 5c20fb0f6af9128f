"""What pages of other sites get from a dashboard, in a real browser; MAP makes a name of theirs lead to it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import started
from openai import OpenAI
from playwright.sync_api import Browser, Page
from serving import Dashboard

from spanglass.dashboard.safety import Access
from spanglass.testing import CapturedSpans, OpenAIServer

pytest_plugins = ["served", "servers", "starting"]
pytestmark = [pytest.mark.browser, pytest.mark.backend]

GUARDED = Access.at("0.0.0.0", "a-token")  # noqa: S104 - what is tested is who may ask there
EVIL = "evil.example"
SITES = ("localhost", EVIL)  # another port is the same site, and another origin


class Site(BaseHTTPRequestHandler):
    """A site of somebody else: one page, that is empty."""

    def do_GET(self) -> None:
        """Answer with the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "35")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>site</title>\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base names it
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[int]:
    """Give the port of a site of somebody else."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Give a browser for which the name of somebody else leads to this machine."""
    with started(chromium, f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as browser:
        yield browser


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page for the block."""
    page = browser.new_page()
    page.goto(url)
    yield page
    page.close()


@pytest.fixture
def filled(dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer) -> Dashboard:
    """Give a dashboard with one trace."""
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    dashboard.send(captured.spans)
    return dashboard


READ = """async url => {
  const got = path => fetch(url + path, {credentials: "include"}).then(answer => answer.text(), error => error.name);
  const loads = (kind, path) => new Promise(done => {
    const element = document.createElement(kind);
    element.onload = () => done("loaded");
    element.onerror = () => done("refused");
    element.src = url + path;
    document.body.append(element);
  });
  return [await got("/"), await got("/static/live.js"), await got("/health"),
          await loads("script", "/static/live.js"), await loads("img", "/static/icon.svg")];
}"""


@pytest.mark.parametrize("name", SITES)
def test_reading(filled: Dashboard, site: int, browser: Browser, name: str) -> None:
    """A page of another port or another site reads nothing, not even what is the same in every dashboard."""
    with visiting(browser, f"http://{name}:{site}") as page:
        assert [*["TypeError"] * 3, "refused", "refused"] == page.evaluate(READ, filled.url)


SEND = """async ([url, body]) => {
  const kinds = ["text/plain", "application/json", "application/x-www-form-urlencoded"];
  for (const mode of ["no-cors", "cors"])
    for (const kind of kinds)
      await fetch(url, {method: "POST", mode, body, headers: {"content-type": kind}}).catch(() => 0);
  navigator.sendBeacon(url, new Blob([body], {type: "text/plain"}));
  navigator.sendBeacon(url, body);
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: url, enctype: "text/plain"});
  const field = document.createElement("input");
  Object.assign(field, {name: body.slice(0, -1) + ',"x":"', value: '"}'});
  form.append(field);
  document.body.append(form);
  form.submit();
}"""
SPAN = (
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"11111111111111111111111111111111",'
    '"spanId":"2222222222222222","name":"forged","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}'
)


@pytest.mark.parametrize("name", SITES)
def test_sending(dashboard: Dashboard, site: int, browser: Browser, name: str) -> None:
    """Nor does it send a span, by whatever a browser sends without asking first."""
    url = f"{dashboard.url}/v1/traces"
    with visiting(browser, f"http://{name}:{site}") as page:
        page.evaluate(SEND, [url, SPAN])
        page.wait_for_url(url)

        assert "Pages of other sites may neither read the dashboard nor send to it." in page.content()
    assert [(0,)] == dashboard.store.read("SELECT count(*) FROM spans")
    assert 200 == dashboard.ask("/v1/traces", SPAN.encode(), {"content-type": "application/json"}).status
    assert [(1,)] == dashboard.store.read("SELECT count(*) FROM spans")


def test_by_a_name_that_leads_here(filled: Dashboard, browser: Browser) -> None:
    """A site whose name was made to lead to the dashboard reads nothing of it, though it is its own origin there."""
    url = f"http://{EVIL}:{filled.url.rpartition(':')[2]}"
    with visiting(browser, url) as page:
        read = page.evaluate("path => fetch(path).then(answer => answer.status)", "/health")

        assert ("The dashboard has another name: ask for it by localhost or its IP address.", 421) == (
            page.locator("main p:not(.refusal-status)").inner_text(),
            read,
        )


FRAME = """url => {
  const frame = document.createElement("iframe");
  frame.src = url;
  document.body.append(frame);
  return new Promise(done => { frame.onload = done; }).then(() => 0);
}"""


@pytest.mark.parametrize(
    ("name", "shown"), [("localhost", "Traces"), ("127.0.0.1", "Traces"), (EVIL, "localhost is blocked")]
)
def test_in_a_frame(filled: Dashboard, site: int, browser: Browser, name: str, shown: str) -> None:
    """A notebook of this machine shows the dashboard in a frame, and no other site does."""
    with visiting(browser, f"http://{name}:{site}") as page:
        page.evaluate(FRAME, filled.url)

        assert shown == page.frames[1].locator("h1").inner_text().strip()


FOLLOW = """url => {
  const link = document.createElement("a");
  link.href = url;
  document.body.append(link);
  link.click();
}"""


@pytest.mark.parametrize("name", SITES)
@pytest.mark.parametrize("access", [Access(), GUARDED], ids=["open", "token"])
def test_a_link(
    starting: Callable[[Access], Dashboard], site: int, browser: Browser, name: str, access: Access
) -> None:
    """A link from anywhere leads to the dashboard; with the token in it for the first time, then without."""
    url = f"{starting(access).url}/"
    with visiting(browser, f"http://{name}:{site}") as page:
        came = []
        for link in (access.entrance(url), url):
            page.evaluate(FOLLOW, link)
            page.wait_for_url(f"{url}**")
            came.append((page.url, page.locator("h1").inner_text()))
            page.go_back()

        assert [(url, "Traces")] * 2 == came


def test_the_token_is_asked_for(starting: Callable[[Access], Dashboard], browser: Browser) -> None:
    """A browser without the token is shown where to paste it, and then the page that it was going to."""
    url = starting(GUARDED).url
    with visiting(browser, f"{url}/?q=a%26b&q=c") as page:
        sentence = page.locator("main p:not(.refusal-status)").inner_text()
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_url("**token=wrong")
        page.get_by_label("Token").fill("a-token")
        page.get_by_role("button", name="Open").click()
        page.wait_for_url(f"{url}/?q=a%26b&q=c")

        assert ("The dashboard wants its token", "Traces", "") == (
            sentence.partition(":")[0],
            page.locator("h1").inner_text(),
            page.evaluate("document.cookie"),
        )


INJECT = """() => {
  document.body.insertAdjacentHTML("beforeend", `
    <p id="styled" style="color: rgb(1, 2, 3)" onclick="window.ran = 1">x</p>
    <img src="http://evil.example:1/x.png"><a id="link" href="javascript:window.ran = 2">x</a>
    <iframe srcdoc="<script>parent.ran = 3</script>"></iframe><style>#styled { margin: 77px }</style>`);
  const script = document.createElement("script");
  script.textContent = "window.ran = 4";
  document.body.append(script);
  document.getElementById("styled").click();
  document.getElementById("link").click();
  const style = getComputedStyle(document.getElementById("styled"));
  return [typeof window.ran, style.color === "rgb(1, 2, 3)", style.margin === "77px"];
}"""


def test_what_gets_into_a_page(filled: Dashboard, browser: Browser) -> None:
    """What hostile content might bring into a page neither runs, nor dresses it, nor calls another host."""
    with visiting(browser, filled.url) as page:
        called: list[str] = []
        page.on("requestfinished", lambda request: called.append(request.url))

        assert ["undefined", False, False] == page.evaluate(INJECT)
        assert "undefined" == page.evaluate("typeof window.ran")
        assert [] == [url for url in called if EVIL in url]
