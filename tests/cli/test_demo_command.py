"""`spanglass demo`: what a trace is, from nothing but the package and the SDK."""

import re
from pathlib import Path
from typing import Final

import pytest
from commands import program, run

from exporting import RECEIVERS
from otlp_receivers import http_receiver, silent_port
from spanglass import read_jsonl
from spanglass.export.endpoint import GRPC, HTTP
from spanglass.testing import OpenAIServer

SCENES: Final = [
    "A plain call",
    "A stream",
    "A tool call and its result",
    "Two failed attempts, then an answer",
    "A call that fails",
]
SPANS: Final = [
    *["ChatCompletion"] * 4,
    "umbrella",
    "weather",
    *["ChatCompletion", "attempt", "attempt", "attempt"],
    *["ChatCompletion", "attempt"],
]


def titles(stdout: str) -> list[str]:
    """Return the titles of the scenes that were shown, each with a panel."""
    return re.findall(r"^=== (.*)$", stdout, re.MULTILINE)


def ends(stdout: str, count: int) -> list[str]:
    """Return the last lines."""
    return stdout.splitlines()[-count:]


def test_alone() -> None:
    """Without an endpoint nothing is sent: the traces are shown, and are in a file that is named in the end."""
    ran = run("demo")
    file = re.sub("^  spanglass show ", "", ends(ran.stdout, 1)[0])

    assert (ran.status, ran.stderr, titles(ran.stdout), ran.stdout.count("spanglass Trace")) == (0, "", SCENES, 5)
    assert ends(ran.stdout, 2)[0] == f"12 spans were written to {file}; to look at them again:"
    assert sorted(span.name for span in read_jsonl(file)) == sorted(SPANS)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_endpoint(protocol: str, tmp_path: Path) -> None:
    """With an endpoint it is told how many spans were delivered there; a file may be had besides."""
    file = tmp_path / "with blanks" / "demo.jsonl"
    with RECEIVERS[protocol]() as received:
        ran = run("demo", "--endpoint", received.url, "--protocol", protocol, "--header", "key=k", "--file", file)
    place = f"{received.url}{'/v1/traces' if protocol == HTTP else ''}"

    assert (ran.status, ran.stderr, sorted(received.spans)) == (0, "", sorted(SPANS))
    assert ({headers["key"] for headers in received.headers}, len([*read_jsonl(file)])) == ({"k"}, 12)
    assert ends(ran.stdout, 3) == [
        f"12 of 12 spans were delivered to {place}, project spanglass-demo.",
        f"12 spans were written to {file}; to look at them again:",
        f"  spanglass show '{file}'",
    ]


def test_dead_endpoint() -> None:
    """Where nobody listens that is told, and the status is 1."""
    with silent_port(connects=False) as port:
        url = f"http://127.0.0.1:{port}/v1/traces"
        ran = run("demo", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=url, OTEL_EXPORTER_OTLP_TIMEOUT="1")

    assert (ran.status, ends(ran.stdout, 1)) == (
        1,
        [f"0 of 12 spans were delivered to {url}, project spanglass-demo."],
    )
    assert f"spanglass: spans do not reach {url} over http/protobuf (ConnectionError)" in ran.stderr


def test_a_real_api(tmp_path: Path) -> None:
    """With a key the calls go to the API, and the scenes that need a failing one are left out."""
    with OpenAIServer() as server:
        ran = run(
            *("demo", "--file", tmp_path / "demo.jsonl"),
            OPENAI_API_KEY="test",
            OPENAI_BASE_URL=server.base_url,
            OPENAI_MODEL="another",
        )
        models = {request.json()["model"] for request in server.journal}

    assert (ran.status, titles(ran.stdout), ran.stdout.count("Left out: ")) == (0, SCENES, 2)
    assert (models, len([*read_jsonl(tmp_path / "demo.jsonl")])) == ({"another"}, 5)


WITHOUT = """
import sys
sys.modules["openai"] = None
from spanglass.cli import main
main(["demo"])
"""


def test_without_the_sdk() -> None:
    """Where openai is not installed, one sentence says what to install."""
    needs = "Error: The demo needs the OpenAI SDK, 1.6.0 or newer: pip install 'spanglass[openai]'.\n"

    assert program(WITHOUT) == (1, "", needs)


NO_FOLDER = """
import tempfile
tempfile._candidate_tempdir_list = lambda: ["/dev/null"]
from spanglass.cli import main
main(["demo"])
"""


def test_no_temporary_folder() -> None:
    """Where no folder can be had, as in a container that is read-only, one sentence says what to give instead."""
    give = "give a path by --file, or a receiver by --endpoint."

    assert program(NO_FOLDER) == (1, "", f"Error: There is no temporary folder that can be written: {give}\n")


def test_a_file_that_is_full() -> None:
    """Where the file takes nothing, nothing is said to be written."""
    ran = run("demo", "--file", "/dev/full")

    assert (ran.status, ends(ran.stdout, 2)[0]) == (1, "0 spans were written to /dev/full; to look at them again:")


GIVE = "give the path of a file that this program may write, such as --file 'trace.jsonl'."
MISTAKES: list[tuple[list[str], dict[str, str], str]] = [
    (["--endpoint", "localhost"], {}, "--endpoint has no scheme: write it like http://localhost:4318 or"),
    (
        ["--file", "/dev/null/x"],
        {},
        f"--file leads to /dev/null/x, which cannot be written (Not a directory): {GIVE}",
    ),
    (["--file", "~nobody-of-that-name/x"], {}, "--file cannot be"),
    ([], {"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED=true: nothing is traced and nothing is sent; unset it."),
]


@pytest.mark.parametrize(("arguments", "variables", "says"), MISTAKES)
def test_mistakes(arguments: list[str], variables: dict[str, str], says: str) -> None:
    """What cannot be done is one clear sentence."""
    ran = run("demo", *arguments, **variables)

    assert (ran.status, ran.stdout, ran.stderr.startswith(f"Error: {says}")) == (1, "", True)


def test_turned_off_export() -> None:
    """A variable that turns export off does not keep the traces from a file, but spans from an endpoint."""
    off = {"OTEL_TRACES_EXPORTER": "none"}
    with http_receiver() as received:
        ran = [run("demo", **off), run("demo", "--endpoint", received.url, **off)]

    assert [(each.status, each.stderr) for each in ran] == [
        (0, ""),
        (1, "Error: OTEL_TRACES_EXPORTER=none: no span is sent; unset it.\n"),
    ]
