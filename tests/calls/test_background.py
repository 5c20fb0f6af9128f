"""Responses that are made in the background or fetched later: who is linked to whom, and whose tokens count once."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import openai
import pytest
from asks import CANCEL, COUNT, ESTIMATED, RESPONDED, RESPONSE_TOKENS, RESPONSES, RETOLD, RETRIEVE, Ask
from opentelemetry.sdk.trace import ReadableSpan
from stories import streamed
from stories import told as story
from told import Told, call, told

from asking import need
from flavours import Flavour, known
from metered import INPUT, OUTPUT, Counting
from spanglass.calls import background
from spanglass.testing import (
    Answer,
    CapturedSpans,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    response,
    response_events,
)

pytestmark = pytest.mark.usefixtures("nothing_made")

MODEL = {**RETRIEVE.said, "llm.model_name": "gpt-4o-mini"}
STATUS = "spanglass.response.status"
# What a response says that has no output yet.
UNMADE = {
    "output.mime_type": "application/json",
    "llm.response.model_name": "gpt-4o-mini",
    "spanglass.response.id": "resp_test",
}
ADOPTED = {"openinference.span.kind": "LLM"}
QUEUED, WORKING = (
    Reply(response([], status=status, usage=None, background=True)) for status in ("queued", "in_progress")
)
DONE = Reply(response(background=True))


@pytest.fixture
def nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be remembered that another test has made."""
    monkeypatch.setattr(background, "_made", {})


def made(server: OpenAIServer, *parts: Mapping[str, Any]) -> Told:
    """Return what the span of a call says that made a response in the background."""
    asked = RESPONSES._replace(body={**RESPONSES.body, "background": True})
    return call(server, *parts, ask=asked)


def fetched(server: OpenAIServer, *parts: Mapping[str, Any], ask: Ask = RETRIEVE) -> Told:
    """Return what the span of a call says that fetched it."""
    return call(server, MODEL, *parts, ask=ask)


def links(spans: list[ReadableSpan]) -> list[list[int]]:
    """Return which of these spans each of them is linked to."""
    contexts = [span.context for span in spans]
    return [[contexts.index(link.context) for link in span.links] for span in spans]


def tokens(counting: Counting) -> list[float]:
    """Return how many tokens were counted, sent and received."""
    points = counting.points()
    return [sum(point.counted for point in points.get(name, [])) for name in (INPUT, OUTPUT)]


