"""What an address asks for: which traces it finds, how it is told, and what it says of what it cannot read."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlencode

import pytest
from asked import BEGIN, SECOND, call
from kept import entries
from opentelemetry.sdk.trace import Event
from seen import CROSS, Seen
from serving import Dashboard
from starlette.datastructures import QueryParams

from spanglass.dashboard.filters import Filters, filters
from spanglass.dashboard.searching import Clock, search
from spanglass.dashboard.store import Store, Unavailable

pytest_plugins = ["served"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a file of spans that nobody serves."""
    with closing(Store(tmp_path / "traces.db", max_age=None, max_bytes=None)) as store:
        yield store


NOW = (time.time_ns() - BEGIN) / SECOND
TRACES = (
    call(1, prompt="The Grüße of STRASSE", project="support", start=10, seconds=0.4, failed=True),
    call(2, prompt="日本の首都 🎉 is 100% sure", project="search", start=20, seconds=1.9, spanglass__attempt__count=2),
    call(
        3,
        prompt='He said "well done" to me',
        start=30,
        seconds=2,
        user__id="Ann",
        llm__temperature=0.5,
        tags=("x", "y"),
    ),
    call(4, prompt="A_b\\c 'quoted'; -- x", start=40, seconds=120, user__id="Bob", long=300 * "z", is__late=True),
    call(4, 2, prompt="Well, another span", start=41, parent=1, seconds=1),
    call(5, prompt="new", start=NOW - 30 * 60, events=(Event("note", {"said": "In an event"}),)),
)
QUERIES: dict[str, tuple[list[tuple[str, str]], list[int]]] = {
    "none": ([], [5, 4, 3, 2, 1]),
    "empty values": ([("q", " "), ("slow", ""), ("attr", "")], [5, 4, 3, 2, 1]),
    "what is no filter": ([("page", "2")], [5, 4, 3, 2, 1]),
    "a part of a word": ([("q", "trass")], [1]),
    "any case, and what folds to more": ([("q", "grüsse strasse")], [1]),
    "CJK": ([("q", "首都")], [2]),
    "emoji": ([("q", "🎉")], [2]),
    "a percent sign is itself": ([("q", "100%")], [2]),
    "an underscore is itself": ([("q", "a_b")], [4]),
    "a backslash": ([("q", "b\\c")], [4]),
    "all words": ([("q", "me WELL said")], [3]),
    "words in several spans": ([("q", "quoted another")], [4]),
    "not all words": ([("q", "well never")], []),
    "a phrase": ([("q", '"well done"')], [3]),
    "no such phrase": ([("q", '"done well"')], []),
    "a quote that ends nowhere": ([("q", '"well')], [3]),
    "an apostrophe": ([("q", "'quoted';")], [4]),
    "the text of an event": ([("q", "in an event")], [5]),
    "the name of a span": ([("q", "chatcompletion")], [5, 4, 3, 2, 1]),
    "the message of an error": ([("q", "it failed")], [1]),
    "errors": ([("errors", "1")], [1]),
    "retried": ([("retried", "1")], [2]),
    "slow in seconds": ([("slow", "2s")], [4, 3]),
    "slow in milliseconds": ([("slow", "1900 ms")], [4, 3, 2]),
    "slow in minutes": ([("slow", "2min")], [4]),
    "an attribute": ([("attr", "user.id=Ann")], [3]),
    "an attribute in another case": ([("attr", "USER.id = ANN")], [3]),
    "an attribute is exact": ([("attr", "user.id=An")], []),
    "a number": ([("attr", "llm.temperature=0.5")], [3]),
    "a truth": ([("attr", "is.late=true")], [4]),
    "an attribute of the resource": ([("attr", "openinference.project.name=search")], [2]),
    "has an attribute": ([("attr", "user.id")], [4, 3]),
    "has a list": ([("attr", "tags")], [3]),
    "has a long text": ([("attr", "long")], [4]),
    "has none of that name": ([("attr", "user")], []),
    "two attributes": ([("attr", "user.id"), ("attr", "is.late=true")], [4]),
    "a project": ([("project", "support")], [1]),
    "the last hour": ([("since", "1h")], [5]),
    "the last 15 minutes": ([("since", "15m")], []),
    "from": ([("from", "2026-01-31T14:00:30Z")], [5, 4, 3]),
    "to": ([("to", "2026-01-31T14:00:20")], [2, 1]),
    "from and to, in other zones": (
        [("from", "2026-01-31T15:00:20+01:00"), ("to", "2026-01-31 09:00:30-05:00")],
        [3, 2],
    ),
    "before any time": ([("to", "0001-01-01")], []),
    "after any time": ([("from", "9999-12-31T23:59")], []),
    "all at once": ([("q", "well"), ("slow", "1s"), ("attr", "user.id=ann"), ("to", "2026-02-01")], [3]),
    "filters that exclude each other": ([("errors", "1"), ("retried", "1")], []),
    "after a place": ([("before", f"{BEGIN + 30 * SECOND}-{3:032x}")], [2, 1]),
    "a place that is later than all": ([("before", f"9999999999999999999-{3:032x}")], [5, 4, 3, 2, 1]),
}


