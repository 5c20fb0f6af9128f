"""The page of one trace, over HTTP."""

import html
import re
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path

import pytest
from made import TRACE_ID, attempt, call, linked, names, retried, span
from openai import OpenAI
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from serving import Dashboard

from spanglass import using
from spanglass.dashboard import viewing
from spanglass.dashboard.entry import entry
from spanglass.dashboard.retention import remove
from spanglass.dashboard.store import Store
from spanglass.export.jsonl import read_jsonl, spans_to_jsonl
from spanglass.semconv import openinference as oi
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, completion, error

pytest_plugins = ["served"]

PAGE = f"/traces/{TRACE_ID}"


def added(dashboard: Dashboard, spans: Sequence[ReadableSpan]) -> None:
    """Have a dashboard keep spans."""
    dashboard.store.add(map(entry, spans))


def seen(text: str) -> str:
    """Return what is read of a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def rows(text: str) -> list[str]:
    """Return the ids of the rows of a page."""
    return re.findall(r'<li class="row" id="s-([0-9a-f]{16})"', text)


def current(text: str) -> list[str]:
    """Return the ids of the rows that are selected."""
    return re.findall(r'<li class="row" id="s-([0-9a-f]{16})" data-row="follow" aria-current="true"', text)


def ids(*numbers: int) -> list[str]:
    """Return ids of spans as a page has them."""
    return [f"{number:016x}" for number in numbers]


@pytest.mark.parametrize("when", ["_beside", "_lines"])
def test_a_trace_that_has_just_left(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Of a trace that leaves the file while its page is made the page says that it is not there."""
    added(dashboard, retried())
    go_on = getattr(viewing, when)

    def left(store: Store, *given: object) -> object:
        with store._changing() as cursor:  # noqa: SLF001 - as the store itself does, some day
            remove(cursor, time.time_ns(), None)
        return go_on(store, *given)

    monkeypatch.setattr(viewing, when, left)
    answer = dashboard.ask(PAGE)

    assert (404, f"{viewing.GONE}\n") == (answer.status, answer.text)


def test_a_retried_call(dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer) -> None:
    """The page of a retried call tells of each attempt, each wait and who chose it, and the facts of the trace."""
    server.script(
        Reply(error("Slow down"), status=429, headers={"retry-after-ms": "20", "x-request-id": "req_1"}),
        Reply(completion("Hi", usage={"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234})),
    )
    with OpenAI(base_url=server.base_url, api_key="test") as client, using(session="a b&c", user="lin"):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    dashboard.send(captured.spans)
    context = captured.spans[0].context
    assert context is not None
    answer = dashboard.ask(f"/traces/{context.trace_id:032x}")
    text = seen(answer.text)

    assert HTTPStatus.OK == answer.status
    wanted = (
        r"ChatCompletion SUCCESS [\d.]+ ms 2 attempts, [\d.]+ ms backoff",
        r"model gpt-4o-mini tokens 1,200 in \+ 34 out",
        rf"session a b&c user lin trace {context.trace_id:032x} Copy Download as JSONL",
        r"attempt 1 HTTP 429 HTTP · FAILED .* backoff, asked for by the server \(retry-after-ms\) request id req_1",
        r"attempt 2 HTTP 200 HTTP · OK",
    )
    assert [] == [pattern for pattern in wanted if not re.search(pattern, text)]
    assert 'href="/session?id=a+b%26c"' in answer.text
    assert re.search('aria-label="attempt 1, HTTP 429, [^"]* backoff, asked for by the server', answer.text)
    assert 3 == len(rows(answer.text))


def test_facts_of_a_trace(dashboard: Dashboard) -> None:
    """The head of a page tells project, environment, models and tokens, by whichever span has them; ~ is a guess."""
    told = {
        oi.OPENINFERENCE_PROJECT_NAME: "night-desk",
        "deployment.environment.name": "staging",
        "service.name": "desk",
    }
    guess = {"spanglass.usage.estimated_completion_tokens": 7, oi.LLM_MODEL_NAME: "gpt-4.1"}
    spans = [
        span(1, None, 0, 2500, "night", resource=Resource(told)),
        call(2, 1, 0, 10, attributes={oi.LLM_TOKEN_COUNT_PROMPT: 1000, oi.LLM_TOKEN_COUNT_COMPLETION: 5}),
        call(3, 1, 10, 20, attributes=guess),
    ]
    added(dashboard, spans)

    assert re.search(
        r"night SUCCESS 2\.50 s began [-0-9]+ [:0-9]+ UTC model gpt-4o-mini, gpt-4\.1 tokens 1,000 in \+ ~12 out "
        r"project night-desk environment staging trace",
        seen(dashboard.ask(PAGE).text),
    )


NO_ID = "This is no trace id: one has 32 characters, 0-9 and a-f."
NO_TRACE = "There is no trace of this id: it has not come yet, or was too old to be kept."
NO_PAGE = "There is no such page."


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"/traces/{'a' * 32}", NO_TRACE),
        (f"/traces/{'a' * 32}.jsonl", NO_TRACE),
        (f"/traces/{TRACE_ID.upper()}", NO_ID),
        (f"/traces/{TRACE_ID.upper()}.jsonl", NO_ID),
        (f"/traces/{TRACE_ID[:-1]}", NO_ID),
        (f"/traces/{TRACE_ID}%0A", NO_PAGE),
        (f"/traces/{TRACE_ID}'%20OR%20'1'='1", NO_ID),
        ("/traces/%25", NO_ID),
        ("/traces/..%2F..%2Fetc%2Fpasswd", NO_PAGE),
        ("/traces/..%2F..%2Fetc%2Fpasswd.jsonl", NO_PAGE),
        ("/traces/%00", NO_PAGE),
        ("/traces/%D9%A1" + "1" * 31, NO_ID),
    ],
)
def test_no_such_trace(dashboard: Dashboard, path: str, sentence: str) -> None:
    """An id that is of no trace, or none at all, is answered with 404 and a sentence, whatever it tries."""
    added(dashboard, retried())
    answer = dashboard.ask(path)

    assert (HTTPStatus.NOT_FOUND, f"{sentence}\n") == (answer.status, answer.text)


