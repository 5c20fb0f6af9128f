"""The list of traces: what a row tells, how far the list goes, and what stands there where it is empty."""

from collections.abc import Sequence
from typing import Any

import pytest
from asked import call
from kept import entries
from opentelemetry.sdk.trace import ReadableSpan
from seen import Seen
from serving import Dashboard

from spanglass.dashboard.filters import Filters
from spanglass.dashboard.listed import MOST, Lister
from spanglass.dashboard.searching import search

pytest_plugins = ["served"]

WHEN = "2026-01-31 14:00:00 UTC"
PRICED: dict[str, Any] = {
    "llm__provider": "openai",
    "llm__response__model_name": "gpt-4o-2024-08-06",
    "llm__token_count__prompt": 2000,
    "llm__token_count__completion": 100,
    "llm__token_count__total": 2100,
}
ROWS: dict[str, tuple[Sequence[ReadableSpan], list[str]]] = {
    "a call": (
        [call(1, project="support", session__id="c-1", **PRICED)],
        [
            "SUCCESS",
            "ChatCompletion Hi",
            "gpt-4o",
            "support c-1",
            WHEN,
            "1.00 s",
            "2,000 in 100 out",
            "$0.006",
            "",
        ],
    ),
    "a stream that was left, of which nothing was told": (
        [
            call(
                1,
                spanglass__stream__outcome="closed",
                spanglass__stream__time_to_first_chunk=0.25,
                spanglass__usage__estimated_completion_tokens=3,
            )
        ],
        ["INCOMPLETE", "ChatCompletion Hi", "gpt-4o", "", WHEN, "1.00 s first chunk 250 ms", "~3 out", "", ""],
    ),
    "a call that was retried and failed": (
        [call(1, failed=True, spanglass__attempt__count=3)],
        ["FAILED", "ChatCompletion Hi", "gpt-4o", "", WHEN, "1.00 s", "", "", "2 retries"],
    ),
    "calls of several models in a function": (
        [
            call(1, 1, name="plan a trip", seconds=9, openinference__span__kind="AGENT", llm__model_name=None),
            call(1, 2, parent=1, start=1, prompt="First", spanglass__stream__time_to_first_chunk=0.5, **PRICED),
            call(
                1,
                3,
                parent=1,
                start=3,
                prompt="Then",
                llm__model_name="gpt-4o-mini",
                spanglass__attempt__count=2,
                spanglass__stream__time_to_first_chunk=0.1,
            ),
        ],
        [
            "SUCCESS",
            "plan a trip First",
            "gpt-4o, gpt-4o-mini",
            "",
            WHEN,
            "9.00 s first chunk 500 ms",
            "2,000 in 100 out",
            "$0.006 in part",
            "1 retry",
        ],
    ),
    "what another instrumentor has recorded by OpenTelemetry's names": (
        [
            call(
                1,
                name="chat gpt-5",
                openinference__span__kind=None,
                gen_ai__operation__name="chat",
                llm__model_name=None,
                gen_ai__request__model="gpt-5",
                gen_ai__usage__input_tokens=7,
                gen_ai__usage__output_tokens=8,
                gen_ai__conversation__id="c 2/&",
            )
        ],
        ["SUCCESS", "chat gpt-5", "gpt-5", "c 2/&", WHEN, "1.00 s", "7 in 8 out", "", ""],
    ),
    "what is no call": (
        [call(1, name="GET /", openinference__span__kind=None, llm__model_name=None, input__value="a\n\x1bb")],
        ["SUCCESS", "GET / a \\x1bb", "", "", WHEN, "1.00 s", "", "", ""],
    ),
}


@pytest.mark.parametrize("which", ROWS)
def test_what_a_row_tells(dashboard: Dashboard, which: str) -> None:
    """A row tells how a trace ended, what it was, when and how long, and what it used, as far as the spans say it."""
    spans, expected = ROWS[which]
    dashboard.send(spans)

    assert [expected] == Seen(dashboard.ask("/").text).rows


def test_where_a_row_leads(dashboard: Dashboard) -> None:
    """A row has links to the pages of the trace and of the session, whatever the session is named."""
    dashboard.send([call(0xABC, session__id="a b/&?=#ü")])
    links = Seen(dashboard.ask("/").text).links

    assert [f"/traces/{0xABC:032x}", "/session?id=a%20b/%26%3F%3D%23%C3%BC"] == [
        links["ChatCompletion"],
        links["a b/&?=#ü"],
    ]


def test_hostile_texts_are_texts(dashboard: Dashboard) -> None:
    """Markup in a name, a prompt or a session stays a text, and what turns the writing round is spelled out."""
    hostile = "<script>alert(1)</script>\u202e\x07"
    dashboard.send(
        [call(1, name=hostile, prompt=hostile, project=hostile, session__id=hostile, llm__model_name=hostile)]
    )
    page = dashboard.ask("/").text
    said = "<script>alert(1)</script>\\u202e\\x07"

    assert (False, ["SUCCESS", f"{said} {said}", said, f"{said} {said}"]) == (
        "<script>alert" in page,
        Seen(page).rows[0][:4],
    )


