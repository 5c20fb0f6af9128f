"""All figures of a plan, each from a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from bench.export.plan import GRPC, HTTP, RATES, SIZES, Plan

LONGEST: Final = 120
# What receives nothing: nobody listens at the port, which is that of no service that a program has.
GONE: Final = "http://127.0.0.1:9/v1/traces"

Endpoints = Mapping[str, str]
"""Where a receiver listens, by protocol."""


class Rates(NamedTuple):
    """Spans a second, by the number of threads, over one protocol."""

    way: str
    protocol: str
    size: str
    by_threads: dict[int, float]


class Queue(NamedTuple):
    """How many spans wait in a full queue, their bytes, and the seconds until it was full."""

    size: str
    spans: int
    bytes: float
    seconds: float


class Ends(NamedTuple):
    """What ending a span takes: microseconds in the middle and at most, of a hundred but one, by size."""

    name: str
    by_size: dict[str, tuple[float, float]]


class Calls(NamedTuple):
    """Calls a second, and milliseconds of one in the middle and at most, of a hundred but one."""

    name: str
    rate: float
    middle: float
    most: float


class Figures(NamedTuple):
    """Everything that was measured."""

    rates: list[Rates]
    queues: list[Queue]
    ends: list[Ends]
    calls: list[Calls]


def found(measure: str, way: str, endpoint: str = "", protocol: str = HTTP, **options: Any) -> Any:
    """Return what a program finds that measures this."""
    command = (sys.executable, "-m", "bench.export.program", measure, way, endpoint, protocol, json.dumps(options))
    done = subprocess.run(  # noqa: S603 - our own program
        command, capture_output=True, text=True, check=False, timeout=LONGEST
    )
    if done.returncode:
        message = f"{measure} ended with {done.returncode}:\n{done.stderr}"
        raise RuntimeError(message)
    return json.loads(done.stdout)


def rates(plan: Plan, endpoints: Endpoints) -> list[Rates]:
    """Return the highest rates at which nothing is dropped."""
    return [
        Rates(way, protocol, size, _by_threads(plan, (way, endpoints[protocol], protocol), size))
        for way, protocol, size in RATES
    ]


def _by_threads(plan: Plan, place: tuple[str, str, str], size: str) -> dict[int, float]:
    told: dict[int, float] = {}
    first = 1_000.0
    for threads in plan.threads[place[0]]:
        told[threads] = found("rate", *place, size=size, threads=threads, first=first, search=plan.search)
        first = max(told[threads] / 2, 100)
    return told


def queues(plan: Plan, stalled: str) -> list[Queue]:
    """Return what the queue takes before the receiver `stalled`, which accepts connections and never answers."""
    return [
        Queue(size, *found("memory", "configured", stalled, size=size, rate=plan.filling))
        for size in (*SIZES, "largest")
    ]


def lowest(highest: Sequence[Rates], size: str) -> float:
    """Return the rate that ours takes over each protocol and from each number of threads."""
    ours = [each.by_threads for each in highest if (each.way, each.size) == ("configured", size)]
    return min(rate for by_threads in ours for rate in by_threads.values())


def ends(plan: Plan, endpoints: Endpoints, stalled: str, highest: Sequence[Rates]) -> list[Ends]:
    """Return what ending a span takes where little is sent, at half of the highest rate, and in trouble."""
    half = {size: max(lowest(highest, size) / 2, plan.idle) for size in SIZES}
    both = {size: [plan.idle, half[size]] for size in SIZES}
    busy = {size: [half[size]] for size in SIZES}
    names = ("few spans", "half of the highest rate")
    places = (
        ("none", "", HTTP, both, False, [f"no export, {name}" for name in names]),
        ("configured", endpoints[HTTP], HTTP, both, False, [f"HTTP, {name}" for name in names]),
        ("configured", endpoints[GRPC], GRPC, both, False, [f"gRPC, {name}" for name in names]),
        ("configured", stalled, HTTP, busy, True, ["the receiver stalls, the queue is full"]),
        ("configured", GONE, HTTP, busy, True, ["the receiver is gone, the queue is full"]),
    )
    told: list[Ends] = []
    for way, endpoint, protocol, asked, full, lines in places:
        by_size = found("cost", way, endpoint, protocol, rates=asked, seconds=plan.cost, full=full)
        told += [Ends(line, {size: tuple(by_size[size][place]) for size in SIZES}) for place, line in enumerate(lines)]
    return told


def calls(plan: Plan, endpoint: str, base_url: str) -> list[Calls]:
    """Return how the SDK's calls go by themselves, traced, and exported: medians over rounds that take turns."""
    lines = (
        ("not traced", "none", False),
        ("traced, no export", "none", True),
        ("traced and exported over HTTP", "configured", True),
    )
    asked: dict[str, Any] = {"base_url": base_url, "seconds": plan.calls}
    rounds = [
        [found("calls", way, endpoint, traced=traced, **asked) for _, way, traced in lines] for _ in range(plan.rounds)
    ]
    return [
        Calls(name, *(median(column) for column in zip(*(each[place] for each in rounds), strict=True)))
        for place, (name, *_) in enumerate(lines)
    ]
