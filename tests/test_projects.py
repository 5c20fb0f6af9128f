"""One program, many projects: a trace goes, whole, where its outermost function or block says."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from spanglass import trace, using
from spanglass.testing import CapturedSpans, OpenAIServer

PROJECT = "openinference.project.name"
ENVIRONMENT = "deployment.environment.name"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
START = """
import json, sys
from openai import OpenAI
from opentelemetry import context, trace as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from spanglass import OpenAIInstrumentor, configure, trace, using

@trace
def plain(): pass

@trace(project="billing", environment="production")
def billing(): plain()

@trace(project="search")
def search(): billing()

def told():
    keys = ("openinference.project.name", "deployment.environment.name", "service.name")
    return [[span.name, *map(span.resource.attributes.get, keys)] for span in pipeline.spans()]
"""


def run(script: str, *arguments: str) -> tuple[Any, str]:
    """Run a program; return what it printed as JSON, and what it said."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and a program from here
        [sys.executable, "-W", "error", "-c", START + script, *arguments],
        env={**CLEAN, "OTEL_TRACES_EXPORTER": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(done.stdout or "null"), done.stderr


def test_projects_of_traces() -> None:
    """A function's project and environment are those of its whole trace; the others keep the program's own."""
    script = """
pipeline = configure(project="shop", keep=100)
plain(); billing(); plain()
with using(project="search"): plain()
with using(environment="test"): billing()
print(json.dumps(told()))
"""

    assert (
        [
            ["plain", "shop", None, "shop"],
            ["plain", "billing", "production", "shop"],
            ["billing", "billing", "production", "shop"],
            ["plain", "shop", None, "shop"],
            ["plain", "search", None, "shop"],
            ["plain", "billing", "production", "shop"],
            ["billing", "billing", "production", "shop"],
        ],
        "",
    ) == run(script)


def test_calls_and_other_instrumentations() -> None:
    """Calls, their attempts, streams that are read later and spans of others are in the project of their trace."""
    script = """
pipeline = configure(project="shop", keep=100)
OpenAIInstrumentor().instrument(attempt_spans="always")
client = OpenAI(base_url=sys.argv[1], api_key="none")
ask = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

@trace(project="billing")
def work():
    client.chat.completions.create(**ask)
    otel.get_tracer("another").start_span("other").end()
    return client.chat.completions.create(**ask, stream=True)

for _ in work(): pass
print(json.dumps([row[:2] for row in told()]))
"""
    with OpenAIServer() as server:
        rows, said = run(script, server.base_url)

    assert (
        sorted(
            [
                ["attempt", "billing"],
                ["ChatCompletion", "billing"],
                ["other", "billing"],
                ["work", "billing"],
                ["attempt", "billing"],
                ["ChatCompletion", "billing"],
            ]
        ),
        "",
    ) == (sorted(rows), said)


def test_a_trace_is_in_one_project() -> None:
    """Within a trace the outermost decides, also where it says nothing; what cannot be is told once."""
    script = """
pipeline = configure(project="shop", keep=100)
search(); search()
with otel.get_tracer("web").start_as_current_span("GET /"): search()
print(json.dumps([row[:3] for row in told()]))
"""
    rows, said = run(script)
    inside = [["plain", "search", None], ["billing", "search", None], ["search", "search", None]]
    web = [[name, "shop", None] for name in ("plain", "billing", "search", "GET /")]

    assert [*inside, *inside, *web] == rows
    assert (
        "spanglass: a trace is in one project and environment, those of its outermost span: "
        "openinference.project.name='billing', deployment.environment.name='production' of a span inside it cannot be "
        "another. This is said once.\n"
    ) == said


ELSEWHERE = (
    "spanglass: a trace has a project= or environment= of its own only where configure() has made the tracer provider; "
    "this one was made elsewhere, and its traces go where its resource says: call configure() before anything else "
    "makes one. This is said once.\n"
)
FOREIGN = """
provider = TracerProvider(resource=Resource({"openinference.project.name": "own"}))
"""


@pytest.mark.parametrize(
    "setup",
    [
        "otel.set_tracer_provider(provider); pipeline = configure(keep=100)",
        "pipeline = configure(keep=100); OpenAIInstrumentor().instrument(tracer_provider=provider)",
    ],
    ids=["global", "instrumented"],
)
def test_a_provider_of_the_program(setup: str) -> None:
    """With a provider that the program has made, a function runs, and one line says that its project cannot be."""
    script = f"""
{FOREIGN}
{setup}
billing(); billing()
with using(project="search"): billing()
print(json.dumps([row[1] for row in told()]))
"""
    rows, said = run(script)

    assert ({*rows} <= {"own"}, ELSEWHERE) == (True, said)


def test_a_span_of_another_provider_around_it() -> None:
    """A span of another provider's decides nothing: what is inside keeps the resource of its own provider."""
    script = f"""
{FOREIGN}
pipeline = configure(project="shop", keep=100)
billing()
with provider.get_tracer("web").start_as_current_span("GET /"): plain()
print(json.dumps([row[:2] for row in told()]))
"""

    assert ([["plain", "billing"], ["billing", "billing"], ["plain", "shop"]], "") == run(script)


def test_captured_spans(captured: CapturedSpans) -> None:
    """A test of a program sees which project a trace is in."""
    with using(environment="test"):
        trace(project="billing")(len)("a")
    (span,) = captured.spans

    assert ("billing", "test") == (span.resource.attributes[PROJECT], span.resource.attributes[ENVIRONMENT])


@pytest.mark.usefixtures("lenient_guard")
def test_a_project_that_is_no_text(captured: CapturedSpans) -> None:
    """Whatever is given for a project, the spans of others inside begin as ever."""
    with using(project=["billing"]):  # type: ignore[arg-type]  # that is what it tests
        captured.provider.get_tracer("other").start_span("other").end()

    assert ["other"] == [span.name for span in captured.spans]


def test_without_a_provider() -> None:
    """Where nothing is set up, or OpenTelemetry is off, nothing is said."""
    assert (None, "") == run("billing()\nwith using(project='search'): search()")


def test_many_projects() -> None:
    """A thousand projects cost no more than one each; the same one has the same resource."""
    script = """
pipeline = configure(keep=10)
def work(number):
    with using(project=f"p{number}"): plain()
for number in (*range(1500), 1, 1): work(number)
resources = [span.resource for span in pipeline.spans()]
print(json.dumps([resources[-1] is resources[-2], resources[-1].attributes["openinference.project.name"]]))
"""

    assert ([True, "p1"], "") == run(script)
