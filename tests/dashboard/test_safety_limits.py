"""What a dashboard does with requests that nobody should send."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import quote

import pytest
from openai import OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from processes import wait_until
from raw import Reply, answered, asked, connected, sent
from serving import Dashboard

from spanglass.dashboard import safety
from spanglass.dashboard.connections import OPTIONS, Connection
from spanglass.testing import CapturedSpans, OpenAIServer

pytest_plugins = ["served"]

OUTSIDE = (
    *("../app.py", "..%2fapp.py", "%2e%2e/app.py", "%2e%2e%2fapp.py", "..%5capp.py", "..\\app.py", "%252e%252e/app.py"),
    *(
        "/etc/passwd",
        "%2fetc/passwd",
        "//etc/passwd",
        "%00",
        "style.css%00",
        "style.css%00.png",
        "./../app.py",
        "...",
        ".",
    ),
    *(
        "",
        "..",
        "%2e",
        "..;/app.py",
        "..%c0%afapp.py",
        "a" * 300,
        "a/" * 2000,
        "style.css/x",
        "~",
        "C:/x",
    ),
    *("%ff%fe", "%0d%0ax:y", "static/style.css", "../static/../app.py", "..%00/app.py", "con", "\\\\host\\share"),
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_but_static_files(dashboard: Dashboard, path: str) -> None:
    """No way of writing a path leads to a file beside those that are static."""
    reply = asked(dashboard.url, f"/static/{path}")

    assert (404, "text/plain; charset=utf-8", b"There is no such page.\n") == (
        reply.status,
        reply.headers["content-type"],
        reply.body,
    )


HOSTILE = (
    *(
        "'",
        '"',
        "';DROP TABLE spans;--",
        "' OR '1'='1",
        "1 UNION SELECT name FROM sqlite_master",
        "x' ESCAPE '",
        "%",
        "_",
    ),
    *("\\", "\x00", "a\x00b", "\x1f", "\x7f", "\r\nX-Evil: 1", "\ud800", "\u202e", "\ufeff", "\U0010ffff", "{{7*7}}"),
    *(
        "-1",
        "0",
        "1e309",
        "nan",
        "inf",
        "9" * 30,
        "-" + "9" * 30,
        "0x10",
        "1_000",
        "٣",
        " ",
        "",
        "true",
        "null",
        "[]",
        "{",
    ),
    *(
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "a" * 8000,
        "(" * 4000,
        "[" * 4000,
        "*" * 500,
    ),
    *(
        "=",
        "a=b",
        "a=",
        "=b",
        "a=b=c",
        ":",
        "a:b",
        "a>b",
        "a>1",
        "1..2",
        "-",
        '"a',
        '"a" OR',
        "NEAR(a b)",
        "a AND",
        "^a",
        "a*",
    ),
)


def parameters(page: str) -> set[str]:
    """Return the names of parameters that a page asks for and links to."""
    asked_for = re.findall(r'<(?:input|select|textarea|button)[^>]*\bname="([^"]+)"', page)
    return {*asked_for, *re.findall(r'href="[^"]*[?;&]([a-z_.-]+)=', page)}


def pages(page: str) -> set[str]:
    """Return the paths of the dashboard's own that a page links to."""
    return {link for link in re.findall(r'(?:href|action)="(/[^"?#]*)', page) if not link.startswith("/static")}


@pytest.fixture
def call(captured: CapturedSpans, server: OpenAIServer) -> Iterator[ReadableSpan]:
    """Give the span of a call."""
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    yield from captured.spans


def test_every_page_with_anything(dashboard: Dashboard, call: ReadableSpan) -> None:
    """Whatever stands in any parameter or path, no page crashes, and nothing is changed by it."""
    dashboard.send([call])
    assert call.context is not None
    call_path = f"/traces/{call.context.trace_id:032x}"
    found, known = {"/", "/session", call_path}, {"q", "id", "span", "token"}
    for path in [*found]:
        page = dashboard.ask(path).text
        found |= pages(page)
        known |= parameters(page)
    values = [quote(value, errors="surrogatepass") for value in HOSTILE]
    asking = [f"{path}?{'&'.join(f'{name}={value}' for name in known)}" for path in found for value in values]
    asking += [f"{path}?{name}={value}" for path in found for name in known for value in values[::4]]
    asking += [f"{path}/{value}" for path in ("", "/traces", "/session", call_path) for value in values]
    asking += [f"{path}?{value}" for path in found for value in values]
    statuses = statuses_of(dashboard, [path for path in asking if len(path) < 16_000])

    assert ([], [(1,)]) == (
        [path for path, status in statuses.items() if status not in {200, 303, 304, 307, 400, 404, 414}],
        dashboard.store.read("SELECT count(*) FROM spans"),
    )


def statuses_of(dashboard: Dashboard, paths: list[str]) -> dict[str, int]:
    """Return what is answered to each path, over one connection while that goes."""
    statuses: dict[str, int] = {}
    with closing(HTTPConnection("127.0.0.1", int(dashboard.url.rpartition(":")[2]))) as connection:
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            statuses[path] = answer.status
    return statuses


METHODS = ("HEAD", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "get", "X" * 100)


