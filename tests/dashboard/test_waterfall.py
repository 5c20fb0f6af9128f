"""What is drawn of a trace on its time axis, and what is said of it in words."""

from collections.abc import Sequence
from typing import Any

import pytest
from made import BEGIN, MS, TRACE, attempt, call, linked, names, retried, span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from spanglass.dashboard.axis import LEAST, Axis
from spanglass.dashboard.bars import MOST_DRAWN, Part, Word
from spanglass.dashboard.waterfall import Linked, Row, Waterfall, summed
from spanglass.export.words import duration
from spanglass.semconv import gen_ai
from spanglass.semconv import openinference as oi

ALL = 10_000


def rows(spans: Sequence[ReadableSpan]) -> list[Row]:
    """Return the rows of a trace."""
    return Waterfall(spans).rows(0, ALL)


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0, ["0 ms"]),
        (3e-9, ["0 µs"]),
        (7e-6, ["0 µs", "2 µs", "4 µs", ""]),
        (0.09, ["0 ms", "20 ms", "40 ms", "60 ms", ""]),
        (1.2, ["0 s", "0.5 s", "1 s"]),
        (2.4, ["0 s", "0.5 s", "1 s", "1.5 s", "2 s"]),
        (90, ["0 s", "20 s", "40 s", "60 s", ""]),
        (86_400, ["0 d", "0.25 d", "0.5 d", "0.75 d"]),
        (4 * 3600, ["0 h", "1 h", "2 h", "3 h"]),
        (50 * 365 * 86_400, ["0 d", "5,000 d", "10,000 d", "15,000 d"]),
    ],
)
def test_an_axis_has_round_times(seconds: float, labels: list[str]) -> None:
    """An axis has a few ticks, at round times, that are labelled where they do not meet the label of its end."""
    axis = Axis(BEGIN, BEGIN + round(seconds * 1e9))

    assert labels == [tick.label for tick in axis.ticks()]


def test_short_durations_are_told() -> None:
    """What took no more than microseconds does not read as nothing."""
    assert ["0 ms", "7 µs", "0.4 ms", "1.50 s"] == [duration(0), duration(7e-6), duration(0.0004), duration(1.5)]


def test_attempts_and_the_backoff_between_them() -> None:
    """A retried call is drawn by its attempts and the gaps between them; each attempt tells of the gap after it."""
    shown = rows(retried())

    assert [
        (
            "ChatCompletion",
            "",
            [
                Part("call", 0, 100),
                Part("backoff", 10, 40, "400 ms backoff"),
                Part("backoff", 60, 20, "200 ms"),
                Part("attempt failed", 0, 10, "429"),
                Part("attempt failed", 50, 10, "503"),
                Part("attempt ok", 80, 20, "200"),
            ],
            [Word("wait", "3 attempts, 600 ms backoff"), Word("quiet", "attempts 400 ms + backoff 600 ms")],
        ),
        (
            "attempt 1",
            "HTTP 429",
            [Part("attempt failed", 0, 10, "429"), Part("backoff", 10, 40, "400 ms backoff")],
            [Word("wait", "400 ms backoff, asked for by the server (retry-after)"), Word("quiet", "request id req_1")],
        ),
        (
            "attempt 2",
            "HTTP 503",
            [Part("attempt failed", 50, 10, "503"), Part("backoff", 60, 20, "200 ms")],
            [Word("wait", "200 ms backoff, chosen by the SDK")],
        ),
        ("attempt 3", "HTTP 200", [Part("attempt ok", 80, 20, "200")], []),
    ] == [(row.name, row.verdict, [*row.bar.parts], [*row.bar.words]) for row in shown]
    assert not any(row.bar.split for row in shown)


