"""The list of sessions: what a row tells, in which order they come, and how one is found."""

from asked import call
from kept import entries
from seen import CROSS, Seen
from serving import Dashboard

pytest_plugins = ["served"]


def test_what_a_row_tells(dashboard: Dashboard) -> None:
    """A row tells in how many traces a session is, from when to when they were, and what was asked last in it."""
    dashboard.send(
        [
            call(1, prompt="First", session__id="chat/1", project="support"),
            call(2, prompt="Last", session__id="chat/1", project="support", start=60, seconds=5),
            call(3, prompt="Alone"),
            call(4, 1, session__id="a", start=100),
            call(4, 2, session__id="b", start=101),
        ]
    )
    page = Seen(dashboard.ask("/sessions").text)

    assert [
        ["b Hi", "", "1 trace", "2026-01-31 14:01:40 UTC", "2026-01-31 14:01:42 UTC", "2.00 s"],
        ["chat/1 Last", "support", "2 traces", "2026-01-31 14:00:00 UTC", "2026-01-31 14:01:05 UTC", "65 s"],
    ] == [row for row in page.rows if not row[0].startswith("a ")]
    assert ["/session?id=chat/1", "/session?id=a"] == [page.links["chat/1"], page.links["a"]]


def test_order_and_paging(dashboard: Dashboard) -> None:
    """The session in which something came last is first, and a link leads to older ones, none left out or twice."""
    dashboard.store.add(entries(*(call(trace, session__id=f"s{trace}") for trace in range(1, 121))))
    dashboard.store.add(entries(call(121, session__id="s7")))
    pages = [Seen(dashboard.ask("/sessions").text)]
    while "Older" in pages[-1].links:
        pages.append(Seen(dashboard.ask(pages[-1].links["Older"]).text))

    assert ["s7", *(f"s{number}" for number in range(120, 0, -1) if number != 7)] == [
        row[0].split()[0] for page in pages for row in page.rows
    ]
    assert [("the newest 50", "Older"), ("50 older", "Newest Older"), ("20 older", "Newest")] == [
        (page.texts["count"], page.texts["paging"]) for page in pages
    ]


def test_search(dashboard: Dashboard) -> None:
    """A session is found by a part of its id, in any case; where none is, a link shows all again."""
    dashboard.send([call(1, session__id="Zürich-1"), call(2, session__id="100%_b"), call(3, session__id="c")])
    found = {asked: Seen(dashboard.ask(f"/sessions?q={quoted}").text) for asked, quoted in ASKED.items()}

    assert {"zÜr": ["Zürich-1"], "%_": ["100%_b"], "nobody": []} == {
        asked: [row[0].split()[0] for row in page.rows] for asked, page in found.items()
    }
    assert ("Nothing matches. Remove the filter", f"id: nobody {CROSS}", "/sessions") == (
        found["nobody"].texts["nothing"],
        found["nobody"].texts["chips"],
        found["nobody"].links["Remove the filter"],
    )


ASKED = {"zÜr": "z%C3%9Cr", "%_": "%25_", "nobody": "nobody"}


def test_a_row_changes(dashboard: Dashboard) -> None:
    """What is remembered of a session is not told any more once a span of it has come."""
    dashboard.send([call(1, prompt="Before", session__id="s")])
    before = Seen(dashboard.ask("/sessions").text).rows
    dashboard.send([call(1, 2, session__id="s", start=2), call(2, prompt="After", session__id="s", start=3)])
    after = Seen(dashboard.ask("/sessions").text).rows

    assert [("s Before", "1 trace"), ("s After", "2 traces")] == [(row[0], row[2]) for row in [*before, *after]]


def test_a_place_that_is_none(dashboard: Dashboard) -> None:
    """An address that was cut short shows the newest."""
    dashboard.send([call(1, session__id="s")])

    assert [1, 1] == [len(Seen(dashboard.ask(f"/sessions?before={at}").text).rows) for at in ("x", "9" * 30)]


def test_nothing_yet(dashboard: Dashboard) -> None:
    """Where no span has a session, the page says how a program names one."""
    dashboard.send([call(1)])

    assert (
        'from spanglass import using with using(session="conversation-1"): ... # calls of OpenAI'
        == (Seen(dashboard.ask("/sessions").text).texts["in-python"])
    )
