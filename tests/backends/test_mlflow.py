"""What MLflow makes of the spans: what it counts and finds by them, and what a person sees."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import browsing, picture
from mlflow_server import CONFIGURATION, EXPERIMENT, MLflow, trace_id
from openinference.instrumentation import using_session, using_user
from playwright.sync_api import expect
from processes import variables
from scenarios import ANSWER, MODEL, QUESTION, SCENARIOS, USAGE
from tracing import traced

from frameworks import FRAMEWORKS, framework
from spanglass.testing import OpenAIServer

pytest_plugins = ["servers"]
pytestmark = [pytest.mark.backend, pytest.mark.mlflow]

HTTP = "http/protobuf"
TOKENS = {
    "input_tokens": USAGE["prompt_tokens"],
    "output_tokens": USAGE["completion_tokens"],
    "total_tokens": USAGE["total_tokens"],
}
# What keeps MLflow's own greetings from covering its pages, as for somebody who has been there before.
GREETED = """
localStorage.setItem("mlflow.detectIssues.guidanceShown_v1", "true");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""


@pytest.fixture
def experiment(mlflow: MLflow, project: str) -> str:
    """Make an experiment of the test's own, and return its id."""
    return mlflow.experiment(project)


@pytest.mark.parametrize("by", ["arguments", "variables"])
def test_example_is_all_a_program_needs(mlflow: MLflow, experiment: str, by: str) -> None:
    """The example's program, or it with the example's variables instead, shows its call in MLflow, and says nothing."""
    given = variables(CONFIGURATION)
    text = CONFIGURATION.with_name("README.md").read_text(encoding="utf-8")
    text = text.replace(f"http://{given['MLFLOW_HOST']}:{given['MLFLOW_PORT']}", mlflow.url)
    text = re.sub(rf"{EXPERIMENT}(\W+)0", rf"{EXPERIMENT}\g<1>{experiment}", text)
    (program,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exported = dict(re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE))
    if by == "variables":
        program, told = re.sub(r"configure\(.*\)", "configure()", program), exported
    else:
        told = {}

    with OpenAIServer() as server:
        environment = {**os.environ, **told, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "test"}
        command = [sys.executable, "-W", "error", "-c", program]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - the example

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    (trace,) = mlflow.found(experiment)
    shown = mlflow.trace(trace)
    assert (shown["state"], shown["request_preview"], shown["response_preview"]) == ("OK", "Good evening", "Hello")


def test_mlflow_counts_tokens_and_cost_once(mlflow: MLflow, experiment: str, project: str) -> None:
    """A call of three attempts has the tokens and the cost of one, and what the provider had cached costs less."""
    with traced(mlflow.endpoints, HTTP, project=project, headers={EXPERIMENT: experiment}) as spans:
        SCENARIOS["retried"].run()
    trace = trace_id(spans[0])
    call, *attempts = mlflow.added(trace)
    told = mlflow.trace(trace)["trace_metadata"]
    cost = {  # dollars: 0.15 a million prompt tokens and half of it for cached ones; 0.60 for the others
        "input_cost": pytest.approx(((1200 - 1024) * 0.15 + 1024 * 0.075) / 1e6),
        "output_cost": pytest.approx(34 * 0.60 / 1e6),
        "total_cost": pytest.approx(((1200 - 1024) * 0.15 + 1024 * 0.075 + 34 * 0.60) / 1e6),
    }
    tokens = TOKENS | {"cache_read_input_tokens": 1024}
    read = ("mlflow.spanInputs", "mlflow.spanOutputs")

    assert {key: value for key, value in call.items() if key not in read} == {
        "mlflow.traceRequestId": trace,
        "mlflow.spanType": "LLM",
        "mlflow.llm.model": MODEL,
        "mlflow.chat.tokenUsage": tokens,
        "mlflow.llm.cost": cost,
    }
    assert attempts == [{"mlflow.traceRequestId": trace, "mlflow.spanType": "CHAIN"}] * 3
    assert {key: json.loads(value) for key, value in told.items()} == {
        "mlflow.trace.tokenUsage": tokens,
        "mlflow.trace.cost": cost,
    }


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_mlflow_counts_tokens_once_within_a_framework(mlflow: MLflow, experiment: str, name: str, project: str) -> None:
    """A call within a framework's own span of it, which has its tokens too, has them counted once."""
    headers = {EXPERIMENT: experiment}
    with traced(mlflow.endpoints, HTTP, project=project, headers=headers) as spans, framework(name):
        SCENARIOS["plain"].run()

    assert json.loads(mlflow.trace(trace_id(spans[0]))["trace_metadata"]["mlflow.trace.tokenUsage"]) == TOKENS


def test_mlflow_finds_sessions_and_users(mlflow: MLflow, experiment: str, project: str) -> None:
    """What ran in a session and for a user is found by either, and nothing else is."""
    with traced(mlflow.endpoints, HTTP, project=project, headers={EXPERIMENT: experiment}) as spans:
        with using_session("evening"), using_user("ada"):
            SCENARIOS["streamed"].run()
        with using_session("night"), using_user("grace"):
            SCENARIOS["plain"].run()
        SCENARIOS["failed"].run()
    streamed, plain, failed, _ = map(trace_id, spans)

    assert sorted(mlflow.found(experiment)) == sorted([streamed, plain, failed])
    assert mlflow.found(experiment, "metadata.`mlflow.trace.session` = 'evening'") == [streamed]
    assert mlflow.found(experiment, "metadata.`mlflow.trace.user` = 'grace'") == [plain]
    assert mlflow.found(experiment, "trace.status = 'ERROR'") == [failed]


@pytest.mark.browser
def test_a_person_sees_attempts_conversation_and_session(
    mlflow: MLflow, experiment: str, chromium: Path, tmp_path: Path
) -> None:
    """The pages show a retried call's attempts as a tree beside its question and answer, a tool call, and the session.

    SPANGLASS_MLFLOW_SCREENSHOT names a file for the picture of the call.
    """
    headers = {EXPERIMENT: experiment}
    with traced(mlflow.endpoints, HTTP, project="night-desk", headers=headers) as spans, using_session("evening"):
        SCENARIOS["retried"].run()
        SCENARIOS["tool"].run()
    call, asked = spans[0], spans[4]
    question = QUESTION["content"]

    with browsing(chromium) as page:
        page.add_init_script(GREETED)
        page.goto(mlflow.page(experiment, trace_id(call)))
        trace = page.get_by_role("dialog")
        for text in ("ChatCompletion", question, ANSWER, "1,234 tokens", "evening"):
            expect(trace.get_by_text(text, exact=True).first).to_be_visible(timeout=30_000)
        expect(trace.get_by_text("attempt", exact=True)).to_have_count(3)
        picture(trace, os.environ.get("SPANGLASS_MLFLOW_SCREENSHOT") or tmp_path / "mlflow.png")

        page.goto(mlflow.page(experiment, trace_id(asked)))
        for text in (question, "Tool calls", "departures", "station", "Ghent"):
            expect(trace.get_by_text(text, exact=True).first).to_be_visible(timeout=30_000)

        page.goto(mlflow.session(experiment, "evening"))
        for text in ("Turn 1", "Turn 2", "Turn 3", question, ANSWER):
            expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=30_000)
