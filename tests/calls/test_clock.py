"""Times: a span begins by the wall clock and is as long as the monotonic one says, whatever happens to the former."""

import sys
import time
from typing import Any

import openai
import pytest

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, chunks, error

THEN = 1_000_000_000_000_000_000
"""Nanoseconds since the epoch, in 2001: what the clock says at a call's start, and never again."""

AGAIN = Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"})


def plain(flavour: Flavour, client: Any) -> None:
    """Make a call."""
    flavour.create(client)


def streamed(flavour: Flavour, client: Any) -> None:
    """Make a call, and read its stream."""
    flavour.take(flavour.create(client, stream=True))


def left(flavour: Flavour, client: Any) -> None:
    """Make a call, and drop its stream."""
    flavour.take(flavour.create(client, stream=True), 2)
    flavour.collect()


def failed(flavour: Flavour, client: Any) -> None:
    """Make a call whose stream breaks."""
    with pytest.raises(openai.APIError):
        flavour.take(flavour.create(client, stream=True))


def mistaken(flavour: Flavour, client: Any) -> None:
    """Make a call that the SDK refuses."""
    with pytest.raises(TypeError):
        flavour.wait(client.chat.completions.create(model="m"))


BROKEN = Stream([*chunks(finish_reason=None), error("broken")])


@pytest.mark.parametrize(
    ("act", "answers"),
    [(plain, [AGAIN]), (streamed, [AGAIN]), (left, []), (failed, [BROKEN]), (mistaken, [])],
)
def test_the_clock_jumps(
    act: Any,
    answers: list[Any],
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A clock that jumps in the midst of a call changes no duration: spans and events all stand on the call's start."""
    server.script(*answers)
    client = flavour.client(server)
    # Only a clock that is known can be held against what the span says.
    for name in [name for name in sys.modules if name.startswith("spanglass.")]:
        monkeypatch.setattr(f"{name}.time_ns", lambda: THEN, raising=False)
    before = time.perf_counter_ns()
    act(flavour, client)
    took = time.perf_counter_ns() - before

    whole = captured.spans[-1]
    assert whole.start_time == THEN
    times = [moment for span in captured.spans for moment in (span.start_time, span.end_time)]
    times += [event.timestamp for span in captured.spans for event in span.events]
    assert [moment for moment in times if not THEN <= (moment or 0) <= THEN + took] == []
    assert max(moment or 0 for moment in times) == whole.end_time


def test_start_is_now(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call begins when its method is called, by the wall clock."""
    client = flavour.client(server)
    before = time.time_ns()
    flavour.create(client)
    after = time.time_ns()

    (span,) = captured.spans
    assert before <= (span.start_time or 0) <= after
