"""What callers do to make a call: each returns all that it gets, and of a stream also its type and its attributes."""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from threading import Thread
from typing import Any
from unittest.mock import patch

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from flavours import ASK, Flavour

ASKED: dict[str, Any] = ASK
PROGRAM = SpanContext(trace_id=0xA, span_id=0xB, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
"""A span of the program's own, in which it makes a call."""

Act = Callable[[Flavour, Any], list[Any]]


def taken(flavour: Flavour, stream: Any, count: int | None = None, *, entered: bool = False) -> list[Any]:
    """Read a stream."""
    return [type(stream), sorted(vars(stream)), *flavour.take(stream, count, entered=entered)]


def read(flavour: Flavour, client: Any) -> list[Any]:
    """Read a streamed call to its end."""
    return taken(flavour, flavour.create(client, stream=True))


def raw(flavour: Flavour, client: Any, **asked: Any) -> Any:
    """Ask for the raw response."""
    return flavour.wait(client.chat.completions.with_raw_response.create(**ASKED, **asked))


def parsed(flavour: Flavour, response: Any, *, times: int = 1, **to: Any) -> list[Any]:
    """Parse a raw response."""
    found = [flavour.wait(response.parse(**to)) for _ in range(times)]
    return [response, *found, [one is found[0] for one in found]]


def raw_mine(flavour: Flavour, client: Any) -> list[Any]:
    """Parse a raw response to a type of the caller's."""

    class Mine(openai.BaseModel):
        id: str

    response = raw(flavour, client)
    return [response, response.parse(to=Mine), response.parse()]


def raw_read(flavour: Flavour, client: Any, **to: Any) -> list[Any]:
    """Parse a raw response that is streamed, and read the stream."""
    response = raw(flavour, client, stream=True)
    stream = flavour.wait(response.parse(**to))
    return [response, response.parse(**to) is stream, *taken(flavour, stream)]


def raw_read_mine(flavour: Flavour, client: Any) -> list[Any]:
    """Parse it to a stream of the caller's own chunks."""
    kind: Any = STREAMS[flavour.kind]
    return raw_read(flavour, client, to=kind[ChatCompletionChunk])


def body(reads: Callable[[Flavour, Any], list[Any]], **asked: Any) -> Act:
    """Return what asks for a response that is still to be read, and reads it so."""

    def act(flavour: Flavour, client: Any) -> list[Any]:
        asking = client.chat.completions.with_streaming_response.create(**ASKED, **asked)
        with flavour.entered(asking) as response:
            consumed = response.http_response.is_stream_consumed
            return [response, consumed, *reads(flavour, response)]

    return act


def called(method: str) -> Callable[[Flavour, Any], list[Any]]:
    """Return what reads a body by a method."""
    return lambda flavour, response: [flavour.wait(getattr(response, method)())]


def iterated(method: str, count: int | None = None) -> Callable[[Flavour, Any], list[Any]]:
    """Return what reads a body by an iterator; pieces are joined, since where they are cut is the network's."""

    def reads(flavour: Flavour, response: Any) -> list[Any]:
        pieces = flavour.take(getattr(response, method)(), count)
        return pieces if method == "iter_lines" else [pieces[0][:0].join(pieces)]

    return reads


def managed(path: str, reads: Callable[[Flavour, Any], list[Any]]) -> Act:
    """Return what enters the SDK's `stream()`, and reads what it gives."""

    def act(flavour: Flavour, client: Any) -> list[Any]:
        with flavour.entered(attrgetter(path)(client)(**ASKED)) as events:
            return [type(events), sorted(vars(events)), *reads(flavour, events)]

    return act


def until_hel(flavour: Flavour, events: Any) -> list[Any]:
    """Take events until the first text."""
    met: list[Any] = []

    def leaves(event: Any) -> bool:
        met.append(event)
        return getattr(event, "delta", None) == "Hel"

    flavour.each(events, leaves)
    return met


STREAMS: dict[Any, Any] = {openai.OpenAI: openai.Stream, openai.AsyncOpenAI: openai.AsyncStream}


def post(flavour: Flavour, client: Any, **given: Any) -> Any:
    """Call the client's own `post`."""
    return flavour.wait(client.post("/chat/completions", **{"cast_to": ChatCompletion, "body": ASKED, **given}))


def post_stream(flavour: Flavour, client: Any) -> list[Any]:
    """Read what `post` streams."""
    kind = STREAMS[flavour.kind][ChatCompletionChunk]
    return taken(flavour, post(flavour, client, body={**ASKED, "stream": True}, stream=True, stream_cls=kind))


def post_raw(flavour: Flavour, client: Any) -> list[Any]:
    """Ask `post` for the raw response, by the SDK's own header."""
    header = importlib.import_module("openai._constants").RAW_RESPONSE_HEADER
    return parsed(flavour, post(flavour, client, options={"headers": {header: "true"}}))


def of_module(_flavour: Flavour, client: Any) -> list[Any]:
    """Call the function of the module, whose settings and client are put back."""
    with patch.multiple(openai, api_key="test", base_url=client.base_url):
        try:
            return [openai.chat.completions.create(**ASKED)]
        finally:
            openai._reset_client()  # noqa: SLF001 - as the SDK's own tests do


def in_messages(flavour: Flavour, client: Any) -> list[Any]:
    """Make a call while the messages of another are read."""
    answers: list[Any] = []

    def messages() -> Any:
        with openai.OpenAI(base_url=client.base_url, api_key="test") as inner:
            answers.append(inner.chat.completions.create(**{**ASKED, "model": "inner"}))
        yield from ASKED["messages"]

    return [flavour.create(client, messages=messages()), *answers]


def in_loop(flavour: Flavour, client: Any) -> list[Any]:
    """Make a call while another's stream is open."""
    stream = flavour.create(client, stream=True)
    first = flavour.next(stream)
    return [first, flavour.create(client, model="inner"), *taken(flavour, stream)]


def between(flavour: Flavour, client: Any) -> list[Any]:
    """Run the tool that a call asks for, which makes a call itself, and call again."""
    asking = flavour.create(client)
    (wanted,) = asking.choices[0].message.tool_calls
    tool = flavour.create(client, model=wanted.function.name)
    return [asking, tool, flavour.create(client)]


def in_thread(act: Callable[[], list[Any]]) -> list[Any]:
    """Do it in a thread of its own."""
    got: list[Any] = []
    thread = Thread(target=lambda: got.extend(act()))
    thread.start()
    thread.join()
    return got


def in_program(act: Act) -> Act:
    """Return what does it under the program's own span."""

    def within(flavour: Flavour, client: Any) -> list[Any]:
        with trace.use_span(NonRecordingSpan(PROGRAM)):
            return [*act(flavour, client), trace.get_current_span().get_span_context() == PROGRAM]

    return within


def pooled(flavour: Flavour, client: Any) -> list[Any]:
    """Call in a thread of a pool."""
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(flavour.create, client).result()]


def read_in_thread(flavour: Flavour, client: Any) -> list[Any]:
    """Begin a stream here, and read it in another thread, and so in another task."""
    stream = flavour.create(client, stream=True)
    return in_thread(lambda: taken(flavour, stream))


def created(flavour: Flavour, client: Any) -> list[Any]:
    """Call `create`."""
    return [flavour.create(client)]


def asked(path: str) -> Act:
    """Return what calls the method at a path of the client."""

    def act(flavour: Flavour, client: Any) -> list[Any]:
        return [flavour.wait(attrgetter(path)(client)(**ASKED))]

    return act
