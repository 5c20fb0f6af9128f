"""Who may ask a dashboard for what, by which name, from where."""

import socket
from collections.abc import Callable

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from raw import asked
from serving import Dashboard

from spanglass.dashboard.safety import Access

pytest_plugins = ["served", "starting"]

Starting = Callable[[Access], Dashboard]

TOKEN = "t0ken.of-this~test"  # noqa: S105 - of this test
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is tested is who may ask there
BEARER = f"Authorization: Bearer {TOKEN}"


@pytest.fixture
def guarded(starting: Starting) -> Dashboard:
    """Give a dashboard that others may ask, who have the token."""
    return starting(Access.at(ANYWHERE, TOKEN))


@pytest.fixture
def span() -> ReadableSpan:
    """Give a span."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("test").start_as_current_span("work") as span:
        pass
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.10", "::1", "LocalHost"])
def test_loopback_wants_no_token(host: str) -> None:
    """At an address of this machine alone no token is made; one that is given is demanded, an empty one is none."""
    assert (None, None, TOKEN) == (Access.at(host).token, Access.at(host, "").token, Access.at(host, TOKEN).token)


@pytest.mark.parametrize("host", [ANYWHERE, "192.168.1.7", "::", "", "box.example", "127.1", "localhost.example"])
def test_elsewhere_a_token_is_made(host: str) -> None:
    """At any other host a token is demanded: the one that is given, or one that is made, each time another."""
    made = {Access.at(host).token, Access.at(host, "").token}

    assert (2, True, TOKEN) == (len(made), all(len(each or "") >= 32 for each in made), Access.at(host, TOKEN).token)


def test_elsewhere_never_without_a_token() -> None:
    """Nobody makes a dashboard for others without a token."""
    with pytest.raises(ValueError, match=r"^Others may ask at 0\.0\.0\.0: give a token, or listen on 127\.0\.0\.1\.$"):
        Access(ANYWHERE)


@pytest.mark.parametrize("token", ["two words", "ümlaut", "a;b", "a\nb", '"quoted"', "="])
def test_a_token_fits_a_header(token: str) -> None:
    """A token that a header cannot carry is refused in one sentence."""
    with pytest.raises(ValueError, match=r"^A token has letters, digits and any of \._~\+/- only: give another\.$"):
        Access.at("127.0.0.1", token)


def test_entrance() -> None:
    """The URL to open has the token where there is one."""
    assert ("http://x/", "http://x/?token=a%2Bb%2F%3D") == (
        Access().entrance("http://x/"),
        Access("127.0.0.1", "a+b/=").entrance("http://x/"),
    )


PATHS = (
    "/",
    "/traces/0af7651916cd43dd8448eb211c80319c",
    "/session?id=1",
    "/nothing",
    "/v1/traces",
    "/static",
    "/healthy",
)


@pytest.mark.parametrize(
    "header",
    [
        "Accept: */*",
        "Authorization: Bearer wrong",
        "Authorization: Bearer",
        f"Authorization: Basic {TOKEN}",
        f"Authorization: Bearer {TOKEN}x",
        f"Authorization: Bearer {TOKEN.upper()}",
        f"{BEARER}\r\n{BEARER}",
        f"Cookie: token={TOKEN}",
        "Cookie: spanglass-{port}=" + TOKEN,
    ],
)
def test_without_the_token(guarded: Dashboard, header: str) -> None:
    """Without the token nothing that tells of spans is answered, nor are any taken; the answer says what to do."""
    header = header.replace("{port}", guarded.url.rpartition(":")[2])
    answers = [asked(guarded.url, path, header, method=method) for path in PATHS for method in ("GET", "POST", "HEAD")]
    sentence = (
        b"The dashboard wants its token: open the URL that it printed when it started, or send the header "
        b"Authorization: Bearer with the token.\n"
    )

    assert [(401, 'Bearer realm="spanglass"', body) for _ in PATHS for body in (sentence, sentence, b"")] == [
        (answer.status, answer.headers["www-authenticate"], answer.body) for answer in answers
    ]


@pytest.mark.parametrize("path", ["/health", "/static/style.css"])
def test_what_is_open(guarded: Dashboard, path: str) -> None:
    """What is the same in every dashboard is answered to anyone: that it runs, and how its pages look."""
    assert 200 == asked(guarded.url, path).status


def test_by_the_url(guarded: Dashboard) -> None:
    """The token in a URL is changed for a cookie, and the browser is sent on to the same URL without it."""
    port = guarded.url.rpartition(":")[2]
    first = asked(guarded.url, f"/session?id=a%20b&token={TOKEN}&x=1&x=&y")
    cookie, *rules = first.headers["set-cookie"].split("; ")
    then = asked(guarded.url, "/", f"Cookie: a=b; {cookie}; c=d")

    assert (303, "/session?id=a%20b&x=1&x=&y", f"spanglass-{port}", ["HttpOnly", "Path=/", "SameSite=lax"], 200) == (
        first.status,
        first.headers["location"],
        cookie.partition("=")[0],
        rules,
        then.status,
    )
    assert TOKEN not in str(first.headers)


@pytest.mark.parametrize("path", ["//evil.example/", "///evil.example", "/%2fevil.example", "//evil.example/..;@x/"])
def test_by_the_url_to_here_alone(guarded: Dashboard, path: str) -> None:
    """Nobody is sent on to another host."""
    location = asked(guarded.url, f"{path}?token={TOKEN}").headers["location"]

    assert "/" + path.lstrip("/") == location


def test_a_wrong_token_in_the_url(guarded: Dashboard) -> None:
    """A wrong token is refused, and not repeated."""
    answer = asked(guarded.url, "/?token=wrongest&a=1", "Accept: text/html")

    assert (401, False) == (answer.status, b"wrongest" in answer.body)


def test_a_page_asks_for_the_token(guarded: Dashboard) -> None:
    """A browser without the token is shown where to give it, for the page that it was going to."""
    page = asked(guarded.url, "/session?id=%22%3E%3Cscript%3E&token=x", "Accept: text/html,*/*").body.decode()

    assert '<form action="/session">\n<input type="hidden" name="id" value="&#34;&gt;&lt;script&gt;">\n<label>' in page


def test_cookies_of_another_dashboard(starting: Starting) -> None:
    """The cookie of one dashboard opens no other, though the token be the same."""
    one, other = (starting(Access("127.0.0.1", TOKEN)) for _ in range(2))
    name, proof = asked(one.url, f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0].split("=")
    theirs = f"spanglass-{other.url.rpartition(':')[2]}"

    assert [200, 401, 401] == [
        asked(one.url, "/", f"Cookie: {name}={proof}").status,
        asked(other.url, "/", f"Cookie: {name}={proof}").status,
        asked(other.url, "/", f"Cookie: {theirs}={proof}").status,
    ]


def test_senders_with_the_token(guarded: Dashboard, span: ReadableSpan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program sends spans by OpenTelemetry's variables alone; without the token it is refused."""
    exporters = [OTLPSpanExporter(f"{guarded.url}/v1/traces")]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{TOKEN}")
    exporters.append(OTLPSpanExporter(f"{guarded.url}/v1/traces"))
    sent = [exporter.export([span]) for exporter in exporters]
    for exporter in exporters:
        exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations

    assert ([SpanExportResult.FAILURE, SpanExportResult.SUCCESS], [(1,)]) == (
        sent,
        guarded.store.read("SELECT count(*) FROM spans"),
    )


