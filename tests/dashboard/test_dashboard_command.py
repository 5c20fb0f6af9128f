"""`spanglass dashboard`, run as a person runs it."""

import gzip
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from kept import asking
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from processes import free_ports, wait_until
from serving import page_at

from spanglass import spans_to_jsonl

if sys.platform != "win32":
    import resource

COMMAND: Final = [sys.executable, "-W", "error", str(Path(sys.executable).with_name("spanglass")), "dashboard"]


class Running(NamedTuple):
    """A dashboard that runs, and what it has said."""

    process: "subprocess.Popen[str]"
    url: str
    said: list[str]

    def ended(self, number: int) -> tuple[int, str, str]:
        """Send a signal, and return the status and what it still printed."""
        self.process.send_signal(number)
        stdout, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stdout, stderr


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """Return the variables of a person whose home and temporary directory are the test's."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANGLASS_", "XDG_"))}
    (tmp_path / "tmp").mkdir(exist_ok=True)
    return {**bare, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "PYTHONIOENCODING": "utf-8", **more}


@contextmanager
def running(tmp_path: Path, *arguments: object, lines: int = 3, **more: str) -> Iterator[Running]:
    """Start the command on a port that is free; give it once it has said so many lines, and kill it after the block."""
    (port,) = free_ports(1)
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, f"--port={port}", *map(str, arguments)],
        env=environment(tmp_path, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline().rstrip() for _ in range(lines)]
            yield Running(process, f"http://localhost:{port}", said)
        finally:
            process.kill()


def ran(tmp_path: Path, *arguments: object, **more: str) -> tuple[int, str, str]:
    """Run the command to its end, where it ends by itself."""
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *map(str, arguments)],
        env=environment(tmp_path, **more),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def send(url: str, spans: list[ReadableSpan], **headers: str) -> bool:
    """Send spans as any program does, and tell whether they were taken."""
    exporter = OTLPSpanExporter(f"{url}/v1/traces", headers=headers)
    taken = exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations
    return taken


def told(url: str) -> list[str]:
    """Return what it says first."""
    return [
        f"The dashboard is at {url} until Ctrl-C.",
        f'It takes spans by OTLP over HTTP, as of configure(endpoint="{url}").',
    ]


@pytest.mark.parametrize(
    ("number", "end"),
    [(signal.SIGINT, (130, "", "Stopped.\n")), (signal.SIGTERM, (0, "", ""))],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_from_start_to_end(tmp_path: Path, number: int, end: tuple[int, str, str]) -> None:
    """It says where it is, what sends there and which file keeps it; a signal ends it, and the next has all of it."""
    file = tmp_path / ".local/share/spanglass/traces.db"
    with running(tmp_path) as first:
        taken = send(first.url, asking(1))
        ended = first.ended(number)
    with running(tmp_path) as second:
        shown = "model-1" in page_at(second.url)

    assert (first.said, taken, ended, shown) == ([*told(first.url), f"It keeps them in {file}."], True, end, True)
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_another_file(tmp_path: Path) -> None:
    """Spans are kept in the file of `--data`, and what is in XDG_DATA_HOME where that is said; nowhere else."""
    with running(tmp_path, "--data", tmp_path / "here" / "a.db") as first:
        pass
    with running(tmp_path, XDG_DATA_HOME=str(tmp_path / "there")) as second:
        pass

    assert (first.said[2], second.said[2], (tmp_path / ".local").exists()) == (
        f"It keeps them in {tmp_path}/here/a.db.",
        f"It keeps them in {tmp_path}/there/spanglass/traces.db.",
        False,
    )


@pytest.mark.parametrize("name", ["saved.jsonl", "saved.jsonl.gz"])
def test_a_saved_file(tmp_path: Path, name: str) -> None:
    """The spans of a file are shown, with those that are sent meanwhile; in the end nothing of them is left."""
    text = spans_to_jsonl([*asking(1, 1200), ReadableSpan("without ids")]).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    with running(tmp_path, tmp_path / name) as shown:
        taken = send(shown.url, asking(2000))
        listed = page_at(shown.url)
        ended = shown.ended(signal.SIGTERM)

    assert (shown.said, taken, ended) == (
        [*told(shown.url), f"It has 1,200 spans of {tmp_path / name}."],
        True,
        (0, "", "Left out, without ids or with values that are too deep: 1.\n"),
    )
    assert ("model-1200" in listed, "model-2000" in listed) == (True, True)
    assert [*(tmp_path / "tmp").iterdir()] == []


def test_a_file_that_is_wrong_in_its_midst(tmp_path: Path) -> None:
    """What stands before the first line that is no OTLP/JSON is shown, and one sentence says which line it is."""
    file = tmp_path / "saved.jsonl"
    file.write_text(f"{spans_to_jsonl(asking(1, 1200))}no JSON\n", "utf-8")
    with running(tmp_path, file) as shown:
        ended = shown.ended(signal.SIGTERM)
    why = (
        "give a file that has one request in each line, as configure(file=) and the Collector's file exporter write it."
    )

    assert (shown.said[2], ended) == (
        f"It has 1,200 spans of {file}.",
        (0, "", f"Error: {file} has no OTLP/JSON in line 1201: {why}\n"),
    )


def test_what_cannot_be(tmp_path: Path) -> None:
    """A port in use, a file that is none and the like end it with one sentence and status 1."""
    wrong = tmp_path / "wrong"
    wrong.write_text("no JSON\n" * 100, "utf-8")
    with running(tmp_path) as other:
        port = int(other.url.rpartition(":")[2])
        taken = ran(tmp_path, "--port", port)
        answers = page_at(f"{other.url}/health")
    why = (
        "give a file that has one request in each line, as configure(file=) and the Collector's file exporter write it."
    )
    errors = [
        taken,
        ran(tmp_path, wrong, "--port=0"),
        ran(tmp_path, tmp_path / "none", "--port=0"),
        ran(tmp_path, "--data", wrong, "--port=0"),
        ran(tmp_path, "--port=0", XDG_DATA_HOME=str(wrong)),
    ]

    sentences = [
        f"Port {port} of 127.0.0.1 is in use: end what listens there, or choose another, as by --port {port + 1}.",
        f"{wrong} has no OTLP/JSON in line 1: {why}",
        f"{tmp_path}/none cannot be read (No such file or directory): give the path of a file with spans as OTLP/JSON.",
        f"{wrong} is not a file that this version of the dashboard has made: choose another to keep spans in.",
        f"{wrong}/spanglass cannot be made (Not a directory): set XDG_DATA_HOME to a directory that can be written.",
    ]

    assert answers == "ok\n"
    assert errors == [(1, "", f"Error: {sentence}\n") for sentence in sentences]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--max-age=soon"], "'--max-age': 'soon' is no age: give a number and its unit, as in 12h or 7d."),
        (["--max-age=7"], "'--max-age': '7' is no age: give a number and its unit, as in 12h or 7d."),
        (
            [f"--max-age={'9' * 400}d"],
            f"'--max-age': '{'9' * 400}d' is no age: give a number and its unit, as in 12h or 7d.",
        ),
        (["--max-size=10kB"], "'--max-size': '10kB' leaves no room for spans: give at least 1MB."),
        (["--max-size=0GB"], "'--max-size': '0GB' is no size: give a number and its unit, as in 500MB or 1GB."),
    ],
)
def test_options_that_say_nothing(tmp_path: Path, arguments: list[str], why: str) -> None:
    """An age or a size that is none is said to be."""
    status, _, stderr = ran(tmp_path, *arguments)

    assert (status, stderr.splitlines()[-1]) == (2, f"Error: Invalid value for {why}")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the size of a file")
def test_no_room_for_a_file(tmp_path: Path) -> None:
    """Where there is no room for the spans of a file that is to be shown, one sentence says so."""
    file = tmp_path / "saved.jsonl"
    file.write_text(spans_to_jsonl(asking(1, 400)), "utf-8")
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", 'ulimit -f 300; exec "$@"', "sh", *COMMAND, "--port=0", str(file)],
        env=environment(tmp_path, PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr, [*(tmp_path / "tmp").iterdir()]) == (
        1,
        (
            f"Error: The spans of {file} cannot be kept (disk I/O error): make room where temporary files are, or set "
            "TMPDIR.\n"
        ),
        [],
    )


def test_a_file_or_another(tmp_path: Path) -> None:
    """A file that is shown and one that keeps spans do not go together."""
    status, _, stderr = ran(tmp_path, "saved.jsonl", "--data", "a.db")

    assert (status, stderr.splitlines()[-1]) == (
        2,
        "Error: FILE is shown from a temporary file: give either it or --data.",
    )


def test_how_long_and_how_much(tmp_path: Path) -> None:
    """A trace leaves the file when its age is past."""
    with running(tmp_path, "--max-age=0.1s", "--max-size=20MB") as running_:
        taken = send(running_.url, asking(1))
        wait_until(lambda: "model-1" not in page_at(running_.url), "a trace that has left", seconds=30)

    assert taken


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_token(tmp_path: Path, way: str) -> None:
    """A token, given by either way, is demanded of senders and readers; it says how they give it."""
    by_option, variable = (["--token=secret"], "") if way == "option" else ([], "secret")
    with running(tmp_path, *by_option, SPANGLASS_DASHBOARD_TOKEN=variable) as shown:
        with pytest.raises(urllib.request.HTTPError) as refused:
            page_at(shown.url)
        refused.value.close()
        taken = send(shown.url, asking(1), authorization="Bearer secret")

    assert (refused.value.code, taken, shown.said[:2]) == (
        401,
        True,
        [
            f"The dashboard is at {shown.url}/?token=secret until Ctrl-C.",
            (
                f'It takes spans by OTLP over HTTP, as of configure(endpoint="{shown.url}", '
                'headers={"Authorization": "Bearer secret"}).'
            ),
        ],
    )


@pytest.mark.parametrize(("options", "reached"), [((), False), (("--host", "0.0.0.0"), True)], ids=["here", "anywhere"])  # noqa: S104 - what is tested
def test_where_it_listens(tmp_path: Path, options: tuple[str, ...], reached: bool) -> None:  # noqa: FBT001 - a parameter
    """It is at one address alone; told to be at all of the machine, it makes a token, demands it, and tells it."""
    with running(tmp_path, *options) as shown:
        port = int(shown.url.rpartition(":")[2])
        with socket.socket() as other:
            connected = other.connect_ex(("127.0.0.2", port)) == 0
        entrance = shown.said[0].split()[4]
        taken = send(shown.url, asking(1))
        token = entrance.partition("/?token=")[2]
        taken_with_it = send(shown.url, asking(1), authorization=f"Bearer {token}")

    assert (reached, reached, not reached, True, True) == (
        connected,
        len(token) >= 32,
        taken,
        taken_with_it,
        ("Bearer" in shown.said[1]) is reached,
    )


WITHOUT = """
import sys
sys.modules["starlette"] = None
import spanglass
print(spanglass.active_session())
try:
    spanglass.launch_app()
except ImportError as error:
    print(error)
from spanglass.cli import main
main(["dashboard"])
"""


def test_without_the_extra(tmp_path: Path) -> None:
    """Where the extra is not installed, the command and `launch_app` say in one sentence what to install."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and a program of this file
        [sys.executable, "-c", WITHOUT],
        env=environment(tmp_path),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    why = "The dashboard needs what is not installed: pip install 'spanglass[dashboard]'."

    assert (done.returncode, done.stdout, done.stderr) == (1, f"None\n{why}\n", f"Error: {why}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="what a process took is not told there")
def test_the_first_page(tmp_path: Path) -> None:
    """The first page takes less than 5 s of a processor, also where Python has compiled nothing of it yet."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with running(tmp_path, PYTHONPYCACHEPREFIX=str(tmp_path / "compiled")) as shown:
        page_at(shown.url)
        shown.ended(signal.SIGTERM)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
