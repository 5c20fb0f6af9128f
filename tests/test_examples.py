"""Each example, run as a user runs it: what it prints, and the spans that reach a receiver."""

import ast
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import nbformat
import pytest

from otlp_receivers import http_receiver
from received import trees
from spanglass.testing import (
    Answer,
    OpenAIServer,
    Reply,
    Stall,
    Stream,
    chunks,
    completion,
    embeddings,
    error,
    response,
    response_events,
)

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
WEATHER: Final = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
FUNCTION_CALL: Final = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Oslo"}',
}
THOUGHT: Final = {"id": "rs_1", "type": "reasoning", "summary": []}
MEETING: Final = '{"topic":"the roof","day":"Friday","people":["Ann","Bo"]}'
CALL: Final = "ChatCompletion LLM OK"

# What differs from run to run and from place to place: colours, ids, ports, times, and how long a bar is.
MASKS: Final = (
    (r"\x1b\[[\d;]*m", ""),
    (r"\b(?:[0-9a-f]{16}){1,2}\b", "ID"),
    (r"(?<=127\.0\.0\.1:)\d+", "PORT"),
    (r"[\d,.]+ ?m?s\b", "T"),
    (r"[ ─\u2580-\u259f]+", " "),
)
# What a panel says besides how the trace ended and its steps; tests/export has all of it.
REST: Final = re.compile(r"│|╰|# Tool|$")


class Example(NamedTuple):
    """What the API answers to a program, and what comes of it: on both of its outputs, and at the receiver."""

    name: str
    answers: tuple[Answer, ...]
    printed: list[str]
    told: list[str]
    spans: list[str]


SUCCESS: Final = "╭ spanglass Trace SUCCESS ╮"
INCOMPLETE: Final = "╭ spanglass Trace INCOMPLETE ╮"
RUN: Final = (
    Example(
        "chat.py",
        (Reply(completion("Paris.")),),
        ["Paris."],
        [SUCCESS, "1 openai_chat T OK stop"],
        [CALL],
    ),
    Example(
        "streaming.py",
        (
            Stream(chunks(["one,", "two,", "three"], usage=USAGE)),
            Stream([*chunks(["one,", "two,", "three,"], finish_reason=None), Stall(30)]),
        ),
        ["one,", "two,", "three", "one,", "two,", "three,"],
        [
            SUCCESS,
            "1 openai_chat_stream T OK completed, 6 chunks, stop",
            INCOMPLETE,
            "1 openai_chat_stream T INCOMPLETE closed, 4 chunks",
        ],
        ["ChatCompletion LLM OK completed", "ChatCompletion LLM unset closed"],
    ),
    Example(
        "tools.py",
        (
            Reply(completion(None, tool_calls=[WEATHER], finish_reason="tool_calls")),
            Reply(completion("Yes: it rains in Oslo.")),
        ),
        ["Yes: it rains in Oslo."],
        [SUCCESS, "1 openai_chat T OK calls weather", "2 weather T OK", "3 openai_chat T OK stop"],
        ["umbrella AGENT OK", f"  {CALL}", "  weather TOOL OK", f"  {CALL}"],
    ),
    Example(
        "responses.py",
        (
            Reply(response([THOUGHT, FUNCTION_CALL])),
            Stream(response_events(["Yes: ", "it rains in Oslo."]), done=False),
        ),
        ["Yes: it rains in Oslo."],
        [
            SUCCESS,
            "1 openai_response T OK calls weather",
            "2 weather T OK",
            "3 openai_response_stream T OK completed, 10 chunks",
        ],
        ["umbrella AGENT OK", "  Response LLM OK", "  weather TOOL OK", "  Response LLM OK completed"],
    ),
    Example(
        "embeddings.py",
        (Reply(embeddings([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.25, 0.75]], base64_encoded=True)),),
        ["The train leaves from platform 4."],
        [SUCCESS, "1 openai_embeddings T OK"],
        ["CreateEmbeddings EMBEDDING OK"],
    ),
    Example(
        "structured_output.py",
        (Reply(completion(MEETING)),),
        [
            "Meeting(topic='the roof', day='Friday', people=['Ann', 'Bo'])",
            "sent: Meeting ['topic', 'day', 'people']",
            f"came back: {MEETING}",
        ],
        [SUCCESS, "1 openai_chat T OK stop"],
        [CALL],
    ),
    Example(
        "retries.py",
        (
            Reply(error("Slow down"), status=429, headers={"retry-after-ms": "300"}),
            Reply(completion("Too late."), before=Stall(30)),
            Reply(completion("I am now.")),
        ),
        ["I am now."],
        [
            SUCCESS,
            "1 openai_chat T OK stop",
            "attempt 1 T FAILED HTTP 429",
            "backoff T asked for by the server",
            "attempt 2 T FAILED ReadTimeout: timed out",
            "backoff T chosen by the SDK",
            "attempt 3 T OK HTTP 200",
        ],
        [CALL, "  attempt CHAIN ERROR", "  attempt CHAIN ERROR", "  attempt CHAIN unset"],
    ),
    Example(
        "many_calls.py",
        (),
        [str(["Hello"] * 8)],
        [SUCCESS, *(f"{number} openai_chat T OK stop" for number in range(1, 9))],
        ["capitals CHAIN OK", *[f"  {CALL}"] * 8],
    ),
    Example(
        "one_client.py",
        (),
        ["Hello"] * 3,
        [SUCCESS, "1 openai_chat T OK stop", "attempt 1 T OK HTTP 200", SUCCESS, "1 openai_chat T OK stop"],
        [CALL, "  attempt CHAIN unset", CALL],
    ),
    Example(
        "masking.py",
        (Reply(completion("Dear ann@example.com")),) * 4,
        [
            "nothing masked Write one line to ann@example.com Dear ann@example.com",
            "redactor= Write one line to <address> Dear <address>",
            "hide= Write one line to ann@example.com __REDACTED__",
            "content off __REDACTED__ __REDACTED__",
        ],
        [],
        [CALL] * 4,
    ),
    Example(
        "logs.py",
        (),
        ["Hello"],
        [
            "INFO trace_id=0 open",
            "INFO trace_id=ID Ann asks",
            'INFO trace_id=ID HTTP Request: POST http://127.0.0.1:PORT/v1/chat/completions "HTTP/1.1 200 OK"',
            "INFO trace_id=ID answered, 11 tokens",
            SUCCESS,
            "1 openai_chat T OK stop",
        ],
        ["advise CHAIN OK", f"  {CALL}"],
    ),
)


