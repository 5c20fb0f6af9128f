"""A stream that breaks, is cut short or cancelled ends its span once, and the caller sees what the SDK says."""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import openai
import pytest
from asks import CHAT, STREAMED, Ask, each
from stories import Failure, streamed, told

from asking import HTTP
from flavours import ASK, Flavour
from spanglass.testing import Answer, CapturedSpans, OpenAIServer, Request, Stall, Stream, captured_spans, chunks, error

HALF = 2
ALL = 4
CANCELLED = Failure("asyncio.exceptions.CancelledError", "")


class Breaking(NamedTuple):
    """What comes after the first half of a stream that breaks, or how many bytes of it do; what comes of that.

    One exception of these qualified names leaves the SDK, and the API says this in it.
    """

    kinds: set[str]
    then: Mapping[str, Any] | str | Stall | None = None
    said: Mapping[str, str] = {}

    def answer(self, ask: Ask) -> Answer:
        """Return the stream."""
        begun = ask.chunks[: ask.half]
        if self.then is not None:
            return Stream([*begun, self.then])
        return Stream(ask.chunks, cut_at=sum(len(f"data: {json.dumps(chunk)}\n\n") for chunk in begun) + 20)


SAID = {"spanglass.error.code": "busy", "spanglass.error.type": "server_error", "spanglass.error.param": "model"}
BREAKING = {
    "payload": Breaking(
        {"openai.APIError"}, error("Overloaded", kind="server_error", code="busy", param="model"), SAID
    ),
    # An older SDK lets the HTTP client's own exceptions out.
    "cut": Breaking({"openai.APIConnectionError", f"{HTTP.__name__}.RemoteProtocolError"}),
    "timeout": Breaking({"openai.APITimeoutError", f"{HTTP.__name__}.ReadTimeout"}, Stall()),
    "malformed": Breaking({"json.decoder.JSONDecodeError"}, "data: {oops\n\n"),
}


def _break(server: OpenAIServer, flavour: Flavour, ask: Ask, breaking: Breaking, *, entered: bool) -> tuple[str, str]:
    """Read a stream that breaks; return the exception's qualified name and its message."""
    server.script(breaking.answer(ask))
    # Not shorter: where even the headers took longer, the SDK would ask again, and have another answer.
    stream = ask.open(flavour, flavour.client(server, timeout=0.8))
    with pytest.raises(Exception) as raised:  # noqa: PT011 - its type is compared
        flavour.take(stream, entered=entered)
    return f"{raised.type.__module__}.{raised.type.__qualname__}", str(raised.value)


@pytest.mark.parametrize("entered", [False, True], ids=["bare", "with"])
@pytest.mark.parametrize("case", [case for case in BREAKING if case != "timeout"])
@each(STREAMED)
def test_breaks(server: OpenAIServer, flavour: Flavour, ask: Ask, case: str, entered: bool) -> None:  # noqa: FBT001 - a parameter
    """An exception in mid-stream is the SDK's own, and the span tells it with what had arrived before."""
    breaks(server, flavour, ask, BREAKING[case], entered=entered)


@each(STREAMED)
def test_times_out(server: OpenAIServer, flavour: Flavour, ask: Ask) -> None:
    """So it is with a stream that says nothing for too long."""
    breaks(server, flavour, ask, BREAKING["timeout"], entered=False)


def breaks(server: OpenAIServer, flavour: Flavour, ask: Ask, breaking: Breaking, *, entered: bool) -> None:
    """Read it bare and instrumented, and compare."""
    bare = _break(server, flavour, ask, breaking, entered=entered)
    with captured_spans() as captured:
        met = _break(server, flavour, ask, breaking, entered=entered)
        flavour.collect()

    assert bare == met
    assert met[0] in breaking.kinds
    failure = Failure(*met, breaking.said)
    expected = streamed(server, "error", ask.half, ask=ask, status="ERROR", failure=failure)
    assert [expected] == [told(span) for span in captured.spans]


@each([ask for ask in STREAMED if ask is not CHAT])
def test_stops(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, ask: Ask) -> None:
    """A stream of any endpoint that only stopped, without a word that it is done, is truncated."""
    server.script(Stream(ask.chunks[: ask.half], done=False))
    flavour.take(ask.open(flavour, flavour.client(server)))

    assert [streamed(server, "truncated", ask.half, ask=ask)] == [told(span) for span in captured.spans]


UNFINISHED = chunks(finish_reason=None)


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        pytest.param(Stream(UNFINISHED, done=False), 3, id="neither finish reason nor [DONE]"),
        pytest.param(Stream(UNFINISHED), 3, id="no finish reason"),
        pytest.param(Stream([]), 0, id="nothing but [DONE]"),
        pytest.param(Stream([], done=False), 0, id="nothing"),
    ],
)
def test_truncated(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, answer: Answer, taken: int) -> None:
    """A stream that only stopped, without a word of the model that it is done, is truncated."""
    server.script(answer)
    flavour.take(flavour.create(flavour.client(server), stream=True))

    assert [streamed(server, "truncated", taken)] == [told(span) for span in captured.spans]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Stream(chunks(), done=False), id="no [DONE]"),
        pytest.param(Stream([": ping\n\n", *chunks()]), id="comment"),
    ],
)
def test_completed(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, answer: Answer) -> None:
    """A stream in which the model said that it is done is complete."""
    server.script(answer)
    flavour.take(flavour.create(flavour.client(server), stream=True))

    assert [streamed(server, "completed", ALL, status="OK")] == [told(span) for span in captured.spans]


