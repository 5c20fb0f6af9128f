"""Every way to leave a stream ends its span once, with what had arrived."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from asks import STREAMED, Ask, each
from stories import FIRST, GAP, GAP_AT, Story, streamed, told

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Stall, Stream, chunks

Way = Callable[[Ask, Flavour, Any], None]
HALF = 2
ALL = 4


class BodyError(Exception):
    """What goes wrong in the caller's own loop."""


def goes_wrong(ask: Ask) -> Callable[[Any], bool]:
    """Return what fails at the first chunk with text."""
    met: list[Any] = []

    def fails(chunk: Any) -> bool:
        met.append(chunk)
        if len(met) == ask.half:
            raise BodyError
        return False

    return fails


def by_hand(flavour: Flavour, stream: Any, count: int) -> None:
    """Call next() so many times."""
    for _ in range(count):
        flavour.next(stream)


def exhaust(_: Ask, flavour: Flavour, stream: Any) -> None:
    """Read to the end."""
    flavour.take(stream)


def exhaust_within(_: Ask, flavour: Flavour, stream: Any) -> None:
    """Read to the end of a `with`."""
    flavour.take(stream, entered=True)


def exhaust_by_hand(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Call next() until it raises."""
    by_hand(flavour, stream, ask.all)
    with pytest.raises((StopIteration, StopAsyncIteration)):
        flavour.next(stream)


def exhaust_twice(_: Ask, flavour: Flavour, stream: Any) -> None:
    """Read to the end, look whether there is more, and close."""
    flavour.take(stream)
    flavour.take(stream)
    flavour.close(stream)


def resume(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, and read the rest in a second loop."""
    flavour.take(stream, ask.half)
    flavour.take(stream)


def finish_and_drop(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break where the model has said that it is done."""
    flavour.take(stream, ask.all)


def finish_within(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break there, in a `with`."""
    flavour.take(stream, ask.all, entered=True)


def finish_and_close(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Take chunks by hand up to there, and close."""
    by_hand(flavour, stream, ask.all)
    flavour.close(stream)


def leave_within(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, in a `with`."""
    flavour.take(stream, ask.half, entered=True)


def close(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, and close."""
    flavour.take(stream, ask.half)
    flavour.close(stream)


def close_twice(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Close, and close again."""
    close(ask, flavour, stream)
    flavour.close(stream)


def close_response(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, and close the response under the stream."""
    flavour.take(stream, ask.half)
    flavour.wait(stream.response.aclose() if hasattr(stream, "__anext__") else stream.response.close())


def fail_within(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Let an exception out of a `with`."""
    with pytest.raises(BodyError):
        flavour.each(stream, goes_wrong(ask), entered=True)


def close_at_once(_: Ask, flavour: Flavour, stream: Any) -> None:
    """Close what was never read."""
    flavour.close(stream)


def drop(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, and forget the stream."""
    flavour.take(stream, ask.half)


def drop_by_hand(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Take chunks by hand, and forget the stream."""
    by_hand(flavour, stream, ask.half)


def drop_failing(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Let an exception out of a bare loop."""
    with pytest.raises(BodyError):
        flavour.each(stream, goes_wrong(ask))


def drop_at_once(_: Ask, __: Flavour, ___: Any) -> None:
    """Forget what was never read."""


def drop_reading_on(ask: Ask, flavour: Flavour, stream: Any) -> None:
    """Break, resume, break and forget."""
    flavour.take(stream, 1)
    flavour.take(stream, ask.half - 1)


WHOLE: tuple[Way, ...] = (exhaust, exhaust_within, exhaust_by_hand, exhaust_twice, resume)
FINISHED: tuple[Way, ...] = (finish_and_drop, finish_within, finish_and_close)
CLOSED: tuple[Way, ...] = (leave_within, close, close_twice, close_response, fail_within)
DROPPED: tuple[Way, ...] = (drop, drop_by_hand, drop_failing, drop_reading_on)
AT_ONCE: tuple[Way, ...] = (close_at_once, drop_at_once)
# What comes of each way to leave a stream.
OUTCOMES = {
    **dict.fromkeys((*WHOLE, *FINISHED), "completed"),
    **dict.fromkeys((*CLOSED, close_at_once), "closed"),
    **dict.fromkeys((*DROPPED, drop_at_once), "abandoned"),
}


def story(server: OpenAIServer, ask: Ask, way: Way) -> Story:
    """Return what the span says of a stream that was left so."""
    outcome = OUTCOMES[way]
    taken = ask.all if outcome == "completed" else 0 if way in AT_ONCE else ask.half
    return streamed(server, outcome, taken, ask=ask, status="OK" if outcome == "completed" else "UNSET")


@pytest.mark.parametrize("way", OUTCOMES)
@each(STREAMED)
def test_left_once(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, ask: Ask, way: Way) -> None:
    """However a stream is left, there is one span, with what had arrived and how it was left."""
    server.script(ask.stream)

    way(ask, flavour, ask.open(flavour, flavour.client(server)))
    flavour.collect()

    assert [story(server, ask, way)] == [told(span) for span in captured.spans]


@pytest.mark.parametrize("way", [*CLOSED, *DROPPED])
@each(STREAMED)
def test_left_while_the_server_is_sending(
    server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, ask: Ask, way: Way
) -> None:
    """It makes no difference that the rest has not been sent yet."""
    server.script(Stream([*ask.chunks[: ask.half], Stall()]))

    way(ask, flavour, ask.open(flavour, flavour.client(server)))
    flavour.collect()

    assert [story(server, ask, way)] == [told(span) for span in captured.spans]


def test_ends_at_its_last_chunk(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """The span of a dropped stream ends with the last chunk that was taken, not with the collection."""
    stream = flavour.create(flavour.client(server), stream=True)
    flavour.take(stream, HALF)
    taken = time.time_ns()
    time.sleep(0.02)
    del stream
    flavour.collect()

    (span,) = captured.spans
    assert span.end_time is not None
    assert span.end_time <= taken


def test_ends_when_closed(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """The span of a stream that was closed ends with the close."""
    stream = flavour.create(flavour.client(server), stream=True)
    flavour.take(stream, HALF)
    time.sleep(0.02)
    left = time.time_ns()
    flavour.close(stream)

    (span,) = captured.spans
    assert span.end_time is not None
    assert left <= span.end_time <= time.time_ns()


def test_times_of_the_caller(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """The time to the first chunk and the longest gap are those that the caller met, its own pauses included."""
    begun = time.perf_counter()
    stream = flavour.create(flavour.client(server), stream=True)
    time.sleep(0.03)
    flavour.next(stream)
    first = time.perf_counter()
    time.sleep(0.06)
    flavour.next(stream)
    second = time.perf_counter()
    flavour.take(stream)

    (span,) = captured.spans
    said = span.attributes or {}
    assert 0.03 <= float(str(said[FIRST])) <= first - begun
    assert 0.06 <= float(str(said[GAP])) <= second - begun
    assert said[GAP_AT] == said[FIRST]


def test_open_while_held(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """A stream that somebody holds has no ended span, whatever is collected in the meantime."""
    stream = flavour.create(flavour.client(server), stream=True)
    flavour.take(stream, HALF)
    flavour.collect()
    held = list(captured.spans)
    flavour.take(stream)

    assert ([], [streamed(server, "completed", ALL, status="OK")]) == (held, [told(span) for span in captured.spans])


def test_read_after_close(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """Chunks that were buffered are still there after `close()`, and change nothing in the span."""
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks())
    server.script(Stream([events]))
    stream = flavour.create(flavour.client(server), stream=True)
    flavour.take(stream, HALF)
    flavour.close(stream)
    read = flavour.take(stream, 1)

    assert ["lo"] == [chunk.choices[0].delta.content for chunk in read]
    del stream
    flavour.collect()
    assert [streamed(server, "closed", HALF)] == [told(span) for span in captured.spans]