@pytest.mark.parametrize("which", QUERIES)
def test_what_is_found(store: Store, which: str) -> None:
    """Each filter finds the traces that have what it says, in resources and events too, and several all of it."""
    query, expected = QUERIES[which]
    store.add(entries(*TRACES))
    wanted = filters(QueryParams(query), datetime.now(timezone.utc))
    found = search(store, wanted, 50, 30)

    assert ([], expected, None) == (wanted.wrong, [int(trace.trace, 16) for trace in found.traces], found.older)


WRONG = {
    ("slow", "fast"): "“fast” is no duration: write one such as 2s, 500ms or 1.5min.",
    ("slow", "-1s"): "“-1s” is no duration: write one such as 2s, 500ms or 1.5min.",
    ("slow", "9" * 400): f"“{'9' * 57}...” is no duration: write one such as 2s, 500ms or 1.5min.",
    ("slow", "٣s"): "“٣s” is no duration: write one such as 2s, 500ms or 1.5min.",
    ("attr", "=x"): "“=x” names no attribute: write name=value, or a name alone for any value.",
    (
        "attr",
        "x" * 1001,
    ): "An attribute to filter by has at most 1,000 characters: search for a part of its text instead.",
    ("since", "1y"): "“1y” is no span of time: choose one of 15m, 1h, 24h, 7d.",
    ("from", "yesterday"): "“yesterday” is no time: write one such as 2026-01-31T14:00 (UTC).",
    ("to", "2026-02-30"): "“2026-02-30” is no time: write one such as 2026-01-31T14:00 (UTC).",
    ("q", "x" * 1001): "A search has at most 1,000 characters and 20 words: leave some out.",
    ("q", "a " * 21): "A search has at most 1,000 characters and 20 words: leave some out.",
    ("before", "7"): "The address of this page of older traces is not whole: go back to the newest.",
}


@pytest.mark.parametrize("pair", WRONG, ids=lambda pair: f"{pair[0]}={pair[1][:12]}")
def test_what_cannot_be_read(dashboard: Dashboard, pair: tuple[str, str]) -> None:
    """A value that is none is one sentence on the page, which lists nothing until it is put right."""
    dashboard.send([call(1)])
    answer = dashboard.ask(f"/?{urlencode([pair])}")
    page = Seen(answer.text)

    assert (200, WRONG[pair], []) == (answer.status, page.texts["wrong"], page.rows)


HOSTILE = (
    "'; DROP TABLE spans; --",
    '" OR 1=1 --',
    "%' OR '1'='1",
    "?1 :trace @x $y",
    "\\'\\\"",
    "\x00\x1f\x7f",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
)


