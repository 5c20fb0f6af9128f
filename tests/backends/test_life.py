"""The life of a program: however it forks, freezes and ends, each finished call arrives at a collector, once."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
from lives import CALLS, FORKED, FORKED_CALLS, FORKS, LIVES, POOLED_CALLS, POOLS, STARTING
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from processes import LOOPBACK, free_ports, wait_until
from rotel_agent import Rotel
from tracing import EXPORTERS

from otlp_receivers import silent_port
from spanglass.testing import OpenAIServer

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend

PROTOCOLS = ("http/protobuf", "grpc")
START_METHODS = ("fork", "spawn", "forkserver")
PROGRAMS = Path(__file__).with_name("programs")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?: .*\n)*")
MARK = "mark"


class Left(NamedTuple):
    """What a program left: its exit status, its stderr, and the number of each call that came out of the collector."""

    status: int
    said: str
    arrived: list[int]


class Place(NamedTuple):
    """Where a program runs: its variables, its directory, and the collector that gets its calls."""

    variables: Mapping[str, str]
    directory: Path
    server: OpenAIServer
    rotel: Rotel
    protocol: str
    project: str

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this file to its end."""
        path = self.directory / "program.py"
        path.write_text(CALLS + program)
        return subprocess.run(  # noqa: S603 - a program of this directory
            [sys.executable, path, *arguments],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def arrived(self, project: str | None = None) -> list[int]:
        """Return the number of each call of the project that has come out of the collector by now."""
        return sorted(
            int(pair.value.string_value)
            for request in list(self.rotel.receiver.requests)
            for resource in request.resource_spans
            if any(pair.value.string_value == (project or self.project) for pair in resource.resource.attributes)
            for scope in resource.scope_spans
            for span in scope.spans
            for pair in span.attributes
            if pair.key == "llm.input_messages.0.message.content"
        )

    def settled(self, calls: range) -> list[int]:
        """Return the same once all of `calls` have come out, and then something that was sent after them."""
        with suppress(TimeoutError):
            wait_until(lambda: len(self.arrived()) >= len(calls), f"{len(calls)} calls", seconds=10)
        provider = TracerProvider(resource=Resource({"service.name": f"after {self.project}"}))
        exporter = EXPORTERS[self.protocol](self.rotel.endpoints[self.protocol])
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        with provider.get_tracer(__name__).start_as_current_span(MARK) as span:
            span.set_attribute("llm.input_messages.0.message.content", "0")
        provider.shutdown()
        wait_until(lambda: self.arrived(f"after {self.project}") == [0], "what was sent last", seconds=10)
        return self.arrived()


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    """By which protocol the calls leave."""
    return str(request.param)


@pytest.fixture
def place(rotel: Rotel, server: OpenAIServer, protocol: str, project: str, tmp_path: Path) -> Place:
    """Give a place where nothing is sent but for a reason: what waits for its time waits for ten minutes."""
    variables = {
        **CLEAN,
        "PYTHONPATH": str(PROGRAMS),
        "PYTHONWARNINGS": "ignore::DeprecationWarning",  # newer Pythons warn of threads in a process that forks
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "test",
        "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={project}",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": rotel.endpoints[protocol],
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    return Place(variables, tmp_path, server, rotel, protocol, project)


@pytest.mark.parametrize("life", LIVES)
def test_however_it_ends(place: Place, life: str) -> None:
    """However a program ends, each call arrives once, the open stream too, and it ends as it would have."""
    program, calls, status, said = LIVES[life]
    ran = place.run(program)

    assert Left(status, said, list(calls)) == Left(
        ran.returncode, TRACEBACK.sub("", ran.stderr), place.settled(calls)
    )


@pytest.mark.parametrize("life", FORKS)
def test_however_it_forks(place: Place, life: str) -> None:
    """Whatever a program forks, parent and child each send their own calls, once."""
    calls = FORKED_CALLS.get(life, range(2))
    ran = place.run(FORKED + dedent(FORKS[life]))

    assert Left(0, "", list(calls)) == Left(ran.returncode, ran.stderr, place.settled(calls))


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("life", POOLS)
def test_however_it_starts_children(place: Place, life: str, method: str) -> None:
    """Children of multiprocessing send their calls before they end, though they end past `atexit`."""
    ran = place.run(STARTING + dedent(POOLS[life]), method)

    assert Left(0, "", list(POOLED_CALLS)) == Left(ran.returncode, ran.stderr, place.settled(POOLED_CALLS))
