"""Every way to leave a stream ends its span once, with what had arrived."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from stories import FIRST, GAP, streamed, told

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Stall, Stream, chunks

Way = Callable[[Flavour, Any], None]
HALF = 2
ALL = 4


class BodyError(Exception):
    """What goes wrong in the caller's own loop."""


def goes_wrong(chunk: Any) -> bool:
    """Fail at the first chunk with text."""
    if chunk.choices[0].delta.content:
        raise BodyError
    return False


def exhaust(flavour: Flavour, stream: Any) -> None:
    """Read to the end."""
    flavour.take(stream)


def exhaust_within(flavour: Flavour, stream: Any) -> None:
    """Read to the end of a `with`."""
    flavour.take(stream, entered=True)


def exhaust_by_hand(flavour: Flavour, stream: Any) -> None:
    """Call next() until it raises."""
    for _ in range(ALL):
        flavour.next(stream)
    with pytest.raises((StopIteration, StopAsyncIteration)):
        flavour.next(stream)


def exhaust_twice(flavour: Flavour, stream: Any) -> None:
    """Read to the end, look whether there is more, and close."""
    flavour.take(stream)
    flavour.take(stream)
    flavour.close(stream)


def resume(flavour: Flavour, stream: Any) -> None:
    """Break, and read the rest in a second loop."""
    flavour.take(stream, HALF)
    flavour.take(stream)


def finish_and_drop(flavour: Flavour, stream: Any) -> None:
    """Break at the finish reason."""
    flavour.take(stream, ALL)


def finish_within(flavour: Flavour, stream: Any) -> None:
    """Break at the finish reason, in a `with`."""
    flavour.take(stream, ALL, entered=True)


def finish_and_close(flavour: Flavour, stream: Any) -> None:
    """Take chunks by hand until the finish reason, and close."""
    for _ in range(ALL):
        flavour.next(stream)
    flavour.close(stream)


def leave_within(flavour: Flavour, stream: Any) -> None:
    """Break, in a `with`."""
    flavour.take(stream, HALF, entered=True)


def close(flavour: Flavour, stream: Any) -> None:
    """Break, and close."""
    flavour.take(stream, HALF)
    flavour.close(stream)


def close_twice(flavour: Flavour, stream: Any) -> None:
    """Close, and close again."""
    close(flavour, stream)
    flavour.close(stream)


def close_response(flavour: Flavour, stream: Any) -> None:
    """Break, and close the response under the stream."""
    flavour.take(stream, HALF)
    flavour.wait(stream.response.aclose() if hasattr(stream, "__anext__") else stream.response.close())


def fail_within(flavour: Flavour, stream: Any) -> None:
    """Let an exception out of a `with`."""
    with pytest.raises(BodyError):
        flavour.each(stream, goes_wrong, entered=True)


def close_at_once(flavour: Flavour, stream: Any) -> None:
    """Close what was never read."""
    flavour.close(stream)


def drop(flavour: Flavour, stream: Any) -> None:
    """Break, and forget the stream."""
    flavour.take(stream, HALF)


def drop_by_hand(flavour: Flavour, stream: Any) -> None:
    """Call next() twice, and forget the stream."""
    flavour.next(stream)
    flavour.next(stream)


def drop_failing(flavour: Flavour, stream: Any) -> None:
    """Let an exception out of a bare loop."""
    with pytest.raises(BodyError):
        flavour.each(stream, goes_wrong)


def drop_at_once(_: Flavour, __: Any) -> None:
    """Forget what was never read."""


def drop_reading_on(flavour: Flavour, stream: Any) -> None:
    """Break, resume, break and forget."""
    flavour.take(stream, 1)
    flavour.take(stream, 1)


WAYS: tuple[tuple[str, int, tuple[Way, ...]], ...] = (
    ("completed", ALL, (exhaust, exhaust_within, exhaust_by_hand, exhaust_twice, resume)),
    ("completed", ALL, (finish_and_drop, finish_within, finish_and_close)),
    ("closed", HALF, (leave_within, close, close_twice, close_response, fail_within)),
    ("closed", 0, (close_at_once,)),
    ("abandoned", HALF, (drop, drop_by_hand, drop_failing, drop_reading_on)),
    ("abandoned", 0, (drop_at_once,)),
)
LEAVING = [pytest.param(way, outcome, taken, id=way.__name__) for outcome, taken, ways in WAYS for way in ways]


@pytest.mark.parametrize(("way", "outcome", "taken"), LEAVING)
def test_left_once(
    server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, way: Way, outcome: str, taken: int
) -> None:
    """However a stream is left, there is one span, with what had arrived and how it was left."""
    way(flavour, flavour.create(flavour.client(server), stream=True))
    flavour.collect()

    status = "OK" if outcome == "completed" else "UNSET"
    assert [streamed(server, outcome, taken, status=status)] == [told(span) for span in captured.spans]


@pytest.mark.parametrize(("way", "outcome", "taken"), [row for row in LEAVING if row.values[2] == HALF])
def test_left_while_the_server_is_sending(
    server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, way: Way, outcome: str, taken: int
) -> None:
    """It makes no difference that the rest has not been sent yet."""
    server.script(Stream([*chunks()[:HALF], Stall()]))

    way(flavour, flavour.create(flavour.client(server), stream=True))
    flavour.collect()

    assert [streamed(server, outcome, taken)] == [told(span) for span in captured.spans]


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
