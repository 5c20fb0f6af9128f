"""What is measured, and for how long."""

from typing import Final, NamedTuple

from bench.export.search import Search

HTTP: Final = "http/protobuf"
GRPC: Final = "grpc"
PROTOCOLS: Final = {HTTP: "HTTP", GRPC: "gRPC"}
SIZES: Final = ("small", "large")
# Whose rates are looked for: a way, a protocol, a size. The SDK's batches are bounded in number alone: those of large
# spans are 10 MB, which no gRPC receiver takes.
RATES: Final = (
    *(("configured", protocol, size) for protocol in PROTOCOLS for size in SIZES),
    ("by hand", HTTP, "small"),
    ("by hand", HTTP, "large"),
    ("by hand", GRPC, "small"),
)


class Plan(NamedTuple):
    """The threads of the rates, by the way; seconds of costs and of calls, and their rounds.

    `filling` is the rate at which a queue is filled, `idle` that of a program that does little, in spans a second.
    """

    threads: dict[str, tuple[int, ...]]
    search: Search
    cost: float
    calls: float
    rounds: int
    filling: float = 1_000
    idle: float = 200


FULL: Final = Plan(
    {"configured": (1, 4, 16, 64), "by hand": (4, 64)}, Search(1.5, 4, 3, 6, 0.15), cost=2, calls=2, rounds=3
)
QUICK: Final = Plan(
    {"configured": (2,), "by hand": (2,)}, Search(0.1, 0.2, 1, 2, 0.5), cost=0.1, calls=0.2, rounds=1, filling=1e6
)