def test_a_row_is_told_in_words() -> None:
    """What a row shows is its link's text too, for those who do not see it."""
    assert [
        [
            "ChatCompletion, LLM, gpt-4o-mini, OK, 1.00 s",
            "3 attempts, 600 ms backoff",
            "attempts 400 ms + backoff 600 ms",
        ],
        [
            "attempt 1, HTTP 429, 100 ms",
            "400 ms backoff, asked for by the server (retry-after)",
            "request id req_1",
        ],
        ["attempt 2, HTTP 503, 100 ms, begins after 500 ms", "200 ms backoff, chosen by the SDK"],
        ["attempt 3, HTTP 200, 200 ms, begins after 800 ms"],
    ] == [row.label.split("; ") for row in rows(retried())]


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        ("httpx.ReadTimeout", {"source": "sdk", "reason": "timeout"}, ", chosen by the SDK, after a timeout"),
        (
            "httpx.ConnectError",
            {"source": "sdk", "reason": "connection"},
            ", chosen by the SDK, after a failed connection",
        ),
        (
            404,
            {"source": "sdk", "reason": "x-should-retry"},
            ", chosen by the SDK, as the server said to (x-should-retry)",
        ),
        (429, {"source": "retry-after-ms"}, ", asked for by the server (retry-after-ms)"),
        (429, {"source": "sdk", "asked": "120"}, ", chosen by the SDK, where the server had asked for 120"),
        (429, {"source": "dice", "reason": "luck"}, ", dice (dice), after luck"),
        (429, {}, ""),
    ],
)
def test_why_was_waited(status: int | str, said: dict[str, Any], words: str) -> None:
    """An attempt tells who chose how long to wait, and why it was tried again where its status does not say so."""
    spans = (
        attempt(2, 1, (0, 100), status, backoff=0.3, **said),
        attempt(3, 1, (400, 500), 200, resent=1),
        call(1, None, 0, 500),
    )

    assert (Word("wait", f"300 ms backoff{words}"),) == rows(spans)[1].bar.words


def test_gaps_without_our_names() -> None:
    """Attempts that only have times are drawn with the gaps between them, and the call tells of both."""
    spans = (
        attempt(2, 1, (0, 100), "builtins.TimeoutError"),
        attempt(3, 1, (400, 500), 200, resent=1),
        call(1, None, 0, 500),
    )
    whole, first, last = rows(spans)

    assert (
        (Word("wait", "2 attempts, 300 ms backoff"),),
        "TimeoutError",
        (Part("attempt failed", 0, 20), Part("backoff", 20, 60, "300 ms backoff")),
        (Word("wait", "300 ms backoff"),),
        (),
    ) == (
        whole.bar.words,
        first.verdict,
        first.bar.parts,
        first.bar.words,
        last.bar.words,
    )


def test_the_split_without_attempt_spans() -> None:
    """A call whose attempts have no spans shows where its time went, in a bar and in figures."""
    split = names({"count": 3, "attempts": 0.4, "waited": 0.5, "body": 0.098, "rest": 0.002})
    (row,) = rows([call(1, None, 0, 1000, attributes=split)])

    assert (
        [Part("whole model", 0, 100)],
        [Part("attempts", 0, 40), Part("backoff", 40, 50), Part("body", 90, 9.8), Part("rest", 99.8, 0.2)],
        [
            Word("wait", "3 attempts, 500 ms backoff"),
            Word("quiet", "attempts 400 ms + backoff 500 ms + body 98.0 ms"),
        ],
    ) == ([*row.bar.parts], [*row.bar.split], [*row.bar.words])


STREAMED = {"outcome": "completed", "chunks": 12, "first": 0.2, "gap": 0.4, "gap_at": 0.5}


def test_a_stream_and_its_longest_gap() -> None:
    """A stream is drawn as a wait and what came after it, with its first chunk and its longest gap where they were."""
    spans = (call(1, None, 0, 1000, attributes=names(STREAMED)), span(2, None, 0, 2000))
    row = next(row for row in rows(spans) if row.kind == "LLM")

    assert (
        [Part("waiting", 0, 10, ""), Part("streaming", 10, 40)],
        [Part("gap", 25, 20, "400 ms"), Part("first", 10, 0)],
        [
            Word("ok", "stream completed"),
            Word("", "12 chunks"),
            Word("", "first chunk after 200 ms"),
            Word("", "longest gap 400 ms"),
        ],
    ) == ([*row.bar.parts], [*row.bar.marks], [*row.bar.words])


def test_a_gap_of_unknown_place() -> None:
    """A gap is told and not drawn where the span does not say when it was, as of an older version."""
    told_of = {name: value for name, value in STREAMED.items() if name != "gap_at"}
    (row,) = rows([call(1, None, 0, 1000, attributes=names(told_of))])

    assert ((Part("first", 20, 0),), Word("", "longest gap 400 ms")) == (row.bar.marks, row.bar.words[-1])


@pytest.mark.parametrize(
    ("first", "drawn"),
    [
        (5.0, [Part("waiting", 50, 25, "waiting"), Part("streaming", 75, LEAST)]),
        (-5.0, [Part("waiting", 50, LEAST), Part("streaming", 50, 25, "stream")]),
    ],
)
def test_a_first_chunk_out_of_its_call(first: float, drawn: list[Part]) -> None:
    """A call is drawn from its start to its end, even where it says that its first chunk came before or after."""
    spans = (span(1, None, 0, 2000), call(2, 1, 1000, 1500, attributes=names({"first": first})))

    assert drawn == [*rows(spans)[1].bar.parts]