def test_download(dashboard: Dashboard, tmp_path: Path) -> None:
    """The file of a trace has all of its spans by their start, as our files are; it is read as one of those."""
    spans = sorted(retried(), key=lambda one: (one.start_time or 0, -(one.end_time or 0)))
    added(dashboard, [*spans, span(1, None, 0, 1, trace=1)])
    answer = dashboard.ask(f"{PAGE}.jsonl")
    path = tmp_path / "trace.jsonl"
    path.write_bytes(answer.body)

    assert (
        HTTPStatus.OK,
        f'attachment; filename="trace-{TRACE_ID}.jsonl"',
        spans_to_jsonl(spans),
        [one.name for one in spans],
    ) == (answer.status, answer.headers["content-disposition"], answer.text, [one.name for one in read_jsonl(path)])


def test_a_page_is_renewed_as_spans_come(dashboard: Dashboard) -> None:
    """A page that is asked for again is 304 until a span of its trace comes, or another trace beside it."""
    late, *first = retried()
    added(dashboard, first)
    tags: list[str] = []

    def again() -> tuple[int, int]:
        answer = dashboard.ask(PAGE, headers={"if-none-match": tags[-1], "x-spanglass-live": "1"} if tags else {})
        tags.append(answer.headers["etag"])
        return answer.status, len(rows(answer.text))

    seen_first = [again(), again()]
    added(dashboard, [late])
    seen_then = [again(), again()]
    added(dashboard, [span(1, None, 5000, 5001, trace=1)])

    assert [(200, 3), (304, 0)] == seen_first
    assert [(200, 4), (304, 0)] == seen_then
    assert [(200, 4), (304, 0)] == [again(), again()]


def test_an_unfinished_trace(dashboard: Dashboard) -> None:
    """A trace whose outer spans have not come says so, and which spans lack their parent; it has not failed by that."""
    added(dashboard, retried()[:2])
    text = seen(dashboard.ask(PAGE).text)

    assert "attempt UNFINISHED 600 ms" in text
    assert "2 spans of this trace are in ones that have not come" in text
    assert 2 == text.count("parent has not come")


def test_the_name_of_a_trace(dashboard: Dashboard) -> None:
    """A trace has the name of the span that is in no other, even where another one began before it."""
    spans = [attempt(2, 9, (0, 1), 200), span(3, 9, 1, 9, "lost"), span(4, None, 2, 9, "root"), call(5, 4, 3, 4)]
    added(dashboard, spans[:2])
    names_told = [seen(dashboard.ask(PAGE).text)]
    added(dashboard, spans[2:])
    names_told.append(seen(dashboard.ask(PAGE).text))

    assert [True, True] == [f"{name} SUCCESS" in text for name, text in zip(("lost", "root"), names_told, strict=True)]


def test_selection(dashboard: Dashboard) -> None:
    """The span that the address names is selected, alone; one that is not there, or no id, selects what is at first."""
    added(dashboard, retried())
    (whole,) = ids(1)
    asked = {
        "": whole,
        "?span=0000000000000003": f"{3:016x}",
        "?span=00000000000000ff": whole,
        "?span=3": whole,
        "?span=%D9%A3000000000000003": whole,
        "?span='%20OR%201": whole,
    }

    assert asked == {query: "".join(current(dashboard.ask(PAGE + query).text)) for query in asked}