def test_a_cookie_sends_nothing(guarded: Dashboard) -> None:
    """What a browser sends by itself is enough to read, and not to send spans."""
    cookie = asked(guarded.url, f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
    posted = asked(
        guarded.url,
        "/v1/traces",
        f"Cookie: {cookie}",
        "Content-Type: application/json",
        "Content-Length: 2",
        method="POST",
        body=b"{}",
    )

    assert 401 == posted.status


OURS = (
    *("localhost", "localhost:3000", "LOCALHOST:1", "localhost.", "localhost.:80"),
    *("127.0.0.1", "127.0.0.1:65535", "127.255.255.254", "[::1]", "[::1]:3000", "[0:0:0:0:0:0:0:1]"),
)
OTHERS = (
    *("evil.example", "evil.example:3000", "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost"),
    *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", ANYWHERE, "0", "192.168.1.7", "[::]", "[::ffff:127.0.0.1]"),
    *("[fe80::1]", "localhost..", "-", "_", "xn--lcalhost-n1b", "localhost.localdomain"),
)
NONE = (
    *("localhost:3000@evil", "user@localhost", "localhost/", "localhost:", "localhost:x", "localhost:123456", "[::1"),
    *(
        "::1",
        "localhost, evil.example",
        "local host",
        "",
        "localhost#",
        "loc\xe4lhost",
        "[::1]x",
        "[::1%25lo]",
        "[v1.x]",
    ),
    *("localhost?", "localhost\\", "http://localhost", "localhost\tx", "%6cocalhost", "*"),
)


@pytest.mark.parametrize(("hosts", "status"), [(OURS, 200), (OTHERS, 421), (NONE, 400)], ids=["ours", "others", "none"])
def test_by_which_name(dashboard: Dashboard, hosts: tuple[str, ...], status: int) -> None:
    """On loopback the dashboard answers to loopback's names and addresses alone."""
    found = {
        host: {asked(dashboard.url, path, host=host).status for path in ("/", "/static/style.css")} for host in hosts
    }

    assert {host: {status} for host in hosts} == found


def test_by_no_name_and_by_two(dashboard: Dashboard) -> None:
    """A request names its host, and once."""
    assert [400, 400, 400] == [
        asked(dashboard.url, host=None).status,
        asked(dashboard.url, "/", "Host: localhost").status,
        asked(dashboard.url, "/", "Host: evil.example").status,
    ]


def test_by_which_name_elsewhere(guarded: Dashboard) -> None:
    """Elsewhere it answers to addresses and the machine's names, and to a sender with the token by any name."""
    name = socket.gethostname()
    known = ("localhost", "127.0.0.1", "192.168.1.7:3000", "[fe80::1]", ANYWHERE, name, f"{name.upper()}:3000")

    assert (dict.fromkeys(known, 401), [421, 200]) == (
        {host: asked(guarded.url, "/", host=host).status for host in known},
        [
            asked(guarded.url, f"/?token={TOKEN}", host="evil.example").status,
            asked(guarded.url, "/", BEARER, host="collector.example").status,
        ],
    )


def test_by_the_name_it_was_given(starting: Starting) -> None:
    """The name by which it was told to listen is one of its names."""
    access = Access(ANYWHERE, TOKEN, frozenset({"box.example"}))

    assert [401, 421] == [
        asked(starting(access).url, host=host).status for host in ("Box.example:3000", "box.example.evil.example")
    ]


FOREIGN = (
    "Origin: http://evil.example",
    "Origin: http://localhost:1",
    "Origin: https://localhost.evil.example",
    "Origin: null",
    "Origin: localhost",
    "Origin: http://localhost/",
    "Origin: http://localhost\r\nOrigin: http://evil.example",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image",
    "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: embed",
    "Sec-Fetch-Site: what-is-to-come",
)
OWN = (
    "Origin: http://localhost",
    "Origin: HTTP://LOCALHOST",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Site: none",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document",
    "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe",
)


def test_from_other_sites(dashboard: Dashboard) -> None:
    """What a page of another site asks for is refused, but for a person who follows a link."""
    found = {header: asked(dashboard.url, "/", header).status for header in (*FOREIGN, *OWN)}

    assert {**dict.fromkeys(FOREIGN, 403), **dict.fromkeys(OWN, 200)} == found


@pytest.mark.parametrize("header", [*FOREIGN, *OWN[-2:]])
def test_spans_from_other_sites(dashboard: Dashboard, header: str) -> None:
    """Nor does such a page send spans, even as if somebody had followed a link."""
    posted = asked(
        dashboard.url,
        "/v1/traces",
        header,
        "Content-Type: application/json",
        "Content-Length: 2",
        method="POST",
        body=b"{}",
    )

    assert 403 == posted.status


def test_no_permission_for_other_sites(dashboard: Dashboard) -> None:
    """A browser that asks whether a page may send is told nothing that allows it."""
    answers = [
        asked(
            dashboard.url,
            path,
            *((f"Origin: {origin}",) if origin else ()),
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type",
            method="OPTIONS",
        )
        for path in ("/v1/traces", "/")
        for origin in ("http://evil.example", "http://localhost", "")
    ]

    assert [(status, []) for status in (403, 405, 405) * 2] == [
        (answer.status, [name for name in answer.headers if name.startswith("access-control")]) for answer in answers
    ]


@pytest.mark.parametrize("path", ["/traces/health", "/x/health", "/healthy", "/health/x", "/x/static/", "/static"])
def test_what_is_not_quite_open(starting: Callable[[Access], Dashboard], path: str) -> None:
    """A path that only resembles one that is answered without the token is not."""
    dashboard = starting(Access("127.0.0.1", "secret"))

    assert 401 == dashboard.ask(path).status