def test_paging(dashboard: Dashboard) -> None:
    """The newest 50 come first, and a link leads to the next ones, and back: none is left out, and none comes twice."""
    dashboard.store.add(
        entries(*(call(trace, prompt=str(trace), start=trace // 3, seconds=trace % 7) for trace in range(1, 121)))
    )
    pages = [Seen(dashboard.ask("/").text)]
    while "Older" in pages[-1].links:
        pages.append(Seen(dashboard.ask(pages[-1].links["Older"]).text))

    assert [f"ChatCompletion {trace}" for trace in range(120, 0, -1)] == [name for page in pages for name in page.names]
    assert [
        ("the newest 50", None, "Older"),
        ("50 older", "/?", "Newest Older"),
        ("20 older", "/?", "Newest"),
    ] == [(page.texts["count"], page.links.get("Newest"), page.texts["paging"]) for page in pages]


def test_a_trace_of_many_spans(dashboard: Dashboard) -> None:
    """Of a trace only so many spans are read, whose row says so; one that has not changed is not read again."""
    lister = Lister(dashboard.store)
    dashboard.store.add(entries(*(call(1, span, llm__token_count__prompt=1) for span in range(1, MOST + 100))))
    (trace,) = search(dashboard.store, Filters(), 50, 2).traces
    first = lister.listed(trace)
    again = lister.listed(trace)
    dashboard.store.add(entries(call(1, MOST + 100)))
    changed = lister.listed(trace)

    assert first is not None
    assert (MOST, True, False) == (first.tokens.sent, again is first, changed is first)
    assert f"{MOST} in of the first spans" == Seen(dashboard.ask("/").text).rows[0][6]


def test_not_asked_twice(dashboard: Dashboard) -> None:
    """A page that has what there is gets no body; as soon as a span has come it gets what stands in `main`."""
    dashboard.send([call(1)])
    page = dashboard.ask("/")
    headers = {"x-spanglass-live": "1", "if-none-match": page.headers["etag"]}
    unchanged = dashboard.ask("/", headers=headers)
    dashboard.send([call(2, prompt="New")])
    renewed = dashboard.ask("/", headers=headers)

    assert (304, b"") == (unchanged.status, unchanged.body)
    assert (200, False, ["ChatCompletion Hi", "ChatCompletion New"]) == (
        renewed.status,
        "<html" in renewed.text or "<form" in renewed.text,
        sorted(Seen(renewed.text).names),
    )


def test_nothing_yet(dashboard: Dashboard) -> None:
    """Where no span has come the list says how to send some here, to the very address by which it is asked."""
    texts = Seen(dashboard.ask("/").text).texts
    endpoint = f'configure(endpoint="{dashboard.url}")'

    assert (
        f"from spanglass import OpenAIInstrumentor, configure {endpoint} OpenAIInstrumentor().instrument()",
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={dashboard.url} export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
    ) == (texts["in-python"], texts["in-a-shell"])


def test_nothing_matches(dashboard: Dashboard) -> None:
    """Where there are traces but none that match, a link leaves the filters away; nothing says how to send spans."""
    dashboard.send([call(1)])
    page = Seen(dashboard.ask("/?q=elsewhere").text)

    assert ("Nothing matches. Remove the filters", "/", False) == (
        page.texts["nothing"],
        page.links["Remove the filters"],
        "first" in page.texts,
    )


@pytest.mark.parametrize("path", ["/", "/sessions"])
def test_what_it_is_for(dashboard: Dashboard, path: str) -> None:
    """Each page says for how much the dashboard is there, and what takes the same spans past that."""
    assert (
        "For one developer's or one team's machine. Past that, send the same OTLP to Phoenix, Jaeger or a Collector: "
        "only the endpoint changes."
    ) in dashboard.ask(path).text


def test_projects_to_choose(dashboard: Dashboard) -> None:
    """The projects that there are can be chosen from, each once; the one in force is chosen."""
    dashboard.send([call(1, project="b"), call(2, project="a<"), call(3, project="b"), call(4)])
    chosen = dashboard.ask("/?project=b").text.partition('name="project"')[2].splitlines()[1:5]

    assert [
        '<option value="">All projects</option>',
        '<option value="a&lt;">a&lt;</option>',
        '<option value="b" selected>b</option>',
        "</select>",
    ] == chosen


def test_when_it_was(dashboard: Dashboard) -> None:
    """A row has its time as a machine reads it, for the browser to write it in local time."""
    dashboard.send([call(1, start=0.123)])

    assert '<time datetime="2026-01-31T14:00:00.123+00:00">' in dashboard.ask("/").text
