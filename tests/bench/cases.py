"""What is measured, and what it may cost."""

import gc
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple

import openai

from bench import api
from flavours import Async
from spanglass import trace
from spanglass.calls import tracing

Run = Callable[[], object]

DEFAULT: Final = ("openinference", "spanglass")
ALL: Final = (*DEFAULT, "gen_ai")
# Two lengths of a stream: the difference is that many chunks, and nothing else. Whole batches of the accumulator.
SHORT: Final = 64
LONG: Final = 192
ASKED: Final[dict[str, Any]] = {"model": "gpt-4o-mini", "temperature": 0.2}
HELLO: Final = [{"role": "user", "content": "What is the capital of France?"}]


class Case(NamedTuple):
    """One thing that a program does: `units` of it are what `run` does more than `shorter`, if there is one.

    A run that ends in an exception returns it. `budget` is how many calls tracing may add to a unit; `runs` how many
    make one timing. With `panel` it is how many calls the panel may add to tracing: printed, or where the call is
    `within` a span that stays open, only noted.
    """

    name: str
    budget: float
    run: Run
    shorter: Run | None = None
    units: int = 1
    conventions: tuple[str, ...] = ALL
    sampled: bool = True
    runs: int = 10
    panel: bool = False
    within: bool = False


def _failing(stack: ExitStack) -> Run:
    client: Any = stack.enter_context(api.client(api.refused()))

    def run() -> Exception | None:
        try:
            client.chat.completions.create(**ASKED, messages=HELLO)
        except openai.AuthenticationError as error:
            return error
        return None

    return run


Ask = tuple[str, dict[str, Any]]
"""The path of a method, and what it is asked."""
CHAT: Final[Ask] = ("chat.completions.create", {**ASKED, "messages": HELLO})
RESPONSE: Final[Ask] = ("responses.create", {**ASKED, "input": HELLO[0]["content"]})
ITEMS: Final = [{"role": ("user", "assistant")[n % 2], "content": f"Turn {n}."} for n in range(40)]


def _asking(stack: ExitStack, answers: api.Answers, path: str, asked: dict[str, Any]) -> Run:
    client: Any = stack.enter_context(api.client(answers))
    method = attrgetter(path)
    return lambda: method(client)(**asked)


def _stream(stack: ExitStack, streaming: api.Streaming, ask: Ask, pieces: int) -> Run:
    asking = _asking(stack, streaming(pieces), ask[0], {**ask[1], "stream": True})

    def run() -> None:
        stream: Any = asking()
        for _ in stream:
            pass

    return run


def _stream_async(stack: ExitStack, flavour: Async, streaming: api.Streaming, ask: Ask, pieces: int) -> Run:
    client: Any = api.async_client(api.for_async(streaming(pieces)))
    stack.callback(flavour.close, client)
    method = attrgetter(ask[0])

    async def run() -> None:
        async for _ in await method(client)(**ask[1], stream=True):
            pass

    return lambda: flavour.wait(run())


def _lengths(make: Callable[[int], Run]) -> tuple[Run, Run, int]:
    """Return a long stream, a short one, and how many chunks the one has more."""
    return make(LONG), make(SHORT), LONG - SHORT


def _answer(question: str) -> str:
    return question


_traced = trace(_answer)


def _function() -> object:
    return (_answer if tracing.current is None else _traced)("What is the capital of France?")


@contextmanager
def cases() -> Generator[tuple[Case, ...]]:
    """Give all cases; their clients are closed at the end."""
    with ExitStack() as stack:
        gc.freeze()  # what stands already is not gone over at each collection between the measurements
        stack.callback(gc.unfreeze)
        flavour = Async()
        stack.callback(flavour.leave)
        small = _asking(stack, api.whole(), *CHAT)
        long = _asking(stack, api.whole(), CHAT[0], {**ASKED, "messages": ITEMS})
        chunks = _lengths(partial(_stream, stack, api.streamed, CHAT))
        chunks_async = _lengths(partial(_stream_async, stack, flavour, api.streamed, CHAT))
        events = _lengths(partial(_stream, stack, api.responding, RESPONSE))
        events_async = _lengths(partial(_stream_async, stack, flavour, api.responding, RESPONSE))
        response = _asking(stack, api.answered(), *RESPONSE)
        items = _asking(stack, api.answered(), "responses.create", {**ASKED, "input": ITEMS})
        retrieve = _asking(stack, api.answered(), "responses.retrieve", {"response_id": "resp_test"})
        embedding = {"model": "text-embedding-3-small", "input": HELLO[0]["content"]}
        vector = _asking(stack, api.embedded(), "embeddings.create", embedding)
        yield (
            Case("small call, default", 580, small, conventions=DEFAULT),
            Case("small call", 580, small),
            Case("40 messages, default", 1400, long, conventions=DEFAULT, runs=2),
            Case("40 messages", 1400, long, runs=2),
            Case("stream chunk", 3, *chunks, runs=1),
            Case("stream chunk, async", 4, *chunks_async, runs=1),
            Case("unsampled call", 80, small, sampled=False),
            Case("unsampled chunk", 0, *chunks, sampled=False, runs=1),
            Case("unsampled chunk, async", 0, *chunks_async, sampled=False, runs=1),
            Case("failed call", 600, _failing(stack)),
            Case("small response", 580, response),
            Case("40 input items", 1400, items, runs=2),
            Case("response event", 3, *events, runs=1),
            Case("response event, async", 4, *events_async, runs=1),
            Case("unsampled response", 80, response, sampled=False),
            Case("unsampled event", 0, *events, sampled=False, runs=1),
            Case("unsampled event, async", 0, *events_async, sampled=False, runs=1),
            Case("response retrieved", 580, retrieve),
            Case("small embedding", 5165, vector),
            Case("function with @trace", 235, _function),
            Case("panel noted", 800, small, panel=True, within=True),
            Case("panel printed", 1650, small, panel=True),
        )
