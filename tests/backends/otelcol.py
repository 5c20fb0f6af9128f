"""A real OpenTelemetry Collector, as the example configures it, and the file that it writes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, awaited, free_ports, listens, running
from wire import Nested, arrived, from_json, traces_of

CONFIGURATION = Path(__file__).parents[2] / "examples" / "backends" / "collector" / "collector.yaml"


class Collector(NamedTuple):
    """A running Collector: where it takes spans, by protocol, and the file in which they come out."""

    endpoints: dict[str, str]
    file: Path

    def headers(self, project: str) -> dict[str, str]:  # noqa: ARG002 - every backend is asked
        """Return none: the resource says whose spans they are."""
        return {}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return what it wrote of the traces of `spans`, waiting until it is as many."""
        return awaited(lambda: self._written(spans), len(spans), "the Collector's file")

    def _written(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        traces = [trace.encode() for trace in traces_of(spans)]
        whole, _, _ = self.file.read_bytes().rpartition(b"\n")
        lines = (line for line in whole.splitlines() if any(trace in line for trace in traces))
        return [span for line in lines for span in arrived(from_json(json.loads(line)), spans)]


@contextmanager
def otelcol(binary: Path, directory: Path, *besides: str, **variables: str) -> Iterator[Collector]:
    """Run the Collector for the block, with its file and its log in `directory`.

    `besides` are more of the examples' configurations, or some `yaml:` itself, and `variables` what those take.
    """
    http, grpc = free_ports(2)
    file = directory / "traces.jsonl"
    with otelcol_at(binary, directory, (http, grpc), *besides, **variables):
        endpoints = {"http/protobuf": f"http://{LOOPBACK}:{http}", "grpc": f"http://{LOOPBACK}:{grpc}"}
        yield Collector(endpoints, file)


@contextmanager
def otelcol_at(
    binary: Path, directory: Path, ports: tuple[int, int], *besides: str, **variables: str
) -> Iterator[None]:
    """Run it for the block at these ports, for HTTP and gRPC."""
    http, grpc = ports
    environment = {
        "OTLP_HTTP_PORT": str(http),
        "OTLP_GRPC_PORT": str(grpc),
        "TRACES_FILE": str(directory / "traces.jsonl"),
        **variables,
    }
    files = [CONFIGURATION, *(name if ":" in name else CONFIGURATION.with_name(name) for name in besides)]
    ready = lambda: listens(http) and listens(grpc)  # noqa: E731 - two words, used once
    command = [str(binary), *(f"--config={file}" for file in files)]
    with running(command, ready, directory=directory, environment=environment, seconds=30):
        yield