def test_methods(dashboard: Dashboard) -> None:
    """A page is read and nothing else, and spans are sent and nothing else; HEAD has no body."""
    page, take = (
        {method: asked(dashboard.url, path, method=method) for method in METHODS} for path in ("/", "/v1/traces")
    )

    assert ({"HEAD": 200, **dict.fromkeys(METHODS[1:], 405)}, b"", dict.fromkeys(METHODS, 405)) == (
        {method: reply.status for method, reply in page.items()},
        page["HEAD"].body,
        {method: reply.status for method, reply in take.items()},
    )


TWICE = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
INSIDE = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = (
    TWICE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    TWICE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + INSIDE,
    TWICE + b"Content-Length: 2, 3\r\n\r\n{}" + INSIDE,
    TWICE + b"Content-Length: +2\r\n\r\n{}" + INSIDE,
    TWICE + b"Content-Length: -1\r\n\r\n{}" + INSIDE,
    TWICE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INSIDE,
    TWICE + b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n" + INSIDE,
    TWICE + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + INSIDE,
    TWICE + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}" + INSIDE,
    b"GET / HTTP/1.1\nHost: localhost\r\nX: \rY: 1\r\n\r\n" + INSIDE,
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n" + INSIDE,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\nB\xc3\xa4d: 1\r\n\r\n" + INSIDE,
    b"GET / HTTP/9.9\r\n\r\n" + INSIDE,
    b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n" + INSIDE,
    b"\x00" * 100 + b"\r\n\r\n" + INSIDE,
)


@pytest.mark.parametrize("request_", SMUGGLED, ids=range(len(SMUGGLED)))
def test_where_a_request_ends(dashboard: Dashboard, caplog: pytest.LogCaptureFixture, request_: bytes) -> None:
    """A request of which it is not clear where it ends is answered by 4xx, and nothing that stands behind it."""
    reply = sent(dashboard.url, request_)

    assert (4, 0, "") == (
        reply.status // 100,
        reply.body.count(b"HTTP/1.1 "),
        "".join(record.getMessage() for record in caplog.records if record.levelname == "ERROR"),
    )


@pytest.mark.parametrize("size", [2**16, 2**20])
def test_long_heads(dashboard: Dashboard, size: int) -> None:
    """A URL, a parameter, a header and a cookie of any size are refused."""
    long = "a" * size
    replies = [
        asked_over(dashboard, f"/?q={long}"),
        asked_over(dashboard, f"/{long}"),
        asked_over(dashboard, "/", f"X: {long}"),
        asked_over(dashboard, "/", f"Cookie: {long}"),
        asked_over(dashboard, "/", *(f"X{number}: 1" for number in range(size // 100))),
    ]

    assert {400, 414, 431} >= {reply.status for reply in replies}


def asked_over(dashboard: Dashboard, path: str, *headers: str) -> Reply:
    """Ask as `asked` does, of a server that may have hung up before it had all of it: 400 is what it says then."""
    try:
        return asked(dashboard.url, path, *headers)
    except ConnectionError:
        return Reply(400, {}, b"")


def test_who_asks_nothing(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection by which no whole request comes is closed after a while, be it the first or the next."""
    monkeypatch.setattr(Connection, "seconds", 0.2)
    ask = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"

    assert [0, 0, 0] == [sent(dashboard.url, begun).status for begun in (b"", b"GET / HT", ask)]

    with connected(dashboard.url) as connection:
        connection.sendall(ask + b"\r\n")
        first = b""
        while not first.endswith(b"ok\n"):
            first += connection.recv(65536)
        connection.sendall(ask)

        assert (b"HTTP/1.1 200 OK", 0) == (first[:15], answered(connection).status)


def test_whose_body_does_not_end(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection by which the body of a request that was refused comes byte by byte is closed after a while."""
    monkeypatch.setattr(Connection, "seconds", 0.2)
    with connected(dashboard.url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        status = connection.recv(65536)[9:12]
        connection.settimeout(0)

        def is_closed() -> bool:
            try:
                connection.send(b"x")
                return not connection.recv(65536)
            except BlockingIOError:
                return False
            except ConnectionError:
                return True

        wait_until(is_closed, "a connection that is closed", seconds=30)

    assert status == b"405"


def test_whose_body_does_not_come(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come whole in time is answered by 408."""
    monkeypatch.setattr(safety, "BODY", 0.2)
    reply = sent(dashboard.url, TWICE + b"Content-Length: 10\r\n\r\n{")

    assert (408, b"The request took too long.\n") == (reply.status, reply.body)


def test_many_connections(dashboard: Dashboard, call: ReadableSpan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that comes when all connections are taken is told to come again, and its spans are taken then."""
    monkeypatch.setattr(Connection, "seconds", 60)
    with ExitStack() as taken:
        others = [taken.enter_context(connected(dashboard.url)) for _ in range(OPTIONS["limit_concurrency"])]
        wait_until(lambda: asked(dashboard.url, "/health").status == 503, "all to be taken", seconds=30)
        full = asked(dashboard.url, "/v1/traces", "Content-Length: 0", method="POST")
        exporter = OTLPSpanExporter(f"{dashboard.url}/v1/traces", timeout=30)
        for other in others:
            other.shutdown(socket.SHUT_RDWR)
    sent_at_last = exporter.export([call])
    exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations

    assert (503, "nosniff", SpanExportResult.SUCCESS) == (
        full.status,
        full.headers.get("x-content-type-options", "nosniff"),
        sent_at_last,
    )