def test_a_first_chunk_of_the_other_convention() -> None:
    """The first chunk is drawn of a span by gen_ai alone, by whoever recorded it."""
    said = {
        gen_ai.GEN_AI_OPERATION_NAME: "chat",
        gen_ai.GEN_AI_REQUEST_MODEL: "m",
        gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: 0.25,
    }
    (row,) = rows([span(1, None, 0, 1000, "chat m", attributes=said)])

    assert ("chat", "m", (Part("first", 25, 0),)) == (row.kind, row.model, row.bar.marks)


def test_a_stream_after_a_retry() -> None:
    """A stream that was tried again waits for its first chunk after its last attempt."""
    spans = (
        attempt(2, 1, (0, 100), 503),
        attempt(3, 1, (200, 300), 200, resent=1),
        call(1, None, 0, 1000, attributes=names({"first": 0.5})),
    )

    assert [Part("call", 0, 100), Part("waiting", 30, 20), Part("streaming", 50, 50, "stream")] == [
        part for part in rows(spans)[0].bar.parts if part.kind in {"call", "waiting", "streaming"}
    ]


@pytest.mark.parametrize(
    ("outcome", "looks"),
    [
        ("completed", "ok"),
        ("closed", "unset"),
        ("abandoned", "unset"),
        ("cancelled", "unset"),
        ("truncated", "failed"),
        ("incomplete", "unset"),
        ("error", "failed"),
    ],
)
def test_outcomes(outcome: str, looks: str) -> None:
    """The outcome of a stream is a word, in the colour of what it means."""
    (row,) = rows([call(1, None, 0, 1000, attributes=names({"outcome": outcome}))])

    assert (Word(looks, f"stream {outcome}"),) == row.bar.words


def test_one_attempt_is_not_counted() -> None:
    """A call that was tried but once says nothing of attempts, also where its attempt has a span."""
    one = names({"count": 1, "attempts": 0.1, "waited": 0.0})
    (row, _) = rows([call(1, None, 0, 100, attributes=one), attempt(2, 1, (0, 100), 200)])

    assert [Word("quiet", "attempts 100 ms")] == [*row.bar.words]


def test_a_first_chunk_that_came_before_the_last_attempt_ended() -> None:
    """A stream begins on the axis after the last of its attempts, whatever its clock says."""
    spans = [
        call(1, None, 0, 1000, attributes=names({"count": 2, "first": 0.3})),
        attempt(2, 1, (0, 100), 503),
        attempt(3, 1, (200, 500), 200, resent=1),
    ]

    assert [(50, 50.0)] == [(part.x, part.width) for part in rows(spans)[0].bar.parts if part.kind == "streaming"]


def test_a_failure_is_told() -> None:
    """A span that failed tells the error, cut to a line."""
    (row,) = rows([call(1, None, 0, 1000, failed=f"APIError: {'no ' * 100}\nmore")])
    (word,) = row.bar.words

    assert ("FAILED", "failed", 120, "APIError: no") == (
        row.status,
        word.kind,
        len(word.text),
        word.text[:12],
    )


@pytest.mark.parametrize(
    ("spans", "selected"),
    [
        ([span(1, None, 0, 9), call(2, 1, 1, 2), call(3, 1, 3, 4, failed="no"), call(4, 1, 5, 6, failed="no")], 3),
        ([span(1, None, 0, 9), span(2, 1, 1, 2, failed="no"), call(3, 1, 3, 4), call(4, 1, 5, 6)], 3),
        ([span(1, None, 0, 9), span(2, 1, 1, 2, failed="no")], 1),
    ],
)
def test_what_is_selected_at_first(spans: list[ReadableSpan], selected: int) -> None:
    """Unless one is asked for, the first call that failed is selected, or else the first call, or else the root."""
    waterfall = Waterfall(spans)
    chosen = [waterfall.lines[waterfall.place(asked)].node.id for asked in (None, 99, 2)]

    assert [selected, selected, 2] == chosen


