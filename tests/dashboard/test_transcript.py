"""The page of a session: one transcript over several traces, in which each call adds only what is new."""

import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from serving import Dashboard
from showing import calls, chat, made, part, path_of, says

from spanglass.dashboard.cards import messages
from spanglass.dashboard.entry import entry
from spanglass.dashboard.threads import Threads

pytest_plugins = ["served"]

SYSTEM = says("system", "Be brief.")
SESSION = {"session.id": "s"}


def added(spans: Sequence[ReadableSpan]) -> list[tuple[int, int, list[int]]]:
    """Return for each call its conversation, how many messages were there before, and the numbers of those added."""
    threads = Threads()
    return [
        (found.thread.number, found.before, [card.number for card in found.cards])
        for found in (threads.add(span, messages(span)) for span in spans)
    ]


def talk(*sent: dict[str, Any], received: Sequence[dict[str, Any]] = (), **others: Any) -> ReadableSpan:
    """Return a call of a session."""
    return made(chat(*sent, received=received, others={**SESSION, **others}))


def test_each_call_adds_what_is_new() -> None:
    """Of a conversation that grows, each call adds what it sends beyond what was said, and its answer."""
    said = [SYSTEM, says("user", "1"), says("assistant", "2"), says("user", "3"), says("assistant", "4")]

    assert [(1, 0, [1, 2, 3]), (1, 3, [4, 5])] == added(
        [talk(*said[:2], received=[said[2]]), talk(*said[:4], received=[said[4]])]
    )


def test_a_call_that_is_made_again_adds_its_answer() -> None:
    """A call that failed and is made again repeats nothing of what it sent."""
    sent = [SYSTEM, says("user", "1")]

    assert [(1, 0, [1, 2]), (1, 2, []), (1, 2, [3])] == added(
        [talk(*sent), talk(*sent), talk(*sent, received=[says("assistant", "2")])]
    )


def test_agents_that_take_turns_are_told_apart() -> None:
    """Two conversations of a session that take turns are two, also where both begin with the same instructions."""
    first = [SYSTEM, says("user", "a"), says("assistant", "b"), says("user", "c")]
    second = [SYSTEM, says("user", "x"), says("assistant", "y"), says("user", "z")]

    assert [(1, 0, [1, 2, 3]), (2, 1, [2, 3]), (1, 3, [4]), (2, 3, [4])] == added(
        [
            talk(*first[:2], received=[first[2]]),
            talk(*second[:2], received=[second[2]]),
            talk(*first),
            talk(*second),
        ]
    )


def test_a_conversation_that_drops_its_oldest_messages_goes_on() -> None:
    """A program that sends the instructions and the last messages only goes on with its conversation."""
    said = [says(("user", "assistant")[number % 2], f"{number}") for number in range(8)]

    assert [(1, 0, [1, 2, 3, 4, 5, 6]), (1, 4, [5])] == added(
        [talk(SYSTEM, *said[:4], received=[said[4]]), talk(SYSTEM, *said[2:6])]
    )


def test_an_answer_that_was_changed_goes_on() -> None:
    """Where a program sends another answer than it had, the conversation goes on, and the other answer is shown."""
    asked = [SYSTEM, says("user", "1")]

    assert [(1, 0, [1, 2, 3]), (1, 2, [3, 4])] == added(
        [talk(*asked, received=[says("assistant", "2")]), talk(*asked, says("assistant", "two"), says("user", "3"))]
    )


def test_a_response_that_goes_on_from_another() -> None:
    """A response that names the one before it sends new messages only, and goes on with its conversation."""
    own = "spanglass.re"

    assert [(1, 0, [1, 2, 3]), (1, 1, [2, 3])] == added(
        [
            talk(SYSTEM, says("user", "1"), received=[says("assistant", "2")], **{f"{own}sponse.id": "r1"}),
            talk(
                SYSTEM,
                says("user", "1"),
                received=[says("assistant", "4")],
                **{f"{own}quest.previous_response_id": "r1", f"{own}sponse.id": "r2"},
            ),
        ]
    )


def test_a_result_stands_in_the_call_of_an_earlier_answer() -> None:
    """What a later call sends as the result of a tool is shown within the answer that asked for it, and not again."""
    asked = says("user", "How warm?")
    called = calls("weather", "{}", "a")
    threads = Threads()
    first, second = (
        threads.add(span, messages(span)).cards
        for span in (
            talk(asked, received=[called]),
            talk(asked, called, says("tool", "21", tool_call_id="a"), received=[says("assistant", "Warm")]),
        )
    )
    (result,) = first[1].calls[0].results

    assert (["21"], "sent by a later call") == (
        [piece.said.text for piece in result.pieces if piece.said],
        result.where,
    )
    assert [4] == [card.number for card in second]


def test_a_result_that_came_with_its_call() -> None:
    """Of a result that the same call sent it is said which of its messages that was."""
    said = (says("user", "How warm?"), calls("weather", "{}", "a"), says("tool", "21", tool_call_id="a"))
    span = talk(*said, received=[says("assistant", "Warm")])
    cards = Threads().add(span, messages(span)).cards

    assert ["message 3"] == [result.where for card in cards for call in card.calls for result in call.results]