def test_counted_once(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """Each fetch of a response is linked to the call that made it; the first that has its tokens counts them."""
    server.script(QUEUED, WORKING, DONE, DONE)
    client = flavour.client(server)
    with captured_spans(meter_provider=counting.provider) as captured:
        RESPONSES.create(flavour, client, background=True)
        for _ in range(3):
            RETRIEVE.create(flavour, client)

    assert [told(span) for span in captured.spans] == [
        made(server, UNMADE, {STATUS: "queued"}),
        fetched(server, UNMADE, {STATUS: "in_progress"}),
        fetched(server, RESPONDED, RESPONSE_TOKENS, ADOPTED),
        fetched(server, RESPONDED, RETOLD),
    ]
    assert [[], [0], [0], [0]] == links(captured.spans)
    assert [9, 2] == tokens(counting)


def test_streamed(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A streamed response that is left, and read on by another call, has its tokens counted there."""
    events = response_events(background=True)
    server.script(Stream(events, done=False), Stream(events[RESPONSES.half :], done=False))
    client = flavour.client(server)
    with captured_spans(meter_provider=counting.provider) as captured:
        flavour.take(RESPONSES.open(flavour, client, background=True), RESPONSES.half, entered=True)
        flavour.take(RETRIEVE.open(flavour, client, starting_after=RESPONSES.half - 1))

    first, second = captured.spans
    attributes = dict(second.attributes or {})
    expected = {
        **ADOPTED,
        **RESPONSE_TOKENS,
        "spanglass.stream.outcome": "completed",
        "spanglass.stream.chunk_count": RESPONSES.all - RESPONSES.half,
        "llm.invocation_parameters": '{"response_id":"resp_test","starting_after":4,"stream":true}',
    }
    assert {name: attributes.get(name) for name in expected} == expected
    assert [None, 1] == [(first.attributes or {}).get(name) for name in ("llm.token_count.total", ESTIMATED)]
    assert [[], [0]] == links(captured.spans)
    assert [9, 2] == tokens(counting)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [(None, None), ({}, Reply(response())), ({"background": True}, DONE)],
    ids=["made elsewhere", "not in the background", "done at once"],
)
def test_not_counted(
    asked: dict[str, Any] | None, answer: Answer | None, flavour: Flavour, server: OpenAIServer, counting: Counting
) -> None:
    """The tokens of a response that this process has not made, or that are counted already, are only told."""
    client = flavour.client(server)
    with captured_spans(meter_provider=counting.provider) as captured:
        if asked is not None and answer is not None:
            server.script(answer)
            RESPONSES.create(flavour, client, **asked)
        server.script(DONE)
        RETRIEVE.create(flavour, client)

    *makers, span = captured.spans
    assert told(span) == fetched(server, RESPONDED, RETOLD)
    assert [link.context for link in span.links] == ([makers[0].context] if asked else [])
    assert [9 * len(makers), 2 * len(makers)] == tokens(counting)


def test_cancelled(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """To cancel a response is a call that succeeds, linked to the one that made it; to fetch it then is no success."""
    server.script(QUEUED, *[Reply(response([], status="cancelled", usage=None))] * 2)
    client = flavour.client(server)
    RESPONSES.create(flavour, client, background=True)
    CANCEL.create(flavour, client)
    RETRIEVE.create(flavour, client)

    ended = {**UNMADE, STATUS: "cancelled"}
    assert [told(span) for span in captured.spans[1:]] == [
        fetched(server, ended, {"llm.finish_reason": "cancelled"}, ask=CANCEL),
        fetched(server, ended, {"llm.finish_reason": "cancelled"})._replace(status="UNSET"),
    ]
    assert [[], [0], [0]] == links(captured.spans)


def test_remembers_no_more_than_so_many(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the responses that were made the latest are remembered; one that is forgotten is as one made elsewhere."""
    most = background.MOST
    monkeypatch.setattr(background, "MOST", 2)
    names = ["resp_0", "resp_1", "resp_2"]
    server.script(*(Reply(response([], id=name, status="queued", usage=None)) for name in names))
    client = flavour.client(server)
    for _ in names:
        RESPONSES.create(flavour, client, background=True)
    for name in names:
        server.script(Reply(response(id=name)))
        RETRIEVE.create(flavour, client, response_id=name)

    kinds = [(span.attributes or {})["openinference.span.kind"] for span in captured.spans[3:]]
    assert 1_024 == most
    assert ["CHAIN", "LLM", "LLM"] == kinds
    assert [[], [], [], [], [1], [2]] == links(captured.spans)


def test_counted_once_by_threads(server: OpenAIServer, counting: Counting) -> None:
    """Of several threads that fetch a response at once, one counts its tokens."""
    barrier = threading.Barrier(8, timeout=30)

    def done(_: Any) -> Answer:
        barrier.wait()
        return DONE

    server.script(QUEUED, *[done] * 8)
    with captured_spans(meter_provider=counting.provider) as captured:
        with openai.OpenAI(base_url=server.base_url, api_key="test") as client:
            make = need(client, "responses.create")
            make(**known(make, {**RESPONSES.body, "background": True}))
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: client.responses.retrieve("resp_test"), range(8)))
        kinds = sorted(str((span.attributes or {})["openinference.span.kind"]) for span in captured.spans)

    assert ["CHAIN"] * 7 + ["LLM"] * 2 == kinds
    assert [9, 2] == tokens(counting)


# How a response went


class Ending(NamedTuple):
    """How a response went, and what its span says of that: a stream has this outcome."""

    body: Mapping[str, Any]
    span: str
    said: Mapping[str, Any]
    outcome: str = "completed"
    description: str | None = None


WRONG = {"code": "rate_limit_exceeded", "message": "Too many of api_key=sk-0123456789abcdefghij"}
SCRUBBED = "Too many of api_key=__REDACTED__"
FAILED = {"error.type": "rate_limit_exceeded", "spanglass.error.code": "rate_limit_exceeded"}
ENDINGS = {
    "completed": Ending({}, "OK", {"llm.finish_reason": "completed"}),
    "incomplete": Ending(
        {"incomplete_details": {"reason": "max_output_tokens"}},
        "UNSET",
        {"llm.finish_reason": "max_output_tokens"},
        "incomplete",
    ),
    "failed": Ending(
        {"error": WRONG},
        "ERROR",
        {"llm.finish_reason": "failed", **FAILED},
        "error",
        f"rate_limit_exceeded: {SCRUBBED}",
    ),
    "cancelled": Ending({}, "UNSET", {"llm.finish_reason": "cancelled"}),
    "queued": Ending({}, "OK", {}),
    "in_progress": Ending({}, "OK", {}),
}
SHOWN = ("llm.finish_reason", "error.type", "spanglass.error.code", STATUS, "spanglass.stream.outcome")