@each(STREAMED)
def test_cancelled(server: OpenAIServer, captured: CapturedSpans, ask: Ask) -> None:
    """A task that is cancelled while it waits for a chunk leaves a span with what had arrived, and no error status."""
    server.script(Stream([*ask.chunks[: ask.half], Stall()]))
    asyncio.run(_cancel_while_reading(server, ask))

    expected = streamed(server, "cancelled", ask.half, ask=ask, failure=CANCELLED)
    assert [expected] == [told(span) for span in captured.spans]


async def _cancel_while_reading(server: OpenAIServer, ask: Ask) -> None:
    half = asyncio.Event()

    async def read(asking: Any) -> None:
        taken = 0
        async for _ in await asking(**ask.body, stream=True):
            taken += 1
            if taken == ask.half:
                half.set()

    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="test") as client:
        task = asyncio.create_task(read(ask.streaming(client)))
        await half.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


NO_STREAM = {
    "spanglass.stream.outcome": None,
    "spanglass.stream.chunk_count": None,
    "spanglass.usage.estimated_completion_tokens": None,
}


def test_cancelled_before_the_headers(server: OpenAIServer, captured: CapturedSpans) -> None:
    """A task that is cancelled while it waits for the response leaves a span without error status."""
    arrived = threading.Event()

    def stall(_: Request) -> Answer:
        arrived.set()
        return Stream([], before=Stall())

    server.script(stall)
    asyncio.run(_cancel_while_waiting(server, arrived))

    expected = streamed(server, "", 0, NO_STREAM, failure=CANCELLED)
    assert [expected] == [told(span) for span in captured.spans if span.name != "attempt"]


async def _cancel_while_waiting(server: OpenAIServer, arrived: threading.Event) -> None:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key="test") as client:
        task = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))  # type: ignore[call-overload]
        await asyncio.to_thread(arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_interleaved(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """Two streams that are read in turns have a span each."""
    client = flavour.client(server)
    streams = [flavour.create(client, stream=True) for _ in range(2)]
    for _ in range(ALL):
        for stream in streams:
            flavour.next(stream)
    for stream in streams:
        flavour.take(stream)

    assert [streamed(server, "completed", ALL, status="OK")] * 2 == [told(span) for span in captured.spans]


def test_read_in_another_thread(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """A stream may be read, and ended, in another thread than the one that made the call."""
    stream = flavour.create(flavour.client(server), stream=True)
    reading = threading.Thread(target=flavour.take, args=(stream,))
    reading.start()
    reading.join()

    assert [streamed(server, "completed", ALL, status="OK")] == [told(span) for span in captured.spans]


def _parsed(flavour: Flavour, client: Any) -> Any:
    return flavour.wait(client.chat.completions.with_raw_response.create(**ASK, stream=True)).parse()


def _posted(flavour: Flavour, client: Any) -> Any:
    kind = openai.AsyncStream if isinstance(client, openai.AsyncOpenAI) else openai.Stream
    body = {"model": ASK["model"], "stream": True, "messages": ASK["messages"]}
    chunk = openai.types.chat.ChatCompletionChunk
    return flavour.wait(client.post("/chat/completions", cast_to=chunk, body=body, stream=True, stream_cls=kind[chunk]))


@pytest.mark.parametrize(("make", "helper"), [(_parsed, "create"), (_posted, None)])
def test_made_otherwise(
    server: OpenAIServer, captured: CapturedSpans, flavour: Flavour, make: Any, helper: str
) -> None:
    """A stream parsed from a raw response, or posted for, is like any other."""
    stream = make(flavour, flavour.client(server))
    taken = flavour.take(stream)

    sent = {"spanglass.sdk.helper": helper, "input.value": server.journal[0].body.decode()}
    expected = streamed(server, "completed", ALL, sent, status="OK")
    assert (ALL, [expected]) == (len(taken), [told(span) for span in captured.spans])


def test_never_parsed(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """A raw response that is dropped unparsed is an abandoned stream."""
    flavour.wait(flavour.client(server).chat.completions.with_raw_response.create(**ASK, stream=True))
    flavour.collect()

    assert [streamed(server, "abandoned", 0)] == [told(span) for span in captured.spans]


def test_parsed_twice(server: OpenAIServer, captured: CapturedSpans, flavour: Flavour) -> None:
    """The stream of a raw response is one, however often it is parsed."""
    raw = flavour.wait(flavour.client(server).chat.completions.with_raw_response.create(**ASK, stream=True))
    taken = [*flavour.take(raw.parse(), HALF), *flavour.take(raw.parse())]

    expected = streamed(server, "completed", ALL, status="OK")
    assert (ALL, [expected]) == (len(taken), [told(span) for span in captured.spans])


def test_uninstrumented_meanwhile(server: OpenAIServer, flavour: Flavour) -> None:
    """A stream that is open when the instrumentation ends is accounted for all the same."""
    with captured_spans() as captured:
        stream = flavour.create(flavour.client(server), stream=True)
        flavour.take(stream, HALF)
    flavour.take(stream)

    assert [streamed(server, "completed", ALL, status="OK")] == [told(span) for span in captured.spans]