def test_many_spans(dashboard: Dashboard) -> None:
    """A page has 500 rows, with links to those before and after; that of a selected span is among them."""
    added(dashboard, [call(1, None, 0, 2000), *(span(n, 1, n, n + 1) for n in range(2, 1202))])
    first = dashboard.ask(PAGE).text
    second = dashboard.ask(f"{PAGE}?span={1:016x}&from=500").text
    last = dashboard.ask(f"{PAGE}?span={1201:016x}").text
    beyond = dashboard.ask(f"{PAGE}?from=999999").text

    assert (ids(*range(1, 501)), ids(*range(501, 1001)), ids(*range(1001, 1202)), rows(last)) == (
        rows(first),
        rows(second),
        rows(last),
        rows(beyond),
    )
    assert [
        ["Show the next 500"],
        ["Show the 500 before", "Show the next 201"],
        ["Show the 500 before"],
    ] == [re.findall(r"Show the (?:next )?\d+(?: before)?", text) for text in (first, second, last)]
    assert f'href="?span={1:016x}&amp;from=500#axis"' in first
    assert 500 == len(rows(dashboard.ask(f"{PAGE}?from=-1").text)) == len(rows(dashboard.ask(f"{PAGE}?from=x").text))


def test_a_trace_that_is_too_large(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a trace that is larger than a page may read, the first spans are shown, and said to be; the file has all."""
    monkeypatch.setattr(viewing, "LARGEST", 20_000)
    added(dashboard, [span(n, None, n, n + 1, attributes={"text": "x" * 9000}) for n in range(1, 21)])
    text = dashboard.ask(PAGE).text

    assert ids(1, 2) == rows(text)
    assert "Of the 20 spans of this trace the first 2 are shown; the JSONL has all." in seen(text)
    assert 20 == len(dashboard.ask(f"{PAGE}.jsonl").text.splitlines())


def test_one_span_that_is_too_large(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span is shown however large it is."""
    monkeypatch.setattr(viewing, "LARGEST", 10)
    added(dashboard, [span(1, None, 0, 1)])

    assert ids(1) == rows(dashboard.ask(PAGE).text)


def test_traces_beside(dashboard: Dashboard) -> None:
    """A page links to the traces that began before and after it, where there are."""
    for trace, start in ((1, -1000), (2, 1000), (3, 2000)):
        added(dashboard, [span(1, None, start, start + 1, trace=trace)])
    added(dashboard, retried())

    first, second, third = (f"{trace:032x}" for trace in (1, 2, 3))

    assert {first: [TRACE_ID], TRACE_ID: [first, second], second: [TRACE_ID, third], third: [second]} == {
        trace: re.findall(r'href="/traces/([0-9a-f]{32})" data-key="[][]"', dashboard.ask(f"/traces/{trace}").text)
        for trace in (first, TRACE_ID, second, third)
    }


def test_links_of_spans(dashboard: Dashboard) -> None:
    """A span that is linked to one of another trace has a link to its page."""
    added(dashboard, [span(1, None, 0, 1, links=[linked(9, 8)])])
    text = dashboard.ask(PAGE).text

    assert f'href="/traces/{9:032x}?span={8:016x}"' in text
    assert f"linked to span {8:016x} of trace {9:032x}" in seen(text)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\x1b[31m"


def test_hostile_texts(dashboard: Dashboard) -> None:
    """Whatever spans are called, and say of errors, models, sessions and requests, is text; nothing of it is obeyed."""
    said = {oi.LLM_MODEL_NAME: HOSTILE, oi.SESSION_ID: HOSTILE, oi.USER_ID: HOSTILE}
    resource = Resource({oi.OPENINFERENCE_PROJECT_NAME: HOSTILE, "deployment.environment.name": HOSTILE})
    spans = [
        span(1, None, 0, 9, HOSTILE, failed=HOSTILE, resource=resource),
        call(2, 1, 0, 9, attributes={**said, oi.OPENINFERENCE_SPAN_KIND: "LLM", **names({"outcome": HOSTILE})}),
        attempt(3, 2, (0, 9), HOSTILE, backoff=1.0, source=HOSTILE, asked=HOSTILE, reason=HOSTILE, request_id=HOSTILE),
        span(4, 1, 0, 9, attributes={oi.OPENINFERENCE_SPAN_KIND: HOSTILE}),
    ]
    added(dashboard, spans)
    main = dashboard.ask(PAGE, headers={"x-spanglass-live": "1"}).text
    elements = Elements()
    elements.feed(main)

    assert (set(), set(), []) == (
        elements.names & {"script", "img", "iframe", "style", "form"},
        {name for name in elements.attributes if name.startswith("on")} | elements.attributes & {"style", "src"},
        re.findall("[\u202e\x1b]", main),
    )
    assert "stream <script>alert(1)</script>\"'><img src=x onerror=alert(1)>\\u202e\\x1b[31m" in seen(main)


class Elements(HTMLParser):
    """What a text has for a browser: the names of elements, and of all their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
