"""A real Jaeger 2, as the example configures it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from processes import LOOPBACK, answers, free_ports, listens, running

CONFIGURATION = Path(__file__).parents[2] / "examples" / "backends" / "jaeger" / "jaeger.yaml"


class Jaeger(NamedTuple):
    """A running Jaeger: its address, and where it takes spans, by protocol."""

    url: str
    endpoints: dict[str, str]


@contextmanager
def jaeger_2(binary: Path, directory: Path) -> Iterator[Jaeger]:
    """Run Jaeger for the block, with its log in `directory`."""
    http, grpc, query, query_grpc = free_ports(4)
    environment = {
        "OTLP_HTTP_PORT": str(http),
        "OTLP_GRPC_PORT": str(grpc),
        "JAEGER_HTTP_PORT": str(query),
        "JAEGER_GRPC_PORT": str(query_grpc),
    }
    url = f"http://{LOOPBACK}:{query}"
    ready = lambda: listens(http) and listens(grpc) and answers(f"{url}/api/v3/services")  # noqa: E731 - used once
    command = [str(binary), "--config", str(CONFIGURATION)]
    with running(command, ready, directory=directory, environment=environment, seconds=30):
        yield Jaeger(url, {"http/protobuf": f"http://{LOOPBACK}:{http}", "grpc": f"http://{LOOPBACK}:{grpc}"})