def environment(server: OpenAIServer, endpoint: str, **more: str) -> dict[str, str]:
    """Return the variables of a user who has an API and a collector."""
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "OTEL_", "SPANGLASS_"))
    }
    return {
        **bare,
        "PYTHONIOENCODING": "utf-8",
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": server.base_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        **more,
    }


def masked(output: str) -> list[str]:
    """Return the lines of an output, without what differs from run to run."""
    for pattern, word in MASKS:
        output = re.sub(pattern, word, output)
    return [line.strip() for line in output.splitlines()]


def telling(output: str) -> list[str]:
    """Return what was told beside the program's own output, but of a panel only how the trace ended and its steps."""
    return [line for line in masked(output) if not REST.match(line)]


@pytest.mark.parametrize("example", RUN, ids=lambda example: example.name)
def test_example(example: Example) -> None:
    """An example prints what it says it does, without a warning, and its spans arrive."""
    with OpenAIServer() as server, http_receiver() as receiver:
        server.script(*example.answers)
        done = subprocess.run(  # noqa: S603 - our own examples
            [sys.executable, "-W", "error", EXAMPLES / example.name],
            env=environment(server, receiver.url),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    assert (0, example.printed, example.told, example.spans) == (
        done.returncode,
        masked(done.stdout),
        telling(done.stderr),
        trees(receiver),
    )


@pytest.fixture
def port() -> int:
    """Give a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_dashboard(port: int, tmp_path: Path) -> None:
    """The dashboard takes the calls of the program beside it, and both end where no terminal is attached."""
    with OpenAIServer() as server:
        server.script(Reply(completion("A board.")), Stream(chunks(["Once ", "upon a board."])))
        done = subprocess.run(  # noqa: S603 - our own example
            [sys.executable, "-W", "error", EXAMPLES / "dashboard.py"],
            env=environment(server, "http://127.0.0.1:9", PORT=str(port), XDG_DATA_HOME=str(tmp_path)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    assert (0, ["Once upon a board.", f"3 spans are at http://localhost:{port}"], "") == (
        done.returncode,
        done.stdout.splitlines(),
        done.stderr,
    )


def told_until_left(left: threading.Event) -> Iterator[Mapping[str, Any] | Stall]:
    """Begin a story, and note when whoever listens has closed the connection."""
    try:
        yield from chunks(["Once ", "upon "], finish_reason=None)
        yield Stall(60)
    finally:
        left.set()


def ask(port: int, path: str, length: int | None = None) -> bytes:
    """Ask the service, and hang up after so many bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    try:
        return answer.read(length)
    finally:
        answer.close()
        connection.close()


# A newer FastAPI has a span of its own around each request, and says that one failed whose client has gone.
LEFT: Final = "╭ spanglass Trace FAILED ╮" if find_spec("fastapi.telemetry") else INCOMPLETE


def test_service(port: int) -> None:
    """The service tells a story to its end, and where the client hangs up the stream from the API is closed, too."""
    left = threading.Event()
    with OpenAIServer() as server, http_receiver() as receiver:
        server.script(Stream(chunks(["Once ", "upon ", "a roof."])), Stream(told_until_left(left)))
        with subprocess.Popen(  # noqa: S603 - our own example
            [sys.executable, "-W", "error", EXAMPLES / "service.py"],
            env=environment(server, receiver.url, PORT=str(port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as service:
            try:
                next(line for line in service.stderr or () if "Uvicorn running" in line)
                stories = ask(port, "/stories/roof"), ask(port, "/stories/cellar", length=5)
                closed = left.wait(30)
            finally:
                service.send_signal(signal.SIGINT)
                _, told = service.communicate(timeout=30)

    assert (b"Once upon a roof.", b"Once ", True, 0) == (*stories, closed, service.returncode)
    assert [
        SUCCESS,
        "1 openai_chat_stream T OK completed, 5 chunks, stop",
        LEFT,
        "1 openai_chat_stream T INCOMPLETE cancelled, 3 chunks",
    ] == [line for line in telling(told) if not line.startswith("INFO:")]
    assert [
        "tell CHAIN OK completed",
        "  ChatCompletion LLM OK completed",
        "tell CHAIN unset cancelled",
        "  ChatCompletion LLM unset cancelled",
    ] == trees(receiver)


NOTEBOOK: Final = EXAMPLES / "notebook.ipynb"


def test_notebook(port: int, tmp_path: Path) -> None:
    """The notebook runs from its first cell to its last: panels under the cells, results, a table, and a frame."""
    copy = Path(shutil.copy(NOTEBOOK, tmp_path))
    with OpenAIServer() as server, http_receiver() as receiver:
        subprocess.run(  # noqa: S603 - our own notebook
            [Path(sys.executable).with_name("jupyter-execute"), "--inplace", copy],
            env=environment(server, receiver.url, JUPYTER_PLATFORM_DIRS="1", HOME=str(tmp_path), PORT=str(port)),
            capture_output=True,
            timeout=120,
            check=True,
        )
    cells = [cell for cell in json.loads(copy.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    shown = {cell["id"]: [line for output in cell["outputs"] for line in _shown(output)] for cell in cells}

    assert shown == {
        "setup": [],
        "call": [SUCCESS, "1 openai_chat T OK stop", "'Hello'"],
        "work": [SUCCESS, "1 openai_chat T OK stop", "2 openai_chat T OK stop", "['Hello', 'Hello']"],
        "table": [
            "name span_kind attributes.llm.token_count.total",
            "ID ChatCompletion LLM 11",
            "ID ChatCompletion LLM 11",
            "ID ChatCompletion LLM 11",
            "ID twice CHAIN <NA>",
        ],
        "dashboard": [f"a frame of http://localhost:{port}"],
    }
    assert [CALL, "twice CHAIN OK", f"  {CALL}", f"  {CALL}"] == trees(receiver)


def _shown(output: dict[str, Any]) -> list[str]:
    if output["output_type"] == "stream":
        return telling("".join(output["text"]))
    framed = re.findall(r'<iframe\s[^>]*src="([^"]+)"', "".join(output["data"].get("text/html", "")))
    return [f"a frame of {url}" for url in framed] or masked("".join(output["data"]["text/plain"]))


def test_notebook_as_it_is_kept() -> None:
    """It is a notebook by its format's schema, with an id of each cell that stays, and nothing of a run is in it."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # it has no annotations
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert ["what", "setup", "one", "call", "two", "work", "three", "table", "four", "dashboard"] == [
        cell.id for cell in notebook.cells
    ]
    assert [([], None)] * len(code) == [(cell.outputs, cell.execution_count) for cell in code]


def first_line(path: Path) -> str:
    """Return what an example says of itself first."""
    if path.suffix == ".ipynb":
        return str("".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"]).splitlines()[0]).removeprefix(
            "# "
        )
    return str(ast.get_docstring(ast.parse(path.read_text("utf-8")))).splitlines()[0]


def test_table() -> None:
    """The table of examples has each file but the demo's, with its first line; and each is run by a test."""
    paths = {path.name: path for path in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb"))}
    document = (EXAMPLES / "README.md").read_text("utf-8")
    table = dict(re.findall(r"^\| \[`([\w.]+)`\]\(\1\) \| (.*) \|$", document, re.MULTILINE))
    run = {example.name for example in RUN} | {"dashboard.py", "service.py", "notebook.ipynb", "test_program.py"}

    assert table == {name: first_line(path) for name, path in paths.items() if name != "demo.py"}
    assert table.keys() == run