ODD = {
    "no time at all": [span(1, None, 5, 5), span(2, 1, 5, 5), span(3, 1, 5, 5)],
    "an end before the start": [span(1, None, 10, 5), call(2, 1, 20, 3)],
    "a child outside of its parent": [span(1, None, 10, 20), span(2, 1, -50, 0), span(3, 1, 100, 900)],
    "a day of moments": [span(1, None, 0, 86_400_000), *(span(2 + n, 1, n * 9e6, n * 9e6 + 1e-3) for n in range(9))],
    "a moment at the end": [span(1, None, 0, 86_400_000), span(2, 1, 86_400_000, 86_400_000)],
    "times of 1970": [span(1, None, -BEGIN / MS, 0), span(2, 1, 0, 1)],
    "chunks that came before and after the call": [
        call(1, None, 0, 10, attributes=names({"first": -5.0, "gap": 1e18, "gap_at": -1e18})),
        call(2, None, 0, 10, attributes=names({"first": 1e18, "gap": float("inf"), "gap_at": float("nan")})),
    ],
    "a split of nonsense": [call(1, None, 0, 10, attributes=names({"attempts": -1.0, "waited": 1e18, "body": 2.0}))],
    "attempts at once": [call(1, None, 0, 10), attempt(2, 1, (0, 9), 503), attempt(3, 1, (1, 8), 200, resent=1)],
    "an attempt of a call that has not come": [attempt(2, 1, (0, 9), 503, backoff=5.0)],
    "a backoff without end": [call(1, None, 0, 10), attempt(2, 1, (0, 9), 503, backoff=1e18)],
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_times_say_all_is_on_the_axis(name: str) -> None:
    """Whatever the times of spans are, each is drawn, within the axis, and wide enough to be seen."""
    shown = rows(ODD[name])
    drawn = [part for row in shown for part in row.bar.parts]
    marks = [mark for row in shown for mark in (*row.bar.marks, *row.bar.split)]

    assert len(ODD[name]) == len(shown)
    assert [] == [part for part in drawn if part.x < 0 or part.width < 0.1 or part.x + part.width > 100.1]
    assert [] == [mark for mark in marks if mark.x < 0 or mark.width < 0 or mark.x + mark.width > 100.1]
    assert all(row.bar.parts for row in shown)


def test_parents_that_have_not_come() -> None:
    """A span whose parent is not there is at the top and says so; one of a circle does not."""
    spans = [span(2, 1, 0, 9, "late"), span(3, 2, 1, 2, "inner"), span(4, 5, 3, 4, "a"), span(5, 4, 5, 6, "b")]

    assert [("late", 0, True), ("inner", 1, False), ("a", 0, False), ("b", 1, False)] == [
        (row.name, row.depth, row.orphan) for row in rows(spans)
    ]
    assert "its parent has not come" in rows(spans)[0].label


def test_a_deep_chain() -> None:
    """A chain of 5,000 spans is in order, its levels are told, and its indentation ends."""
    shown = rows([span(n, n - 1 or None, n, 10_000 - n) for n in range(1, 5001)])

    assert ([*range(5000)], 10) == ([row.depth for row in shown], max(row.indent for row in shown))


def test_many_attempts() -> None:
    """However many attempts a call took, its bar has a few hundred parts at most, and the words have all."""
    tries = [attempt(2 + n, 1, (n, n + 0.5), 503, resent=n) for n in range(1000)]
    drawn = rows([call(1, None, 0, 1000), *tries])[0].bar

    assert (2 * MOST_DRAWN, Word("wait", "1,000 attempts, 500 ms backoff")) == (len(drawn.parts), drawn.words[0])


def test_links() -> None:
    """A span shows what it is linked to, in this trace and in others; of many the first."""
    spans = [span(1, None, 0, 1, links=[linked(TRACE, 2), *(linked(9, n) for n in range(1, 9))])]
    (row,) = rows(spans)

    assert (
        Linked(f"{TRACE:032x}", f"{2:016x}", elsewhere=False),
        *(Linked(f"{9:032x}", f"{n:016x}", elsewhere=True) for n in range(1, 5)),
    ) == row.links
    assert 4 == row.more_links


def test_kinds_of_others() -> None:
    """A kind is told by the convention that has one, or else by OpenTelemetry's own."""
    spans = [
        span(1, None, 0, 9, "GET /", kind=SpanKind.SERVER),
        span(2, 1, 1, 2, attributes={oi.OPENINFERENCE_SPAN_KIND: "TOOL"}),
        span(3, 1, 2, 3, attributes={gen_ai.GEN_AI_OPERATION_NAME: "execute_tool"}),
        span(4, 1, 3, 4, ""),
    ]

    assert [("GET /", "server"), ("step", "TOOL"), ("step", "execute_tool"), ("(no name)", "")] == [
        (row.name, row.kind) for row in rows(spans)
    ]


def test_sums() -> None:
    """The attempts of all calls are summed, and told where one of them was retried."""
    once = [call(9, None, 0, 10, attributes=names({"count": 1, "waited": 0.0}))]

    assert ["3 attempts, 600 ms backoff", "4 attempts in 2 calls, 600 ms backoff", ""] == [
        summed(*Waterfall(spans).tries()) for spans in (retried(), [*retried(), *once], once)
    ]
