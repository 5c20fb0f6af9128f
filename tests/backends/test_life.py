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
from processes import LOOPBACK, free_ports, wait_until
from rotel_agent import Rotel

from otlp_receivers import silent_port
from spanglass.export.batching import BatchProcessor
from spanglass.export.endpoint import resolve
from spanglass.export.otlp import open_receiver
from spanglass.testing import OpenAIServer

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend

PROTOCOLS = ("http/protobuf", "grpc")
START_METHODS = (("fork", "http/protobuf"), ("fork", "grpc"), ("forkserver", "http/protobuf"), ("spawn", "grpc"))
PROGRAMS = Path(__file__).with_name("programs")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?: .*\n)*")
CONTENT = "llm.input_messages.0.message.content"
MARKS = count()


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
        return self.python(str(path), *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this Python to its end."""
        return subprocess.run(  # noqa: S603 - a program of this directory
            [sys.executable, *arguments],
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
            if pair.key == CONTENT
        )

    def settled(self, calls: range) -> list[int]:
        """Return the same once all of `calls` have come out, and then something that was sent after them."""
        with suppress(TimeoutError):
            wait_until(lambda: len(self.arrived()) >= len(calls), f"{len(calls)} calls", seconds=10)
        mark = f"{next(MARKS)} after {self.project}"
        provider = TracerProvider(resource=Resource({"service.name": mark}))
        target = resolve(self.rotel.endpoints[self.protocol], self.protocol, environ={})
        provider.add_span_processor(BatchProcessor(open_receiver(target)))
        provider.get_tracer(__name__).start_span(mark, attributes={CONTENT: "0"}).end()
        provider.shutdown()
        wait_until(lambda: self.arrived(mark) == [0], "what was sent last", seconds=10)
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

    assert Left(status, said, list(calls)) == Left(ran.returncode, TRACEBACK.sub("", ran.stderr), place.settled(calls))


@pytest.mark.parametrize("life", FORKS)
def test_however_it_forks(place: Place, life: str) -> None:
    """Whatever a program forks, parent and child each send their own calls, once."""
    calls = FORKED_CALLS.get(life, range(2))
    ran = place.run(FORKED + dedent(FORKS[life]))

    assert Left(0, "", list(calls)) == Left(ran.returncode, ran.stderr, place.settled(calls))


@pytest.mark.parametrize(("method", "protocol"), START_METHODS)
@pytest.mark.parametrize("life", POOLS)
def test_however_it_starts_children(place: Place, life: str, method: str) -> None:
    """Children of multiprocessing send their calls before they end, though they end past `atexit`."""
    ran = place.run(STARTING + dedent(POOLS[life]), method)

    assert Left(0, "", list(POOLED_CALLS)) == Left(ran.returncode, ran.stderr, place.settled(POOLED_CALLS))


class Server(NamedTuple):
    """A server of forked workers that is running, and where its log is."""

    process: subprocess.Popen[str]
    log: Path

    def stop(self) -> tuple[int, list[str]]:
        """Stop it as an orchestrator does; return its exit status, and the lines of its log that tell of trouble."""
        self.process.terminate()
        status = self.process.wait(timeout=60)
        said = self.log.read_text().splitlines()
        return status, [line for line in said if re.search("spanglass: |Traceback|Error: |CRITICAL", line)]


@contextmanager
def serving(place: Place, module: str, *arguments: str) -> Iterator[Server]:
    """Run a module as a server for the block."""
    log = place.directory / "log.txt"
    command = [sys.executable, "-m", module, *arguments]
    with (
        log.open("w") as output,
        subprocess.Popen(  # noqa: S603 - the commands are those of this file
            command,
            cwd=place.directory,
            env=place.variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Server(process, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


GUNICORN = [(), ("--preload",), ("--max-requests=2",), ("--preload", "--max-requests=2")]


@pytest.mark.parametrize("options", GUNICORN, ids=" ".join)
def test_gunicorn(place: Place, options: tuple[str, ...]) -> None:
    """Two workers of gunicorn send the calls of their requests, be they stopped with it or renewed meanwhile."""
    calls = range(1, 13)
    (port,) = free_ports(1)

    def get(path: object) -> str:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/{path}", timeout=60) as answer:
            return str(answer.read().decode())

    workers: set[str] = set()

    def both_answer() -> bool:
        with suppress(OSError):
            workers.update(pool.map(get, ["", ""]))
        return len(workers) >= 2

    command = ("gunicorn", "--workers=2", f"--bind={LOOPBACK}:{port}", *options, "web:app")
    with ThreadPoolExecutor(2) as pool, serving(place, *command) as server:
        wait_until(both_answer, "two workers", seconds=60)
        workers.update(pool.map(get, calls))
        ended = server.stop()

    assert ((0, []), list(calls), len(workers) > 2) == (ended, place.settled(calls), "--max-requests=2" in options)


CELERY = [(), ("--max-tasks-per-child=2",)]


@pytest.mark.parametrize("options", CELERY, ids=" ".join)
def test_celery(place: Place, options: tuple[str, ...]) -> None:
    """Workers of Celery's pool send the calls of their tasks, be they stopped with it or renewed meanwhile."""
    calls = range(1, 9)
    sent = place.python("-m", "tasks", *map(str, calls))
    worker = ("-A", "tasks", "worker", "--pool=prefork", "--concurrency=2", "--loglevel=INFO")
    with serving(place, "celery", *worker, *options) as server:
        wait_until(lambda: server.log.read_text().count(" succeeded in ") == len(calls), "all tasks", seconds=60)
        ended = server.stop()

    assert (0, "", (0, []), list(calls)) == (sent.returncode, sent.stderr, ended, place.settled(calls))


@contextmanager
def function(place: Place, timeout: float) -> Iterator[Callable[[int], tuple[bool, float]]]:
    """Run a function as AWS Lambda does; give what hands it an event, and returns what came of flush() and its time."""
    with subprocess.Popen(  # noqa: S603 - a program of this directory
        [sys.executable, PROGRAMS / "function.py", str(timeout)],
        env=place.variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        incoming, outgoing = process.stdin, process.stdout

        def call(event: int) -> tuple[bool, float]:
            process.send_signal(signal.SIGCONT)
            incoming.write(f"{event}\n")
            incoming.flush()
            flushed, took = outgoing.readline().split()
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            return flushed == "True", float(took)

        try:
            yield call
        finally:
            process.kill()


def test_frozen_after_each_call(place: Place) -> None:
    """What is flushed by a function that is frozen after each event, and never ends, arrives while it is frozen."""
    events = [range(1), range(2), range(3)]
    flushed, arrived = [], []
    with function(place, 20) as call:
        for so_far in events:
            flushed.append(call(so_far[-1])[0])
            arrived.append(place.settled(so_far))

    assert ([True, True, True], [list(so_far) for so_far in events]) == (flushed, arrived)


def test_flush_keeps_its_time(place: Place) -> None:
    """Where a receiver never answers, flush() says so when its time is over, after each event anew."""
    with silent_port(connects=True) as port:
        silent = {**place.variables, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://{LOOPBACK}:{port}"}
        with function(place._replace(variables=silent), 0.5) as call:
            flushed = [call(event) for event in range(3)]

    assert [(False, True)] * 3 == [(delivered, 0.4 < took < 5) for delivered, took in flushed]