def test_an_estimate_is_among_the_tokens(dashboard: Dashboard) -> None:
    """The tokens of a stream that tells none are those that were estimated, at the call and in the sum."""
    guess = {"spanglass.usage.estimated_completion_tokens": 7, **SESSION}
    told = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 5, **SESSION}
    dashboard.send([made(chat(says("user", "one"), others=told)), made(chat(says("user", "two"), others=guess), at=20)])
    page = dashboard.ask("/session?id=s").text

    assert [True] * 3 == [
        f"<span>{said}</span>" in page for said in ("tokens 1,000 in + ~12 out", "1,000 in + 5 out", "~7 out")
    ]


def test_the_page_shows_one_conversation(dashboard: Dashboard) -> None:
    """A session's page shows its calls in the order of their starts, with totals, errors, links to their traces."""
    said = [SYSTEM, says("user", "first"), says("assistant", "second"), says("user", "third")]
    tokens = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 5, **SESSION}
    spans = [
        made(chat(*said[:2], received=[said[2]], others=tokens)),
        made(chat(*said, others=SESSION), at=20, failed="NotFoundError: no"),
        made(
            chat(*said, received=[says("assistant", "fourth")], others={**tokens, "spanglass.attempt.count": 3}), at=40
        ),
        made(chat(says("user", "elsewhere"), others={"session.id": "t"})),
    ]
    dashboard.send(spans[::-1])
    page = dashboard.ask("/session?id=s").text
    places = [page.find(f">{word}<") for word in ("Be brief.", "first")] + [
        page.find(f"<p>{word}</p>") for word in ("second", "fourth")
    ]

    assert sorted(places) == places
    assert places[0] > 0
    assert (1, 1, 1, 0) == tuple(page.count(word) for word in ("Be brief.", ">third<", "NotFoundError", "elsewhere"))
    assert [True] * 3 == [f"{path_of(span)}?span=" in page for span in spans[:3]]
    assert [] == [
        word
        for word in ("3 traces", "3 calls", "1 failed", "2 retries", "tokens 2,000 in + 10 out")
        if word not in page
    ]


@pytest.mark.parametrize("name", ["a/b", "a b", "'\"<b>", "ü\u202e日本", "x" * 10_000, "../..", "%2F", "a&b=c#d", " "])
def test_a_session_may_have_any_id(dashboard: Dashboard, name: str) -> None:
    """Whatever a session's id is, its page is found, and the trace leads to it."""
    span = made(chat(says("user", "Hi"), others={"session.id": name}))
    dashboard.send([span])
    address = f"/session?{urlencode({'id': name})}"
    page = dashboard.ask(address)

    assert (200, True) == (page.status, ">Hi<" in page.text)
    assert "<b>" not in page.text
    assert re.search(r'href="(/session\?id=[^"]*)"', dashboard.ask(path_of(span)).text)


@pytest.mark.parametrize("query", ["", "?id=", "?id=none", "?id=none&before=1-1", "?before=x"])
def test_a_session_that_is_not_there(dashboard: Dashboard, query: str) -> None:
    """Of a session that nobody has told of there is no page."""
    assert dashboard.ask(f"/session{query}").status == 404


def test_other_sessions_of_a_trace_are_left_out(dashboard: Dashboard) -> None:
    """Of a trace that has spans of two sessions, each page has its own, and those that are in none."""
    spans = [made(chat(says("user", word), others={"session.id": word}), trace=77) for word in ("mine", "theirs")]
    dashboard.send([*spans, made(chat(says("user", "nobody's")), trace=77)])
    page = dashboard.ask("/session?id=mine").text

    assert [True, False, True] == [f">{word}<" in page for word in ("mine", "theirs", "nobody&#39;s")]


def test_the_page_is_new_only_where_something_is(dashboard: Dashboard) -> None:
    """A page that asks again has the same answer until a span of its session has come."""

    def state() -> str | None:
        return dashboard.ask("/session?id=s").headers["etag"]

    dashboard.send([talk(says("user", "1"))])
    first = state()
    dashboard.send([made(chat(says("user", "2"), others={"session.id": "t"}))])
    other = state()
    unchanged = dashboard.ask("/session?id=s", headers={"if-none-match": first or ""}).status
    dashboard.send([talk(says("user", "3"))])

    assert (304, first) == (unchanged, other)
    assert state() != first


def test_ten_thousand_calls_are_pages(dashboard: Dashboard) -> None:
    """Of a session of 10,000 calls the newest are shown within seconds, and earlier ones page by page by a link."""
    line = {"session.id": "s"}
    dashboard.store.add(
        entry(made(chat(says("user", f"said {number}."), others=line), at=number)) for number in range(10_000)
    )
    begun = time.monotonic()
    page = dashboard.ask("/session?id=s").text
    link = re.search(r'id="earlier"><a href="([^"]*)"', page)
    assert link is not None
    earlier = dashboard.ask(f"/session{link[1].replace('&amp;', '&')}").text

    assert [9_900, 9_999, 9_800, 9_899] == [
        int(number) for text in (page, earlier) for number in re.findall(r"said (\d+)\.", text)[::99]
    ]
    assert time.monotonic() - begun < 20


def test_whole_texts_of_a_transcript(dashboard: Dashboard) -> None:
    """A long text in a transcript leads to all of it, in the span that has it."""
    text = "long " * 10_000
    dashboard.send([talk(says("user", "Hi")), talk(says("user", "Hi"), {"role": "user", **part(0, "text", text=text)})])
    page = dashboard.ask("/session?id=s").text
    link = re.search(r'href="(/traces/[^"]*/text\?of=2-0)"', page)

    assert link is not None
    assert dashboard.ask(link[1]).text == text
