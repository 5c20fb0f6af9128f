"""A response that goes on in the background while the stream of the call that made it is still held."""

import os
import subprocess
import sys
from typing import Any

import pytest
from asks import RESPONSES, RETRIEVE
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import use_span

from asking import need
from flavours import Flavour, Sync
from metered import INPUT, OUTPUT, Counting
from spanglass.calls import background
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, response, response_events

pytestmark = pytest.mark.usefixtures("nothing_made")

AGENTS = "openinference.instrumentation.openai_agents"
EVENTS = response_events(background=True)
HALF = RESPONSES.half
# The rest of it, as one reads on from there.
FIRST, REST = Stream(EVENTS, done=False), Stream(EVENTS[HALF:], done=False)
DONE = Reply(response(background=True))
QUEUED = Reply(response([], status="queued", usage=None))


@pytest.fixture
def nothing_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be remembered that another test has made."""
    monkeypatch.setattr(background, "_made", {})


def tokens(counting: Counting) -> list[float]:
    """Return how many tokens were counted, sent and received."""
    points = counting.points()
    return [sum(point.counted for point in points.get(name, [])) for name in (INPUT, OUTPUT)]


def counted(spans: list[ReadableSpan]) -> list[tuple[str, str, Any, int]]:
    """Return of each span its name, its kind, the tokens that it counts, and how many links it has."""
    told = [(span, dict(span.attributes or {})) for span in spans]
    return [
        (span.name, str(own["openinference.span.kind"]), own.get("llm.token_count.total"), len(span.links))
        for span, own in told
    ]


def test_stream_that_is_held(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """Who reads on elsewhere is linked to a call whose stream was left, but not closed, and counts its tokens."""
    server.script(FIRST, REST)
    client = flavour.client(server)
    with (
        captured_spans(meter_provider=counting.provider) as captured,
        flavour.entered(RESPONSES.open(flavour, client, background=True)) as held,
    ):
        flavour.take(held, HALF)
        flavour.take(RETRIEVE.open(flavour, client, starting_after=HALF - 1))

    second, first = captured.spans
    assert [("RetrieveResponse", "LLM", 11, 1), ("Response", "LLM", None, 0)] == counted(captured.spans)
    assert [first.context] == [link.context for link in second.links]
    assert [9, 2] == tokens(counting)


def test_stream_that_is_read_to_its_end_elsewhere_too(
    flavour: Flavour, server: OpenAIServer, counting: Counting
) -> None:
    """Where both come to the end, the tokens are counted by the one that was there first."""
    server.script(FIRST, DONE, DONE)
    client = flavour.client(server)
    with captured_spans(meter_provider=counting.provider) as captured:
        held = RESPONSES.open(flavour, client, background=True)
        flavour.take(held, HALF)
        RETRIEVE.create(flavour, client)
        flavour.take(held)
        RETRIEVE.create(flavour, client)

    assert [
        ("RetrieveResponse", "LLM", 11, 1),
        ("Response", "LLM", None, 0),
        ("RetrieveResponse", "CHAIN", None, 1),
    ] == counted(captured.spans)
    assert 11 == (captured.spans[1].attributes or {})["spanglass.usage.told.total_tokens"]
    assert [9, 2] == tokens(counting)


def test_another_stream_that_is_held(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream of another response, or of one that is not made in the background, made nothing that is fetched."""
    server.script(FIRST, FIRST, Reply(response(id="resp_other")), DONE)
    client = flavour.client(server)
    for asked in ({"background": True}, {}):
        flavour.take(held := RESPONSES.open(flavour, client, **asked), HALF)
        RETRIEVE.create(flavour, client, response_id="resp_other" if asked else "resp_test")
        flavour.close(held)
        background._made.clear()  # noqa: SLF001 - the second is as if there had been no first

    fetched = [one for one in counted(captured.spans) if one[0] == "RetrieveResponse"]
    assert [("RetrieveResponse", "CHAIN", None, 0)] * 2 == fetched


def test_id_of_two_streams_that_are_held(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Where a server gives an id again while the first response still comes, the last one has it."""
    server.script(*[FIRST] * 5, DONE)
    client = flavour.client(server)
    held = [RESPONSES.open(flavour, client, background=True) for _ in range(5)]
    for stream in held:
        flavour.take(stream, HALF)
    RETRIEVE.create(flavour, client)
    for stream in held:
        flavour.close(stream)

    fetched, *makers = captured.spans
    assert [makers[-1].context] == [link.context for link in fetched.links]


def test_id_that_is_given_again(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Where a server gives an id again, the response that was made last has it."""
    client = flavour.client(server)
    server.script(*[QUEUED, DONE] * 2)
    for _ in range(2):
        RESPONSES.create(flavour, client, background=True)
        RETRIEVE.create(flavour, client)

    assert [("Response", "LLM", None, 0), ("RetrieveResponse", "LLM", 11, 1)] * 2 == counted(captured.spans)
    made = [span.context for span in captured.spans[::2]]
    assert made == [link.context for span in captured.spans for link in span.links]


def test_odd_id(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """An id that a URL writes otherwise is the same, and is told as the program gave it."""
    odd = "a ü=b"
    server.script(Reply(response([], id=odd, status="queued", usage=None)), Reply(response(id=odd)))
    client = flavour.client(server)
    RESPONSES.create(flavour, client, background=True)
    RETRIEVE.create(flavour, client, response_id=odd)

    assert [("Response", "LLM", None, 0), ("RetrieveResponse", "LLM", 11, 1)] == counted(captured.spans)
    assert f'{{"response_id":"{odd}"}}' == (captured.spans[1].attributes or {})["input.value"]


@pytest.mark.parametrize("ended", [False, True], ids=["goes on", "ends before the stream"])
def test_fetched_within(ended: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:  # noqa: FBT001 - pytest's
    """Within another's span that counts its tokens, a call that fetches them counts none, however long it lasts."""
    server.script(QUEUED, Stream(EVENTS, done=False))
    client = flavour.client(server)
    RESPONSES.create(flavour, client, background=True)
    outer = captured.provider.get_tracer(AGENTS).start_span("outer", attributes={"openinference.span.kind": "LLM"})
    with use_span(outer, end_on_exit=ended):
        stream = RETRIEVE.open(flavour, client)
    flavour.take(stream)

    assert ("RetrieveResponse", "CHAIN", 11, 1) == counted(captured.spans)[-1]


FORKED = """
import os, sys
import openai
from spanglass.testing import captured_spans
with openai.OpenAI(base_url=sys.argv[1], api_key="test") as client, captured_spans() as captured:
    client.responses.create(model="m", input="hi", extra_body={"background": True})
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    client.responses.retrieve("resp_test")
    span = captured.spans[-1]
print(span.attributes["openinference.span.kind"], len(span.links), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked(server: OpenAIServer) -> None:
    """What a parent process has made its child has not: the tokens are counted by the parent alone."""
    flavour = Sync()
    need(flavour.client(server), "responses.retrieve")
    flavour.leave()
    server.script(QUEUED, DONE, DONE)
    asked = [sys.executable, "-W", "ignore", "-c", FORKED, server.base_url]
    ended = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - ours

    assert ["CHAIN 0", "LLM 1"] == ended.stdout.splitlines()
