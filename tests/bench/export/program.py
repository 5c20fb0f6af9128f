"""The program that is measured, in a process of its own: takes what to measure, and prints what it found, as JSON."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, perf_counter_ns, sleep
from typing import Any, Final

import openai

from bench.cases import ASKED, HELLO
from bench.export.load import End, load
from bench.export.search import Search, Step
from bench.export.spans import Begin, spans
from bench.export.ways import WAYS, Way
from spanglass import OpenAIInstrumentor

THREADS: Final = 4
# More spans than any queue has place for.
AT_MOST: Final = 10_000
AS_FAST_AS_CAN_BE: Final = 1e9


def rate(way: Way, *, size: str, threads: int, first: float, search: list[Any]) -> float:
    """Return the highest rate, in spans a second, at which none is dropped."""
    begin = _spans(way, size)
    ended = 0

    def step(rate: float, seconds: float) -> Step:
        nonlocal ended
        before = way.dropped(ended)
        done = load([lambda number: begin(number).end()] * threads, rate, seconds)
        ended += done.calls
        begun = perf_counter()
        way.flush()
        return Step(done.calls / done.seconds, way.dropped(ended) - before, perf_counter() - begun)

    step(100, 0.1)  # connects
    return Search(*search).highest(step, first)


def memory(way: Way, *, size: str, rate: float) -> tuple[int, float, float]:
    """Return how many spans wait where the receiver takes none, the bytes that the process grew by, and seconds."""
    begin = _spans(way, size)
    begin(0)  # what is loaded for the first one
    before = _resident()
    begun = perf_counter()
    count = _fill(way, begin, rate)
    return count, _resident() - before, perf_counter() - begun


def cost(way: Way, *, rates: dict[str, list[float]], seconds: float, full: bool) -> dict[str, list[list[float]]]:
    """Return, by size, the median and the 99th percentile of a span's end at each of its rates, in microseconds."""
    found: dict[str, list[list[float]]] = {}
    for size, each in rates.items():
        begin = _spans(way, size)
        if full:
            _fill(way, begin, AS_FAST_AS_CAN_BE)
        found[size] = [_cost(begin, rate, seconds) for rate in each]
        if not full:
            way.flush()
    return found


def _cost(begin: Begin, rate: float, seconds: float) -> list[float]:
    lists: list[list[int]] = [[] for _ in range(THREADS)]

    def ending(times: list[int]) -> End:
        def end(number: int) -> None:
            span = begin(number)
            begun = perf_counter_ns()
            span.end()
            times.append(perf_counter_ns() - begun)

        return end

    load([ending(times) for times in lists], rate, seconds)
    return _middle_and_most(lists, 1e3)


def calls(way: Way, *, base_url: str, traced: bool, seconds: float) -> list[float]:
    """Return how many calls a second the SDK makes, and the median and the 99th percentile of one, in milliseconds."""
    client: Any = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)
    if traced:
        OpenAIInstrumentor().instrument(tracer_provider=way.provider)
    lists: list[list[int]] = [[] for _ in range(THREADS)]

    def calling(times: list[int]) -> End:
        def call(_: int) -> None:
            begun = perf_counter_ns()
            client.chat.completions.create(**ASKED, messages=HELLO)
            times.append(perf_counter_ns() - begun)

        return call

    load([calling([]) for _ in lists], AS_FAST_AS_CAN_BE, seconds / 4)
    done = load([calling(times) for times in lists], AS_FAST_AS_CAN_BE, seconds)
    return [done.calls / done.seconds, *_middle_and_most(lists, 1e6)]


def _middle_and_most(lists: list[list[int]], unit: float) -> list[float]:
    times = [time / unit for times in lists for time in times]
    return [median(times), quantiles(times, n=100, method="inclusive")[98]]


def _spans(way: Way, size: str) -> Begin:
    return spans(way.provider.get_tracer("bench"), size)


def _fill(way: Way, begin: Begin, rate: float) -> int:
    """End so many spans a second until one is dropped; return how many were not."""
    begun = perf_counter()
    for number in range(AT_MOST):
        if way.dropped(0):
            return number - 1
        sleep(max(0, begun + number / rate - perf_counter()))
        begin(number).end()
    return AT_MOST


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


MEASURES: Final[dict[str, Callable[..., Any]]] = {"rate": rate, "memory": memory, "cost": cost, "calls": calls}


def main(measure: str, way: str, endpoint: str, protocol: str, options: str) -> None:
    """Measure, and leave at once: a receiver that does not answer is not waited for."""
    found = MEASURES[measure](WAYS[way](endpoint, protocol), **json.loads(options))
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
