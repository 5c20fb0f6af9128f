"""What is measured, and what it may cost."""

import gc
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
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


def _call(stack: ExitStack, messages: list[dict[str, str]]) -> Run:
    client: Any = stack.enter_context(api.client(api.whole()))
    return lambda: client.chat.completions.create(**ASKED, messages=messages)


def _failing(stack: ExitStack) -> Run:
    client: Any = stack.enter_context(api.client(api.refused()))

    def run() -> Exception | None:
        try:
            client.chat.completions.create(**ASKED, messages=HELLO)
        except openai.AuthenticationError as error:
            return error
        return None

    return run


def _stream(stack: ExitStack, pieces: int) -> Run:
    client: Any = stack.enter_context(api.client(api.streamed(pieces)))

    def run() -> None:
        for _ in client.chat.completions.create(**ASKED, messages=HELLO, stream=True):
            pass

    return run


def _stream_async(stack: ExitStack, flavour: Async, pieces: int) -> Run:
    client: Any = api.async_client(api.streamed_async(pieces))
    stack.callback(flavour.close, client)

    async def run() -> None:
        async for _ in await client.chat.completions.create(**ASKED, messages=HELLO, stream=True):
            pass

    return lambda: flavour.wait(run())


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
        small = _call(stack, HELLO)
        long = _call(stack, [{"role": ("user", "assistant")[n % 2], "content": f"Turn {n}."} for n in range(40)])
        chunks = (_stream(stack, LONG), _stream(stack, SHORT), LONG - SHORT)
        chunks_async = (_stream_async(stack, flavour, LONG), _stream_async(stack, flavour, SHORT), LONG - SHORT)
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
            Case("function with @trace", 235, _function),
            Case("panel noted", 800, small, panel=True, within=True),
            Case("panel printed", 1650, small, panel=True),
        )