@pytest.mark.parametrize("name", ["q", "attr", "project", "errors", "slow", "since", "from", "to", "before"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_is_injected(dashboard: Dashboard, name: str, text: str) -> None:
    """Whatever stands in the address is looked for as it is: it finds no more than it should, and changes nothing."""
    dashboard.send([call(1), call(2, prompt=f"so {text}", failed=True, project=text)])
    answer = dashboard.ask(f"/?{urlencode({name: text})}")

    assert (200, 2) == (answer.status, len(Seen(dashboard.ask("/").text).rows))
    assert len(Seen(answer.text).rows) < 2


CHIPS = (
    ("errors", "1"),
    ("q", 'a "b c"'),
    ("attr", "user.id=Ann"),
    ("attr", "tags"),
    ("slow", "1.5s"),
    ("project", "x&y"),
    ("since", "1h"),
    ("from", "2026-01-31T14:00Z"),
)


def test_filters_are_told(dashboard: Dashboard) -> None:
    """Each filter in force stands on the page, with a link to the same page without it, from the newest on."""
    page = Seen(dashboard.ask(f"/?{urlencode([*CHIPS, ('before', f'1-{1:032x}')])}").text)
    labels = [
        "with errors",
        'text: a "b c"',
        "user.id=Ann",
        "has tags",
        "at least 1.50 s",
        "project: x&y",
        "last hour",
        "from",
    ]

    assert [*labels[:-1], "from 2026-01-31 14:00 UTC", "Remove all"] == page.texts["chips"].split(f" {CROSS} ")
    assert {label: [pair for pair in CHIPS if pair != gone] for label, gone in zip(labels, CHIPS, strict=True)} == {
        label: QueryParams(page.links[f"Remove the filter {label}"][2:]).multi_items() for label in labels
    }


def test_filters_stay_while_paging(dashboard: Dashboard) -> None:
    """The link to older traces has the same filters, as has the one back to the newest."""
    dashboard.store.add(entries(*(call(trace, start=trace, failed=trace % 2 == 0) for trace in range(1, 121))))
    first = Seen(dashboard.ask("/?errors=1&q=hi").text)
    older = Seen(dashboard.ask(first.links["Older"]).text)

    assert (50, 10, "/?errors=1&q=hi") == (len(first.rows), len(older.rows), older.links["Newest"])


def test_a_search_ends_in_time(store: Store) -> None:
    """A search whose time is over says how far it has looked, and goes on from there: in the end it has seen all."""
    store.add(entries(*(call(trace, prompt=str(trace), start=trace) for trace in range(1, 6))))
    wanted = filters(QueryParams(q="2"), datetime.now(timezone.utc))
    seen: list[tuple[list[int], bool]] = []
    while not seen or wanted.before:
        found = search(store, wanted, 50, 0)
        seen.append(([int(trace.trace, 16) for trace in found.traces], found.stopped))
        wanted.before = found.older

    assert [([], True), ([], True), ([], True), ([2], True), ([], True), ([], False)] == seen


def test_a_search_passes_what_takes_too_long(store: Store) -> None:
    """A trace that cannot be searched through in any time is passed, so that those before it are found."""
    many = (call(2, span, prompt="x", start=2) for span in range(1, 5001))
    store.add(entries(call(1, prompt="older", start=1), *many))
    wanted = filters(QueryParams(q="older"), datetime.now(timezone.utc))
    stopped = search(store, wanted, 50, 0)
    wanted.before = stopped.older
    found = search(store, wanted, 50, 0)

    assert ([], (BEGIN + 2 * SECOND, f"{2:032x}"), [f"{1:032x}"]) == (
        stopped.traces,
        stopped.older,
        [trace.trace for trace in found.traces],
    )


def test_the_page_tells_how_far_it_has_looked(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page whose time was over says until when it has looked back, and has a link to go on from there."""
    monkeypatch.setattr("spanglass.dashboard.listing.PATIENCE", 0.0)
    dashboard.send([call(1, prompt="other"), call(2, prompt="wanted", start=-60)])
    page = Seen(dashboard.ask("/?q=wanted").text)
    further = Seen(dashboard.ask(page.links["Look further back"]).text)

    assert (
        "This has looked back as far as 2026-01-31 14:00:00 UTC , then its time was over.",
        "Nothing has matched so far.",
        ["ChatCompletion wanted"],
    ) == (page.texts["stopped"], page.texts["nothing"], further.names)


def test_a_span_of_time_moves_on() -> None:
    """What is within the last minutes changes with the clock, though no span comes."""
    now = datetime(2026, 1, 31, 14, tzinfo=timezone.utc)
    wanted = [filters(QueryParams(since="15m"), now + timedelta(minutes=minutes)) for minutes in (0, 1)]

    assert [((BEGIN - (15 - minutes) * 60 * SECOND,), True) for minutes in (0, 1)] == [
        (each.window[0].values, each.moving) for each in wanted
    ]


def test_the_end_while_one_searches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is closed while one searches it waits until that has ended, which is soon."""
    store.add(entries(call(1), call(2)))
    begun, go_on = threading.Event(), threading.Event()

    def asked(_: Clock) -> bool:
        begun.set()
        go_on.wait(30)
        return False

    monkeypatch.setattr(Clock, "__call__", asked)
    with ThreadPoolExecutor() as pool:
        searching = pool.submit(search, store, Filters(), 50, 30)
        begun.wait(30)
        ending = pool.submit(store.close)
        wait([ending], timeout=1)
        waited = not ending.done()
        go_on.set()

    assert (True, Unavailable, None) == (waited, type(searching.exception()), ending.result())
