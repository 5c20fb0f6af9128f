"""What callers do to make a call: each returns all that it gets, and of a stream also its type and its attributes."""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from threading import Thread
from typing import Any
from unittest.mock import patch

import openai
from asks import Ask
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from flavours import Flavour

PROGRAM = SpanContext(trace_id=0xA, span_id=0xB, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
"""A span of the program's own, in which it makes a call."""

Act = Callable[[Ask, Flavour, Any], list[Any]]
Reads = Callable[[Ask, Flavour, Any], list[Any]]
"""What is done with a stream, or with a response whose body is still to come."""


def called_at(path: str, ask: Ask, flavour: Flavour, client: Any, **more: Any) -> Any:
    """Call the method at a path of the client, as it is: a manager is still to be entered."""
    asked: dict[str, Any] = {**ask.body, **more}
    return flavour.wait(attrgetter(path)(client)(**asked))


def created(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call the method."""
    return [ask.create(flavour, client)]


def asked(path: str) -> Act:
    """Return what calls the method at a path of the client."""
    return lambda ask, flavour, client: [called_at(path, ask, flavour, client)]


def taken(flavour: Flavour, stream: Any, count: int | None = None, *, entered: bool = False) -> list[Any]:
    """Read a stream."""
    return [type(stream), sorted(vars(stream)), *flavour.take(stream, count, entered=entered)]


def read(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Read a streamed call to its end."""
    return taken(flavour, ask.open(flavour, client))


def left(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Leave a streamed call early, in a `with`."""
    return taken(flavour, ask.open(flavour, client), ask.half, entered=True)


def raw(ask: Ask, flavour: Flavour, client: Any, **more: Any) -> Any:
    """Ask for the raw response."""
    return called_at(f"{ask.owner}.with_raw_response.{ask.helper}", ask, flavour, client, **more)


def parsed(flavour: Flavour, response: Any, *, times: int = 1, **to: Any) -> list[Any]:
    """Parse a raw response."""
    found = [flavour.wait(response.parse(**to)) for _ in range(times)]
    return [response, *found, [one is found[0] for one in found]]


def raw_parsed(times: int = 1, path: str | None = None) -> Act:
    """Return what asks for the raw response, at this path of the client if not at its usual one, and parses it."""

    def act(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
        response = raw(ask, flavour, client) if path is None else called_at(path, ask, flavour, client)
        return parsed(flavour, response, times=times)

    return act


def raw_unparsed(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Read the raw response's bytes alone."""
    return [raw(ask, flavour, client).http_response.content]


def raw_mine(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Parse a raw response to a type of the caller's."""

    class Mine(openai.BaseModel):
        id: str

    response = raw(ask, flavour, client)
    return [response, response.parse(to=Mine), response.parse()]


def raw_read(ask: Ask, flavour: Flavour, client: Any, **to: Any) -> list[Any]:
    """Parse a raw response that is streamed, and read the stream."""
    response = raw(ask, flavour, client, stream=True)
    stream = flavour.wait(response.parse(**to))
    return [response, response.parse(**to) is stream, *taken(flavour, stream)]


def raw_read_mine(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Parse it to a stream of the caller's own chunks."""
    return raw_read(ask, flavour, client, to=STREAMS[flavour.kind][ask.type(1)])


def body(reads: Reads, **more: Any) -> Act:
    """Return what asks for a response that is still to be read, and reads it so."""

    def act(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
        asking = called_at(f"{ask.owner}.with_streaming_response.{ask.helper}", ask, flavour, client, **more)
        with flavour.entered(asking) as response:
            consumed = response.http_response.is_stream_consumed
            return [response, consumed, *reads(ask, flavour, response)]

    return act


def body_by_hand(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Enter the manager of such a response by hand, read its stream, and leave it by hand, as agents do."""
    asking = called_at(f"{ask.owner}.with_streaming_response.{ask.helper}", ask, flavour, client, stream=True)
    enter, leave = (
        getattr(asking, name, None) or getattr(asking, f"__a{name[2:]}") for name in ("__enter__", "__exit__")
    )
    response = flavour.wait(enter())
    try:
        return [response, *taken(flavour, flavour.wait(response.parse()))]
    finally:
        flavour.wait(leave(None, None, None))


def called(method: str) -> Reads:
    """Return what reads a body by a method."""
    return lambda _, flavour, response: [flavour.wait(getattr(response, method)())]


def iterated(method: str, *, early: bool = False) -> Reads:
    """Return what reads a body by an iterator; pieces are joined, since where they are cut is the network's.

    One that is left `early` is so after the lines of the first half of the chunks.
    """

    def reads(ask: Ask, flavour: Flavour, response: Any) -> list[Any]:
        pieces = flavour.take(getattr(response, method)(), 2 * ask.half - 1 if early else None)
        return pieces if method == "iter_lines" else [pieces[0][:0].join(pieces)]

    return reads


def streamed(_: Ask, flavour: Flavour, response: Any) -> list[Any]:
    """Parse a response whose body is still to come, and read the stream."""
    return taken(flavour, flavour.wait(response.parse()))


def streamed_half(ask: Ask, flavour: Flavour, response: Any) -> list[Any]:
    """Read half of it."""
    return taken(flavour, flavour.wait(response.parse()), ask.half)


def managed(path: str, reads: Reads, **more: Any) -> Act:
    """Return what enters the SDK's `stream()`, and reads what it gives; `more` replaces the body where there is any."""

    def act(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
        with flavour.entered(attrgetter(path)(client)(**(more or ask.body))) as events:
            return [type(events), sorted(vars(events)), *reads(ask, flavour, events)]

    return act


def events_of(_: Ask, flavour: Flavour, events: Any) -> list[Any]:
    """Take all events."""
    return flavour.take(events)


def until_hel(_: Ask, flavour: Flavour, events: Any) -> list[Any]:
    """Take events until the first text."""
    met: list[Any] = []

    def leaves(event: Any) -> bool:
        met.append(event)
        return getattr(event, "delta", None) == "Hel"

    flavour.each(events, leaves)
    return met


STREAMS: dict[Any, Any] = {openai.OpenAI: openai.Stream, openai.AsyncOpenAI: openai.AsyncStream}


def post(ask: Ask, flavour: Flavour, client: Any, **given: Any) -> Any:
    """Call the client's own `post`."""
    return flavour.wait(client.post(ask.path, **{"cast_to": ask.type(0), "body": ask.body, **given}))


def posted(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Return what `post` gives."""
    return [post(ask, flavour, client)]


def post_stream(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Read what `post` streams."""
    kind, asked = STREAMS[flavour.kind][ask.type(1)], {**ask.body, "stream": True}
    return taken(flavour, post(ask, flavour, client, body=asked, stream=True, stream_cls=kind))


def post_raw(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Ask `post` for the raw response, by the SDK's own header."""
    header = importlib.import_module("openai._constants").RAW_RESPONSE_HEADER
    return parsed(flavour, post(ask, flavour, client, options={"headers": {header: "true"}}))


def with_options(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call a client with options of its own."""
    return created(ask, flavour, client.with_options(timeout=30, max_retries=1))


def copied(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call the copy of a client."""
    return created(ask, flavour, client.copy())


def of_module(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call the function of the module, whose settings and client are put back."""
    with patch.multiple(openai, api_key="test", base_url=client.base_url):
        try:
            return [ask.create(flavour, openai)]
        finally:
            openai._reset_client()  # noqa: SLF001 - as the SDK's own tests do


def kept_raw(ask: Ask, flavour: Flavour, kept: Any) -> list[Any]:
    """Call what was kept of the raw methods."""
    return parsed(flavour, called_at(ask.helper, ask, flavour, kept))


def kept_method(ask: Ask, flavour: Flavour, kept: Any) -> list[Any]:
    """Call the method that was kept."""
    return [flavour.wait(kept(**ask.body))]


def in_messages(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Make a call while the messages of another are read."""
    answers: list[Any] = []

    def messages() -> Any:
        with openai.OpenAI(base_url=client.base_url, api_key="test") as inner:
            answers.append(called_at(ask.method, ask, flavour, inner, model="inner"))
        yield from ask.body["messages"]

    return [ask.create(flavour, client, messages=messages()), *answers]


def in_loop(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Make a call while another's stream is open."""
    stream = ask.open(flavour, client)
    first = flavour.next(stream)
    return [first, ask.create(flavour, client, model="inner"), *taken(flavour, stream)]


def between(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Run the tool that a call asks for, which makes a call itself, and call again."""
    asking = ask.create(flavour, client)
    (wanted,) = asking.choices[0].message.tool_calls
    tool = ask.create(flavour, client, model=wanted.function.name)
    return [asking, tool, ask.create(flavour, client)]


def in_thread(act: Callable[[], list[Any]]) -> list[Any]:
    """Do it in a thread of its own."""
    got: list[Any] = []
    thread = Thread(target=lambda: got.extend(act()))
    thread.start()
    thread.join()
    return got


def created_in_thread(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call in a thread."""
    return in_thread(lambda: created(ask, flavour, client))


def in_program(act: Act) -> Act:
    """Return what does it under the program's own span."""

    def within(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
        with trace.use_span(NonRecordingSpan(PROGRAM)):
            return [*act(ask, flavour, client), trace.get_current_span().get_span_context() == PROGRAM]

    return within


def pooled(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Call in a thread of a pool."""
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(ask.create, flavour, client).result()]


def read_in_thread(ask: Ask, flavour: Flavour, client: Any) -> list[Any]:
    """Begin a stream here, and read it in another thread, and so in another task."""
    stream = ask.open(flavour, client)
    return in_thread(lambda: taken(flavour, stream))
