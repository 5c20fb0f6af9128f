"""`launch_app`: the dashboard in the background of a program or a notebook."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from browser import browsing
from kept import asking
from processes import wait_until
from serving import page_at

from spanglass import active_session, launch_app, spans_to_jsonl, to_dataframe
from spanglass.testing import OpenAIServer

pytest_plugins = ["servers"]

TAKES = (
    "give the path of a saved file, finished spans as of Pipeline.spans(), or a DataFrame as of to_dataframe() or of "
    "Phoenix's get_spans_dataframe()."
)

NO_SPANS = (
    f"{__file__} has no OTLP/JSON in line 1: give a file that has one request in each line, as configure(file=) and "
    "the Collector's file exporter write it."
)


@pytest.fixture(autouse=True)
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a data directory of its own, and end what it has left running."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield
    session = active_session()
    if session is not None:
        session.end()


def of_path(path: Path) -> Path:
    """Return the path of a file that has ten spans."""
    file = path / "saved.jsonl"
    file.write_text(spans_to_jsonl(asking(1, 10)), "utf-8")
    return file


@pytest.mark.parametrize(
    "source",
    [
        of_path,
        lambda path: str(of_path(path)),
        lambda _: asking(1, 10),
        lambda _: iter(asking(1, 10)),
        lambda _: to_dataframe(asking(1, 10)),
    ],
    ids=["path", "text", "list", "iterator", "frame"],
)
def test_a_trace_is_shown(tmp_path: Path, source: Any) -> None:
    """What is given as `trace=`, a file, spans or a table of them, is there, and nothing of it stays on the disk."""
    with launch_app(source(tmp_path), port=0) as session:
        session.loaded()
        page = page_at(session.url)
        count = session.count()

    assert (count, "model-7" in page, (tmp_path / "data").exists()) == (10, True, False)


def test_what_is_taken_stays(tmp_path: Path) -> None:
    """Without `trace=` spans are kept from one start to the next, in a directory that is the user's alone."""
    line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "a" * 32, "spanId": "b" * 16}]}]}]})
    with launch_app(port=0) as session:
        request = urllib.request.Request(  # noqa: S310 - our own server's address
            f"{session.url}/v1/traces", line.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - the same
            pass
    with launch_app(port=0) as session:
        count = session.count()
    folder = tmp_path / "data" / "spanglass"

    assert (count, folder.stat().st_mode & 0o777, (folder / "traces.db").stat().st_mode & 0o777) == (1, 0o700, 0o600)


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        (3, TypeError, f"trace= cannot be of type int: {TAKES}"),
        ([3], TypeError, f"trace= cannot have a int in it: {TAKES}"),
        (b"path", TypeError, f"trace= cannot have a int in it: {TAKES}"),
        (
            "no/such",
            FileNotFoundError,
            "no/such cannot be read (No such file or directory): give the path of a file with spans as OTLP/JSON.",
        ),
        (
            __file__,
            ValueError,
            NO_SPANS,
        ),
    ],
    ids=["number", "numbers", "bytes", "no file", "another file"],
)
def test_what_is_no_trace(given: Any, error: type[Exception], why: str) -> None:
    """What is no trace is an error of one sentence, and the session that runs goes on."""
    session = launch_app(port=0)
    with pytest.raises(error) as raised:
        launch_app(given, port=0)

    assert (str(raised.value), active_session(), session.active) == (why, session, True)


def test_one_at_a_time() -> None:
    """A second start, as of a notebook's cell, ends the first and has its port; what runs is the active session."""
    states = [active_session()]
    first = launch_app(asking(1, 1), port=0)
    port = int(first.url.rpartition(":")[2])
    states.append(active_session())
    second = launch_app(asking(1, 2), port=port)
    states.append(active_session())
    shown = (repr(first), repr(second), second.url, second.count())
    second.end()
    second.end()
    states.append(active_session())

    assert states == [None, first, second, None]
    assert shown == (
        f"<spanglass dashboard at {first.url}, ended>",
        f"<spanglass dashboard at {first.url}>",
        first.url,
        2,
    )


