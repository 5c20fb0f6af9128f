"""What each answer of a dashboard says to a browser besides."""

import pytest
from jinja2 import DictLoader
from raw import Reply, asked, sent
from serving import Dashboard

from spanglass.dashboard.drawing import ENVIRONMENT, TEMPLATES
from spanglass.dashboard.safety import HEADERS

pytest_plugins = ["served"]

NAMES = ("cache-control", *(name.lower() for name in HEADERS))


def told(reply: Reply) -> dict[str, str]:
    """Return the headers of an answer that this is about."""
    return {name: reply.headers[name] for name in NAMES if name in reply.headers}


def test_on_every_answer(dashboard: Dashboard) -> None:
    """Whatever the answer is, it says what a browser may do with it, and that it is kept nowhere."""
    tag = asked(dashboard.url).headers["etag"]
    answers = {
        200: asked(dashboard.url),
        304: asked(dashboard.url, "/", f"If-None-Match: {tag}"),
        403: asked(dashboard.url, "/", "Origin: null"),
        404: asked(dashboard.url, "/nothing"),
        405: asked(dashboard.url, "/", method="PURGE"),
        414: asked(dashboard.url, "/?" + "a" * 20000),
        421: asked(dashboard.url, host="evil.example"),
        431: asked(dashboard.url, "/", *(f"A{number}: 1" for number in range(120))),
    }
    expected = {"cache-control": "no-store", **{name.lower(): value for name, value in HEADERS.items()}}

    assert {status: (status, expected) for status in answers} == {
        status: (reply.status, told(reply)) for status, reply in answers.items()
    }


def test_on_what_is_no_request(dashboard: Dashboard) -> None:
    """So does the answer to what is no request at all."""
    reply = sent(dashboard.url, b"\x16\x03\x01\r\n\r\n")

    assert (400, {name.lower(): value for name, value in HEADERS.items()}) == (reply.status, told(reply))


def test_static_files_are_asked_for_again(dashboard: Dashboard) -> None:
    """A browser keeps what is static, and asks each time whether it is still the same."""
    first = asked(dashboard.url, "/static/live.js")
    again = asked(dashboard.url, "/static/live.js", f"If-None-Match: {first.headers['etag']}")
    expected = {"cache-control": "no-cache", **{name.lower(): value for name, value in HEADERS.items()}}

    assert [(200, True, expected), (304, False, expected)] == [
        (reply.status, bool(reply.body), told(reply)) for reply in (first, again)
    ]


def test_policy(dashboard: Dashboard) -> None:
    """A page runs only the dashboard's own scripts and styles, and loads nothing of another host."""
    policy = asked(dashboard.url).headers["content-security-policy"]
    rules = {name: sources for name, *sources in (rule.split() for rule in policy.split(";"))}

    assert {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    } == {name: sources for name, sources in rules.items() if name != "frame-ancestors"}


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_a_page_that_crashes(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    """A page that crashes says so in one sentence; what happened is logged, once, and not shown."""
    own = (TEMPLATES / "refusal.html").read_text("utf-8")
    monkeypatch.setattr(ENVIRONMENT, "loader", DictLoader({"refusal.html": own, "traces.html": "{{ 1 // 0 }}"}))
    reply = asked(dashboard.url, "/", f"Accept: {accept}")

    assert (500, True, False, False, HEADERS["Content-Security-Policy"], 1) == (
        reply.status,
        b"The dashboard has met an error of its own: what it printed says which." in reply.body,
        b"ZeroDivision" in reply.body,
        b"Traceback" in reply.body,
        reply.headers["content-security-policy"],
        caplog.text.count("ZeroDivisionError: "),
    )
