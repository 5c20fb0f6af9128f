"""OpenAI instrumented before it is imported, by hand and by `opentelemetry-instrument`, in programs of their own."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from asking import HTTP
from spanglass import OpenAIInstrumentor
from spanglass.testing import OpenAIServer

ASKING = """
import openai, sys
with openai.OpenAI(base_url=sys.argv[1], api_key="test") as client:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
"""
TRACING = """
import sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from spanglass import OpenAIInstrumentor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
instrumentor = OpenAIInstrumentor()
"""
NOT_LOADED = """
assert not {"openai", "httpx", "httpx2"} & set(sys.modules)
"""
BEFORE = f"""
instrumentor.instrument(tracer_provider=provider)
{NOT_LOADED}
{ASKING}
"""
OLDER_FAMILY = """
instrumentor.instrument(tracer_provider=provider)
import openai
assert "httpx" not in sys.modules
import httpx
with openai.OpenAI(base_url=sys.argv[1], api_key="test", http_client=httpx.Client()) as client:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
"""
TAKEN_BACK = f"""
instrumentor.instrument(tracer_provider=provider)
instrumentor.uninstrument()
{NOT_LOADED}
{ASKING}
"""
GIVEN_AGAIN = f"""
instrumentor.instrument(tracer_provider=provider)
instrumentor.uninstrument()
import openai
instrumentor.instrument(tracer_provider=provider)
{ASKING}
"""


def documents(printed: str) -> list[Any]:
    """Return the JSON documents of a text, one after the other."""
    found = []
    while printed := printed.strip():
        document, end = json.JSONDecoder().raw_decode(printed)
        found.append(document)
        printed = printed[end:]
    return found


def traces(command: list[str], **environ: str) -> list[Any]:
    """Run a program that must succeed and say nothing on standard error; return the spans that it printed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    ran = subprocess.run(  # noqa: S603 - the command is the test's own
        command, env={**inherited, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return documents(ran.stdout)


def seen(spans: list[Any]) -> list[tuple[str, int]]:
    """Return the names of spans, and their counts of attempts."""
    return [(span["name"], span["attributes"]["spanglass.attempt.count"]) for span in spans]


@pytest.mark.parametrize(
    ("program", "traced"),
    [
        (BEFORE, 1),
        pytest.param(
            OLDER_FAMILY, 1, marks=pytest.mark.skipif(HTTP.__name__ == "httpx", reason="the older is the SDK's own")
        ),
        (TAKEN_BACK, 0),
        (GIVEN_AGAIN, 1),
    ],
    ids=["instrumented before", "older family later", "taken back before", "given again after"],
)
def test_imported_later(program: str, traced: int, server: OpenAIServer) -> None:
    """What is imported later is traced as it would be now, and instrumenting imports nothing of it."""
    spans = traces([sys.executable, "-W", "error", "-c", TRACING + program, server.base_url])

    assert len(server.journal) == 1
    assert seen(spans) == [("ChatCompletion", 1)] * traced


def test_entry_point() -> None:
    """OpenTelemetry finds the instrumentor by one entry point, which is named as the package is."""
    found = [point for point in entry_points(group="opentelemetry_instrumentor") if "spanglass" in point.value]

    assert [(point.name, point.load()) for point in found] == [("spanglass", OpenAIInstrumentor)]


@pytest.mark.parametrize(
    ("disabled", "traced"),
    [("openai", 1), ("openai,spanglass", 0)],  # the other is OpenInference's instrumentor, which the tests have too
    ids=["on", "off"],
)
def test_opentelemetry_instrument(disabled: str, traced: int, server: OpenAIServer, tmp_path: Path) -> None:
    """A program that knows nothing of tracing is traced by `opentelemetry-instrument`, unless told otherwise."""
    program = tmp_path / "app.py"
    program.write_text(ASKING)
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    environ = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled,
    }

    spans = traces([str(launcher), sys.executable, str(program), server.base_url], **environ)

    assert len(server.journal) == 1
    assert seen(spans) == [("ChatCompletion", 1)] * traced
