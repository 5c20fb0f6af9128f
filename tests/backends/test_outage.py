"""A Collector that is slow, gone, or started anew in mid-run, and a program whose calls do not notice."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from needed import binary
from otelcol import otelcol_at
from processes import LOOPBACK, free_ports, wait_until

from otlp_receivers import lost, relay, unreached
from spanglass.testing import OpenAIServer

pytestmark = pytest.mark.backend

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
PROTOCOLS = ("http/protobuf", "grpc")
PASSING = {"http/protobuf": "ConnectionError", "grpc": "UNAVAILABLE"}
PROGRAM = """
import sys
from openai import OpenAI
from spanglass import OpenAIInstrumentor, configure

pipeline = configure()
OpenAIInstrumentor().instrument()
with OpenAI(base_url=sys.argv[1], api_key="test") as client:
    for line in sys.stdin:
        if line == "flush\\n":
            print(pipeline.flush(20), pipeline.dropped, flush=True)
        else:
            message = {"role": "user", "content": line.strip()}
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=[message])
            print(answer.choices[0].message.content, flush=True)
"""


class Program(NamedTuple):
    """A program that makes a call for each line that it is given."""

    process: "subprocess.Popen[str]"

    def call(self, *lines: int) -> list[str]:
        """Have it make these calls, one after the other, and return what it prints."""
        return [self._told(str(line)) for line in lines]

    def flush(self) -> str:
        """Have it flush; return whether all was delivered, and how many spans were not."""
        return self._told("flush")

    def end(self) -> tuple[int, str]:
        """Have it end; return its status, and what it said of itself."""
        assert self.process.stdin
        assert self.process.stderr
        self.process.stdin.close()
        return self.process.wait(), self.process.stderr.read()

    def _told(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")


@contextmanager
def program(protocol: str, url: str, **variables: str) -> Iterator[Program]:
    """Run the program for the block, for a minute at most; it exports to `url` as soon as a span has ended."""
    environment = {
        **CLEAN,
        "GRPC_VERBOSITY": "NONE",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_SCHEDULE_DELAY": "10",
        **variables,
    }
    with (
        OpenAIServer() as server,
        subprocess.Popen(  # noqa: S603 - the program of this file
            [sys.executable, "-W", "error", "-c", PROGRAM, server.base_url],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        watch = threading.Timer(60, process.kill)
        watch.start()
        try:
            yield Program(process)
        finally:
            watch.cancel()
            process.kill()


def calls(directory: Path) -> list[int]:
    """Return the calls that a Collector has written there, in their order."""
    path = directory / "traces.jsonl"
    whole, _, _ = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    lines = map(json.loads, whole.splitlines())
    groups = [scope for line in lines for group in line["resourceSpans"] for scope in group["scopeSpans"]]
    pairs = [pair for group in groups for span in group["spans"] for pair in span["attributes"]]
    return [
        int(pair["value"]["stringValue"]) for pair in pairs if pair["key"] == "llm.input_messages.0.message.content"
    ]


def came(directory: Path, count: int) -> list[int]:
    """Return the calls that a Collector has written there, waiting until they are so many."""
    wait_until(lambda: len(calls(directory)) >= count, f"{count} calls in the Collector's file", seconds=20)
    return calls(directory)


def answers(count: int) -> list[str]:
    """Return what so many calls give."""
    return ["Hello"] * count


@pytest.fixture
def ports() -> dict[str, int]:
    """Return the ports of a Collector that may not be there."""
    return dict(zip(PROTOCOLS, free_ports(2), strict=True))


def place(protocol: str, ports: dict[str, int]) -> str:
    """Return where the spans should go, as a log shows it."""
    return f"http://{LOOPBACK}:{ports[protocol]}" + ("/v1/traces" if protocol != "grpc" else "")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_slow(tmp_path: Path, ports: dict[str, int], protocol: str) -> None:
    """While a Collector does not get a single byte, calls go on; when it does, it has each of them once."""
    with (
        otelcol_at(binary("otelcol"), tmp_path, (ports["http/protobuf"], ports["grpc"])),
        relay(ports[protocol]) as wire,
        program(protocol, wire.url) as running,
    ):
        wire.opened.clear()
        answered = running.call(*range(20))
        early = calls(tmp_path)
        wire.opened.set()
        flushed = running.flush()

        assert (answered, early, flushed, came(tmp_path, 20), running.end()) == (
            answers(20),
            [],
            "True 0",
            list(range(20)),
            (0, ""),
        )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_late(tmp_path: Path, ports: dict[str, int], protocol: str) -> None:
    """What a program does before its Collector is there arrives when it is."""
    with program(protocol, f"http://{LOOPBACK}:{ports[protocol]}") as running:
        answered = running.call(*range(5))
        with otelcol_at(binary("otelcol"), tmp_path, (ports["http/protobuf"], ports["grpc"])):
            flushed = running.flush()
            arrived = came(tmp_path, 5)
            status, stderr = running.end()
    said = {unreached(place(protocol, ports), protocol, PASSING[protocol])}  # where the exporter itself had given up

    assert (answered, flushed, arrived, status) == (answers(5), "True 0", list(range(5)), 0)
    assert set(stderr.splitlines()) - said == set()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_started_anew(tmp_path: Path, ports: dict[str, int], protocol: str) -> None:
    """A Collector that is started anew in mid-run has, before and after it together, each call once."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    both = (ports["http/protobuf"], ports["grpc"])
    with program(protocol, f"http://{LOOPBACK}:{ports[protocol]}") as running:
        with otelcol_at(binary("otelcol"), before, both):
            answered = running.call(*range(10))
            early = came(before, 1)
        answered += running.call(*range(10, 20))
        with otelcol_at(binary("otelcol"), after, both):
            answered += running.call(*range(20, 30))
            flushed = running.flush()
            status, _ = running.end()
    arrived = sorted(calls(before) + calls(after))

    assert (early[:1], answered, flushed, arrived, status) == ([0], answers(30), "True 0", list(range(30)), 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gone(ports: dict[str, int], protocol: str) -> None:
    """Where no Collector ever comes, calls go on, the program ends as ever, and says what is lost and why."""
    with program(protocol, f"http://{LOOPBACK}:{ports[protocol]}", OTEL_BSP_MAX_QUEUE_SIZE="5") as running:
        answered = running.call(*range(8))
        status, stderr = running.end()
    full = (
        "spanglass: the queue of 5 spans is full, and spans are dropped: raise OTEL_BSP_MAX_QUEUE_SIZE, "
        "or end fewer spans."
    )
    where = place(protocol, ports)
    said = [
        unreached(where, protocol, PASSING[protocol]),
        full,
        lost(where, "3: the queue was full; 5: no answer before the end"),
    ]

    assert (answered, status, sorted(stderr.splitlines())) == (answers(8), 0, sorted(said))
