"""`configure(console=)` in programs of its own: where panels are printed, and what they cannot do to a program."""

import os
import pty
import signal
import subprocess
import sys
from typing import Any, Final

import pytest
from nbclient import NotebookClient
from nbformat import v4

from otlp_receivers import silent_port

CLEAN: Final = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("OTEL_") and name not in {"FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
}
PROGRAM: Final = """
import io, json, os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from spanglass import configure
def ask(name="ask"):
    return trace.get_tracer("test").start_as_current_span(name, attributes={"openinference.span.kind": "CHAIN"})
def printed(text):
    return [line.split()[1] for line in text.splitlines() if line.startswith("  1  ")]
"""


def run(script: str, *arguments: str, **variables: str) -> tuple[str, list[str], int]:
    """Run a program; return what it printed, the first steps of its panels on standard error, and its status."""
    done = subprocess.run(  # noqa: S603 - a program from this file
        [sys.executable, "-c", PROGRAM + script, *arguments],
        env={**CLEAN, "OTEL_TRACES_EXPORTER": "none", "PYTHONIOENCODING": "utf-8", **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return (
        done.stdout,
        [line.split()[1] for line in done.stderr.splitlines() if line.startswith("  1  ")],
        done.returncode,
    )


ASKING: Final = """
with ask(): pass
"""


@pytest.mark.parametrize(
    ("script", "variables", "printed"),
    [
        ("configure(console=True)", {}, ["ask"]),
        ("configure(console=False)", {}, []),
        ("configure()", {}, []),
        ("configure(); configure(console=True)", {}, ["ask"]),
        ("configure(console=True); configure(console=True); configure(console=False)", {}, ["ask"]),
        ("configure(console=True)", {"OTEL_SDK_DISABLED": "true"}, []),
        ("configure(console=True).shutdown()", {}, []),
        ("trace.set_tracer_provider(TracerProvider()); configure(console=True)", {}, ["ask"]),
        ("trace.set_tracer_provider(TracerProvider()); configure(console=True).shutdown()", {}, []),
        ("trace.set_tracer_provider(TracerProvider()); configure(console=True).shutdown(); configure(console=True)", {},
         ["ask"]),
        ("trace.set_tracer_provider(trace.NoOpTracerProvider()); configure(console='auto')", {}, []),
    ],
    ids=["on", "off", "no terminal", "later", "again", "disabled", "shut down", "the program's own",
         "the program's own, shut down", "the program's own, again", "none"],
)  # fmt: skip
def test_configure(script: str, variables: dict[str, str], printed: list[str]) -> None:
    """Panels are printed where configure() was told so, once, by whoever made the provider."""
    assert run(script + ASKING, **variables) == ("", printed, 0)


def test_a_receiver_that_does_not_answer() -> None:
    """A panel is printed before the span that it waits for is closed, whatever becomes of the export."""
    script = """
pipeline = configure(endpoint=sys.argv[1], console=True)
sys.stderr, stderr = io.StringIO(), sys.stderr
with ask(): pass
print(*printed(sys.stderr.getvalue()))
pipeline.shutdown()
sys.stderr = stderr
"""
    with silent_port(connects=True) as port:
        printed, _, status = run(script, f"http://127.0.0.1:{port}", OTEL_TRACES_EXPORTER="otlp")

    assert (printed, status) == ("ask\n", 0)


def test_a_terminal() -> None:
    """Where standard error is a terminal a panel is printed without being asked for, in colour unless NO_COLOR."""
    outputs = []
    for variables in ({}, {"NO_COLOR": "1"}):
        terminal, program = pty.openpty()
        subprocess.run(  # noqa: S603 - a program from this file
            [sys.executable, "-c", PROGRAM + "configure()" + ASKING],
            env={**CLEAN, "OTEL_TRACES_EXPORTER": "none", "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **variables},
            stderr=program,
            timeout=60,
            check=True,
        )
        os.close(program)
        outputs.append(os.read(terminal, 65536).decode())
        os.close(terminal)

    assert [("\x1b[32mSUCCESS\x1b[0m" in text, "  Status       " in text) for text in outputs] == [
        (True, True),
        (False, True),
    ]


def test_a_provider_that_takes_no_processor() -> None:
    """Where the provider hands its spans to nobody, asking for panels is refused in one sentence."""
    script = """
trace.set_tracer_provider(trace.NoOpTracerProvider())
try:
    configure(console=True)
except RuntimeError as error:
    print(error)
"""

    said = (
        "configure() cannot export from the global tracer provider NoOpTracerProvider, which takes no span processors: "
        "use a TracerProvider of the OpenTelemetry SDK, or none.\n"
    )

    assert run(script) == (said, [], 0)


def test_rich_is_loaded_when_it_is_needed() -> None:
    """A program loads Rich with its first panel, and not before."""
    script = """
configure(console=True)
before = "rich" in sys.modules
with ask(): pass
print(before, "rich" in sys.modules)
"""

    assert run(script) == ("False True\n", ["ask"], 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork() -> None:
    """A forked child prints what begins in it, and leaves to its parent what began there."""
    script = """
configure(console=True)
with ask("parent"):
    with ask("before"): pass
    child = os.fork()
    with ask("inner" if child else "child"): pass
    if child: os.waitpid(child, 0)
os._exit(0) if not child else None
"""

    assert run(script) == ("", ["child", "before"], 0)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", 0), ("import signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM), ("raise SystemExit(3)", 3)],
    ids=["end", "SIGTERM", "exit"],
)
def test_a_stream_that_is_open_at_the_end(ending: str, status: int) -> None:
    """What was still open as the program ended has its panel, however it ended."""
    script = f"""
from openai import OpenAI
from spanglass import OpenAIInstrumentor
from spanglass.testing import OpenAIServer
configure(console=True)
OpenAIInstrumentor().instrument()
server = OpenAIServer()
client = OpenAI(base_url=server.base_url, api_key="test")
stream = client.chat.completions.create(model="gpt-4o-mini", messages=[], stream=True)
next(stream)
{ending}
"""

    assert run(script) == ("", ["openai_chat_stream"], status)


def test_a_pipe_that_nobody_reads() -> None:
    """A program whose standard error nobody reads goes on to its end."""
    reading, writing = os.pipe()
    os.close(reading)
    script = """
configure(console=True)
for _ in range(3):
    with ask(): pass
print("done")
"""
    done = subprocess.run(  # noqa: S603 - a program from this file
        [sys.executable, "-c", PROGRAM + script],
        env={**CLEAN, "OTEL_TRACES_EXPORTER": "none", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (done.stdout, done.returncode) == ("done\n", 0)


def test_a_notebook() -> None:
    """In a notebook a panel is plain text on standard error, below the cell that it belongs to."""
    form: Any = v4  # its functions have no annotations
    cells = [form.new_code_cell(code) for code in (f"{PROGRAM}\nconfigure(console=True)", ASKING)]
    notebook = form.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(env={**CLEAN, "OTEL_TRACES_EXPORTER": "none"})
    outputs = notebook.cells[1].outputs

    assert [(output.name, output.text.splitlines()[-2].split()[:2]) for output in outputs] == [("stderr", ["1", "ask"])]
