"""A dashboard that is killed, or whose file takes nothing for a while: no span is lost, or there twice."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from kept import ended, ids
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from processes import free_ports, wait_until
from serving import Dashboard

from exporting import sending
from spanglass.dashboard.store import Store
from spanglass.export.endpoint import HTTP

PROGRAM = Path(__file__).with_name("alone.py")
PROTOBUF = {"content-type": "application/x-protobuf"}
TRACE = f"{1:032x}"


@contextmanager
def alone(file: Path, log: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a dashboard by itself, and give its process and where it is."""
    with (
        log.open("a") as errors,
        subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, str(PROGRAM), str(file), str(port)], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def post(dashboard: Dashboard, *spans: int) -> tuple[int, str | None]:
    """Send spans of the first trace; return the status, and when to send them again."""
    body = encode_spans([ended(1, span) for span in spans]).SerializeToString()
    answer = dashboard.ask("/v1/traces", body, PROTOBUF)
    return answer.status, answer.headers["retry-after"]


def send(dashboard: Dashboard, numbers: Iterator[int], waiting: list[int], acknowledged: set[int]) -> None:
    """Send spans until nobody answers; those that had no answer stay in `waiting`, and are the first to be sent."""
    with suppress(OSError):
        while True:
            waiting[:] = waiting or [next(numbers) for _ in range(10)]
            assert post(dashboard, *waiting) == (200, None)
            acknowledged.update(waiting)
            waiting.clear()


def test_killed_while_spans_come(tmp_path: Path) -> None:
    """What was acknowledged is there after the dashboard was killed, and once, however often it was sent."""
    file, log = tmp_path / "traces.db", tmp_path / "log.txt"
    (port,) = free_ports(1)
    numbers, acknowledged = count(1), set[int]()
    waiting: list[list[int]] = [[], [], [], []]
    for enough in (300, 600, 900, 1200):
        with alone(file, log, port) as (process, url), ThreadPoolExecutor(len(waiting)) as pool:
            dashboard = Dashboard(url, None)  # type: ignore[arg-type]  # which is in another process
            sent = [pool.submit(send, dashboard, numbers, each, acknowledged) for each in waiting]
            while len(acknowledged) < enough and not any(each.done() for each in sent):
                wait(sent, timeout=0.01)
            process.send_signal(signal.SIGKILL)
            assert [None] * len(waiting) == [each.result() for each in sent]
    with closing(Store(file)) as store:
        ((found, distinct, told, searched),) = store.read(
            "SELECT count(*), count(DISTINCT trace || span), (SELECT sum(spans) FROM traces), "
            "(SELECT count(*) FROM texts) FROM spans"
        )

        assert (set(), found, found, found) == (
            acknowledged - {span for _, span in ids(*store.trace(TRACE, 1_000_000))},
            distinct,
            told,
            searched,
        )


@contextmanager
def full(process: subprocess.Popen[str], file: Path) -> Iterator[None]:
    """Let no file grow beyond what this one has, as on a full disk."""
    limit = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file.with_name(f"{file.name}-wal").stat().st_size, limit[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def locked(process: subprocess.Popen[str], file: Path) -> Iterator[None]:  # noqa: ARG001 - as the other one
    """Lock the file, as another program may."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("trouble", [full, locked])
def test_a_file_that_takes_nothing(tmp_path: Path, trouble: object) -> None:
    """Senders are asked to keep their spans as long as the file takes none, and then deliver them; pages still answer.

    It is said once.
    """
    file, log = tmp_path / "traces.db", tmp_path / "log.txt"
    exporter_spans = [ended(1, 10), ended(1, 11)]
    with alone(file, log) as (process, url), ThreadPoolExecutor(1) as pool:
        dashboard = Dashboard(url, None)  # type: ignore[arg-type]  # which is in another process
        exporter = OTLPSpanExporter(f"{url}/v1/traces", timeout=30)
        assert post(dashboard, 1) == (200, None)
        with sending(url, HTTP) as (processor, tracer):
            with trouble(process, file):  # type: ignore[operator]  # one of the two above
                refused = [post(dashboard, 2), post(dashboard, 3)]
                exporting = pool.submit(exporter.export, exporter_spans)
                tracer.start_span("ours").end()
                processor.hurry()
                wait_until(lambda: bool(processor._refused_since), "a refusal", seconds=30)  # noqa: SLF001 - what is waited for
                pages = [dashboard.ask(path).status for path in ("/", f"/traces/{TRACE}")]
                before = exporting.done()
            delivered = (exporting.result(), processor.force_flush(), processor.dropped)
        exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
    with closing(Store(file)) as store:
        assert (
            [(503, "2")] * 2,
            [200, 200],
            False,
            (SpanExportResult.SUCCESS, True, 0),
            [(1, 1), (1, 10), (1, 11)],
            2,
            1,
        ) == (
            refused,
            pages,
            before,
            delivered,
            ids(*store.trace(TRACE, 9)),
            len(store.read("SELECT * FROM traces")),
            log.read_text().count("cannot keep spans for now"),
        )


def overwrite(file: Path) -> None:
    """Have the file and its log hold something else."""
    for each in (file, file.with_name(f"{file.name}-wal")):
        size = each.stat().st_size
        with each.open("r+b") as opened:
            opened.write(b"\xaa" * size)


def empty(file: Path) -> None:
    """Have the file hold nothing."""
    os.truncate(file, 0)


@pytest.mark.parametrize("spoil", [overwrite, empty, Path.unlink])
def test_a_file_that_is_spoilt(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """Of a file that is overwritten or removed it is said once; no span is taken that would not be in it."""
    file, log = tmp_path / "traces.db", tmp_path / "log.txt"
    with alone(file, log) as (_, url):
        dashboard = Dashboard(url, None)  # type: ignore[arg-type]  # which is in another process
        assert post(dashboard, 1) == (200, None)
        spoil(file)
        page = dashboard.ask("/").status
        refused = {post(dashboard, number) for number in range(2, 6)}

    assert ({(503, "2")}, True, 1) == (refused, page in {200, 503}, log.read_text().count("cannot keep spans for now"))
