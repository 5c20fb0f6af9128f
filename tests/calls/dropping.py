"""A program that drops streams in every way, while locks that the end of a span needs are held by the same thread.

It is given a base URL and the kind of the span processor, and prints what the spans said, by the way of dropping.
"""

import asyncio
import gc
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import openai
from leaving import watch
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanglass import OpenAIInstrumentor
from spanglass.calls.unfinished import drain

ROUNDS = 3
exporter = InMemorySpanExporter()
plain = Lock()
held: list[Any] = []


class Locking(SpanProcessor):
    """Keeps the ended spans under a lock that its own thread cannot take twice, and makes garbage meanwhile."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        """Make garbage under the lock."""
        with plain:
            litter()

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span."""
        with plain:
            litter()
            exporter.export([span])


PROCESSORS: dict[str, Callable[[], SpanProcessor]] = {
    "plain": Locking,
    "simple": lambda: SimpleSpanProcessor(exporter),
    "batch": lambda: BatchSpanProcessor(exporter),
}


def litter() -> None:
    """Make the collector run, as any allocation may."""
    for _ in range(20):
        circle: list[Any] = []
        circle.append(circle)
    gc.collect()


def ask(client: openai.OpenAI, way: str) -> Any:
    """Return a stream whose span names the way in which it will be dropped."""
    return client.chat.completions.create(model=way, messages=[], stream=True)


def unread(client: openai.OpenAI) -> None:
    """Drop a stream that nobody has read."""
    ask(client, "unread")


def broken(client: openai.OpenAI) -> None:
    """Drop a stream after a break."""
    for _ in ask(client, "broken"):
        break


def by_hand(client: openai.OpenAI) -> None:
    """Drop a stream after a next()."""
    next(ask(client, "by_hand"))


def unparsed(client: openai.OpenAI) -> None:
    """Drop a raw response."""
    client.chat.completions.with_raw_response.create(model="unparsed", messages=[], stream=True)


def in_circle(client: openai.OpenAI) -> None:
    """Drop a stream that refers to itself."""
    stream = ask(client, "in_circle")
    next(stream)
    stream.itself = stream


def generator(client: openai.OpenAI) -> None:
    """Drop a suspended generator that would close its stream, in a circle."""

    def pieces() -> Iterator[Any]:
        with ask(client, "generator") as stream:
            yield from stream

    circle: dict[str, Any] = {"pieces": pieces()}
    circle["circle"] = circle
    next(circle["pieces"])


def closing_unread(client: openai.OpenAI) -> None:
    """Drop a suspended generator that would close its stream, which it has not begun to read."""

    def pieces() -> Iterator[Any]:
        with ask(client, "closing_unread") as stream:
            yield
            yield from stream

    circle: dict[str, Any] = {"pieces": pieces()}
    circle["circle"] = circle
    next(circle["pieces"])


def closing_held(client: openai.OpenAI) -> None:
    """Drop a suspended generator that would close a stream, which is held elsewhere."""

    def pieces(stream: Any) -> Iterator[Any]:
        with stream:
            yield from stream

    held.append(ask(client, "closing_held"))
    circle: dict[str, Any] = {"pieces": pieces(held[-1])}
    circle["circle"] = circle
    next(circle["pieces"])


def asynchronous(client: openai.OpenAI) -> None:
    """Drop an async stream when its event loop is gone."""

    async def read() -> Any:
        asking = openai.AsyncOpenAI(base_url=client.base_url, api_key="test")
        stream = await asking.chat.completions.create(model="asynchronous", messages=[], stream=True)
        await anext(stream)
        return stream

    loop = asyncio.new_event_loop()
    circle = {"stream": loop.run_until_complete(read())}
    circle["circle"] = circle
    loop.close()


WAYS = (unread, broken, by_hand, unparsed, in_circle, generator, closing_unread, closing_held, asynchronous)


def drop_all(client: openai.OpenAI, locks: list[Any]) -> None:
    """Drop streams while the locks are free, and collect them while they are held."""
    for way in WAYS:
        gc.disable()
        way(client)
        for lock in locks:
            lock.acquire()
        litter()
        for lock in locks:
            lock.release()
        gc.enable()


def locks_of(*owners: Any) -> list[Any]:
    """Return the locks that are attributes of some objects."""
    return [value for owner in owners if owner for value in vars(owner).values() if hasattr(value, "release")]


def main() -> None:
    """Run all of it, then say what came out."""
    base_url, kind = sys.argv[1:]
    watch()
    processor = PROCESSORS[kind]()
    provider = TracerProvider()
    provider.add_span_processor(processor)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    locks = [plain, *locks_of(exporter, processor, getattr(processor, "_batch_processor", None))]
    before = gc.get_threshold()
    with openai.OpenAI(base_url=base_url, api_key="test") as client:
        gc.freeze()  # what was imported need not be walked each time
        for _ in range(ROUNDS):
            drop_all(client, locks)
    gc.set_threshold(1)
    for way in WAYS:  # collected wherever an allocation happens, the span processor included
        # A client each: httpcore closes what was dropped under the lock of its pool, which it may hold right then.
        with openai.OpenAI(base_url=base_url, api_key="test") as client:
            way(client)
    gc.set_threshold(*before)
    gc.collect()
    drain()
    provider.force_flush()
    told = defaultdict(list)
    for span in exporter.get_finished_spans():
        said = span.attributes or {}
        told[str(said["llm.model_name"])].append(said["spanglass.stream.outcome"])
    print(json.dumps(told))  # noqa: T201 - the result


main()