def shown(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says of how it went."""
    attributes = span.attributes or {}
    return {name: attributes[name] for name in SHOWN if name in attributes}


@pytest.mark.parametrize("ask", [RESPONSES, RETRIEVE], ids=["create", "retrieve"])
@pytest.mark.parametrize("status", ENDINGS)
def test_ending(status: str, ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A response that was answered at once has the status that it tells; one that failed raises nothing."""
    ending = ENDINGS[status]
    server.script(Reply(response(status=status, **ending.body)))
    ask.create(flavour, flavour.client(server))

    (span,) = captured.spans
    assert (ending.span, ending.description, []) == (
        span.status.status_code.name,
        span.status.description,
        [event.name for event in span.events],
    )
    assert {**ending.said, STATUS: status} == shown(span)


@pytest.mark.parametrize("ask", [RESPONSES, RETRIEVE], ids=["create", "retrieve"])
@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_ending_of_a_stream(
    status: str, ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """The last event of a stream decides how it went."""
    ending = ENDINGS[status]
    server.script(Stream(response_events(status=status, **ending.body), done=False))
    flavour.take(ask.open(flavour, flavour.client(server)))

    (span,) = captured.spans
    assert (ending.span, ending.description, ["First Token Stream Event"]) == (
        span.status.status_code.name,
        span.status.description,
        [event.name for event in span.events],
    )
    assert {**ending.said, STATUS: status, "spanglass.stream.outcome": ending.outcome} == shown(span)


def test_error_event(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """An event that is an error raises nothing, and makes a call that failed of it."""
    wrong = {"type": "error", "code": WRONG["code"], "message": WRONG["message"], "param": None}
    server.script(Stream([*RESPONSES.chunks[: RESPONSES.half], wrong], done=False))
    flavour.take(RESPONSES.open(flavour, flavour.client(server)))

    (span,) = captured.spans
    assert ("ERROR", f"rate_limit_exceeded: {SCRUBBED}", ["First Token Stream Event"]) == (
        span.status.status_code.name,
        span.status.description,
        [event.name for event in span.events],
    )
    assert {**FAILED, "spanglass.stream.outcome": "error"}.items() <= shown(span).items()
    assert "sk-0123456789" not in span.to_json()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("content", ["on", "off"])
def test_message_of_a_failure(content: str, stream: bool, flavour: Flavour, server: OpenAIServer) -> None:  # noqa: FBT001 - a parameter
    """What the API says of a failure is content, and no credential in it is ever told."""
    failed = response(status="failed", error=WRONG)
    events = response_events(status="failed", error=WRONG)
    with captured_spans(content=content) as captured:
        server.script(Stream(events, done=False) if stream else Reply(failed))
        if stream:
            flavour.take(RESPONSES.open(flavour, flavour.client(server)))
        else:
            RESPONSES.create(flavour, flavour.client(server))

    (span,) = captured.spans
    said = SCRUBBED if content == "on" else "__REDACTED__"
    assert f"rate_limit_exceeded: {said}" == span.status.description
    assert "sk-0123456789" not in span.to_json()
    assert (content == "on") == ("Too many" in span.to_json())


def test_left_before_its_end(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream whose last event does not come is truncated, whatever it has said of its status."""
    server.script(Stream(response_events(status="queued"), done=False))
    flavour.take(RESPONSES.open(flavour, flavour.client(server)))

    expected = streamed(server, "truncated", RESPONSES.all - 1, {}, ask=RESPONSES)
    assert [expected] == [story(span) for span in captured.spans]


def test_tokens_of_an_input(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """Tokens that are only counted are nobody's cost."""
    server.script(COUNT.answer)
    with captured_spans(meter_provider=counting.provider) as captured:
        COUNT.create(flavour, flavour.client(server))

    assert [told(span) for span in captured.spans] == [call(server, COUNT.answered, COUNT.counted, ask=COUNT)]
    assert [0, 0] == tokens(counting)