def test_the_port_of_another() -> None:
    """Where another program has the port, one sentence says so and names `port=`; nothing is left running."""
    code = (
        "import sys\nfrom spanglass import launch_app\nprint(launch_app([], port=0).url, flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - this interpreter, and a program of this file
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline().rpartition(":")[2])
        with pytest.raises(OSError) as raised:  # noqa: PT011 - its whole text is compared
            launch_app([], port=port)
        other.communicate("")

    assert (str(raised.value), active_session()) == (
        f"Port {port} of 127.0.0.1 is in use: end what listens there, or choose another, as by port={port + 1}.",
        None,
    )


def test_in_a_running_loop() -> None:
    """It starts in a coroutine, as in a notebook's cell, and answers while that waits."""

    async def cell() -> str:
        with launch_app(asking(1, 3), port=0) as session:
            return await asyncio.to_thread(page_at, session.url)

    assert "model-3" in asyncio.run(cell())


def test_outside_a_notebook() -> None:
    """Where no notebook runs, `view()` says what to do; and once it has ended, that."""
    with launch_app([], port=0) as session, pytest.raises(RuntimeError) as raised:
        session.view()
    with pytest.raises(RuntimeError) as later:
        session.view()
    what = "view() shows a dashboard that runs in the cells of a notebook: "

    assert [str(raised.value), str(later.value)] == [
        f"{what}open {session.url} in a browser.",
        f"{what}this one has ended, launch_app() starts another.",
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_in_a_forked_process() -> None:
    """In a process that was forked no session is active, and its exit ends nothing; nor does it hold the port."""
    code = """
import os, sys, time
from spanglass import active_session, launch_app
session = launch_app([], port=0)
read, write = os.pipe()
if not os.fork():
    os.close(write)
    print(active_session(), session.active, flush=True)
    session.end()
    os.read(read, 1)  # as long as the parent lives
    sys.exit()
os.close(read)
time.sleep(0.2)
print(active_session() is session, session.count(), flush=True)
port = int(session.url.rpartition(":")[2])
session.end()
print(launch_app([], port=port).url == session.url, flush=True)
"""
    done = ran(code)

    assert (done.returncode, sorted(done.stdout.splitlines()), done.stderr) == (
        0,
        ["None False", "True", "True 0"],
        "",
    )


def ran(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SPANGLASS_"))
    }
    return subprocess.run(  # noqa: S603 - this interpreter, and a program of this file
        [sys.executable, "-W", "error", "-c", code],
        env={**bare, **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


PROGRAM = """
import logging, signal, sys, threading
logging.basicConfig(level=logging.INFO, format="%(name)s")
before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
levels = {name: logging.getLogger(name).level for name in ("", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")}
handlers = {name: logging.getLogger(name).handlers[:] for name in levels}
from spanglass import OpenAIInstrumentor, configure, launch_app
{start}
import urllib.request
urllib.request.urlopen(session.url).read()
assert before == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] or configured
assert levels == {name: logging.getLogger(name).level for name in levels}
assert handlers == {name: logging.getLogger(name).handlers for name in levels}
from openai import OpenAI
logging.disable(logging.INFO)
OpenAIInstrumentor().instrument()
OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
"""
STARTS = {
    "before": "session = launch_app(port=0); configured = True; configure(endpoint=session.url)",
    "after": """
configured = True
import socket
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
configure(endpoint=f"http://localhost:{port}")
session = launch_app(port=port)
""",
}


@pytest.mark.parametrize("order", STARTS)
def test_at_the_end_of_a_program(order: str, tmp_path: Path) -> None:
    """A program's last spans are kept, in whatever order it began; it prints nothing, and its logging is its own."""
    with OpenAIServer() as server:
        done = ran(
            PROGRAM.replace("{start}", STARTS[order]),
            OPENAI_API_KEY="test",
            OPENAI_BASE_URL=server.base_url,
            XDG_DATA_HOME=str(tmp_path),
        )
    with launch_app(port=0):
        pass
    counted = ran("from spanglass import launch_app; print(launch_app(port=0).count())", XDG_DATA_HOME=str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr, counted.stdout) == (0, "", "", "1\n")


def test_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    """A program that ends with a session of its own spans leaves no file behind."""
    done = ran("from spanglass import launch_app; launch_app([], port=0)", TMPDIR=str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr, [*tmp_path.iterdir()]) == (0, "", "", [])


@contextmanager
def slow_file(path: Path, tail: bytes) -> Iterator[tuple[Path, threading.Event]]:
    """Give a file of 1,100 spans and a tail, which comes when the event is set; after the block in any case."""
    pipe = path / "pipe"
    os.mkfifo(pipe)
    go_on = threading.Event()

    def write() -> None:
        with suppress(BrokenPipeError), pipe.open("wb") as file:
            file.write(spans_to_jsonl(asking(1, 1100)).encode())
            file.flush()
            go_on.wait(30)
            file.write(tail)

    writing = threading.Thread(target=write)
    writing.start()
    yield pipe, go_on
    go_on.set()
    writing.join()


def loading() -> list[threading.Thread]:
    """Return the threads that load a file."""
    return [thread for thread in threading.enumerate() if thread.name == "spanglass loading"]


def test_a_large_file_is_loaded_meanwhile(tmp_path: Path) -> None:
    """Of a large file the first spans are shown while the rest is still being read."""
    with (
        slow_file(tmp_path, spans_to_jsonl(asking(1, 1200)[1100:]).encode()) as (file, go_on),
        launch_app(file, port=0) as session,
    ):
        wait_until(lambda: session.count() == 1000, "two batches", seconds=30)
        page = page_at(session.url)
        go_on.set()
        session.loaded()
        count = session.count()

    assert ("model-1000" in page, count) == (True, 1200)


@pytest.mark.parametrize("tail", [b"no JSON\n", b""], ids=["a wrong line", "no more"])
def test_the_end_while_a_file_is_loaded(tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A session ends while its file is still being read, and what is wrong in the rest is nobody's concern then."""
    with slow_file(tmp_path, tail) as (file, go_on):
        session = launch_app(file, port=0)
        wait_until(lambda: session.count() == 1000, "two batches", seconds=30)
        session.end()
        go_on.set()
        wait_until(lambda: not loading(), "the end of the loading", seconds=30)

    assert caplog.messages == []


def test_a_file_that_is_wrong_in_its_midst(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of a file that is wrong far from its begin the log says so, and what stands before that is shown."""
    with slow_file(tmp_path, b"no JSON\n") as (file, go_on), launch_app(file, port=0) as session:
        go_on.set()
        session.loaded()
        count = session.count()

    why = NO_SPANS.replace(__file__, str(file)).replace("line 1:", "line 1101:")

    assert (count, caplog.messages) == (1100, [f"spanglass: the dashboard has 1100 spans and no more: {why}"])


@contextmanager
def framing(body: bytes) -> Iterator[str]:
    """Serve a page at a port of its own."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 204)  # an icon it has not
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.backend
@pytest.mark.browser
def test_in_a_frame(chromium: Path) -> None:
    """A page of another port of this machine, as a notebook is one, shows the dashboard in a frame, and it is live."""
    frame = b"<title>Notebook</title><iframe src='%s' width='100%%' height='800'></iframe>"
    said: list[str] = []
    with (
        launch_app(asking(1, 3), port=0) as session,
        framing(frame % session.url.encode()) as outer,
        browsing(chromium) as page,
    ):
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(outer)
        page.frame_locator("iframe").get_by_text("model-3").first.wait_for(timeout=30_000)

    assert said == []
