"""What Phoenix makes of the spans: what it counts and finds by them, and what a person sees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser import browsing, picture
from openinference.instrumentation import using_session, using_user
from playwright.sync_api import expect
from scenarios import ANSWER, QUESTION, SCENARIOS, SYSTEM, TEXTS, THOUGHT, USAGE, VECTORS
from tracing import traced
from viewer import Phoenix

from frameworks import FRAMEWORKS, framework
from spanglass.testing import OpenAIServer

pytest_plugins = ["servers"]
pytestmark = [pytest.mark.backend, pytest.mark.phoenix]

PROGRAM = """
import sys
from openai import OpenAI
from spanglass import OpenAIInstrumentor, configure

project, endpoint, protocol, server = sys.argv[1:]
configure(project=project, endpoint=endpoint, protocol=protocol)
OpenAIInstrumentor().instrument()

client = OpenAI(base_url=server, api_key="test")
chunks = client.chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Good evening"}], stream=True
)
print("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
"""
SEEN = {
    "llm.model_name": "gpt-4o-mini",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Good evening",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Hello",
}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_two_lines_are_all_a_program_needs(phoenix: Phoenix, protocol: str, project: str) -> None:
    """A program that only configures and instruments shows its call in Phoenix, though it ends right after it."""
    with OpenAIServer() as server:
        arguments = [project, phoenix.endpoints[protocol].removesuffix("/v1/traces"), protocol, server.base_url]
        program = [sys.executable, "-W", "error", "-c", PROGRAM, *arguments]
        ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Hello\n", "")
    span = phoenix.first(project)
    assert {key: span["attributes"].get(key) for key in SEEN} == SEEN


def test_phoenix_counts_tokens_and_cost_once(phoenix: Phoenix, project: str) -> None:
    """A call of three attempts has the tokens and the cost of one, and what the provider had cached costs less."""
    with traced(phoenix.endpoints, "http/protobuf", project=project) as spans:
        SCENARIOS["retried"].run()
    call, *attempts = phoenix.shows(project, spans)
    costs = phoenix.costs(project)

    assert costs.pop(call["context"]["span_id"]) == {
        "tokenCountPrompt": USAGE["prompt_tokens"],
        "tokenCountCompletion": USAGE["completion_tokens"],
        "tokenCountTotal": USAGE["total_tokens"],
        "costSummary": {  # dollars: 0.15 a million prompt tokens and half of it for cached ones; 0.60 for the others
            "prompt": {"cost": pytest.approx(((1200 - 1024) * 0.15 + 1024 * 0.075) / 1e6)},
            "completion": {"cost": pytest.approx(34 * 0.60 / 1e6)},
            "total": {"cost": pytest.approx(((1200 - 1024) * 0.15 + 1024 * 0.075 + 34 * 0.60) / 1e6)},
        },
    }
    nothing = {"tokenCountPrompt": None, "tokenCountCompletion": None, "tokenCountTotal": 0, "costSummary": None}
    assert costs == {attempt["context"]["span_id"]: nothing for attempt in attempts}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_phoenix_counts_tokens_once_within_a_framework(phoenix: Phoenix, name: str, project: str) -> None:
    """A call within a framework's own span of it, which has its tokens too, has them counted there and nowhere else."""
    with traced(phoenix.endpoints, "http/protobuf", project=project) as spans, framework(name):
        SCENARIOS["plain"].run()
    outer, call = phoenix.shows(project, spans)
    costs = phoenix.costs(project)

    assert (outer["span_kind"], call["span_kind"], call["parent_id"]) == ("LLM", "CHAIN", outer["context"]["span_id"])
    assert {span: costs[span]["tokenCountTotal"] for span in costs} == {
        outer["context"]["span_id"]: USAGE["total_tokens"],
        call["context"]["span_id"]: 0,
    }
    assert phoenix.total(project) == USAGE["total_tokens"]


def test_phoenix_finds_sessions_and_users(phoenix: Phoenix, project: str) -> None:
    """What ran in a session and for a user is found by either, and nothing else is."""
    with traced(phoenix.endpoints, "http/protobuf", project=project) as spans:
        with using_session("evening"), using_user("ada"):
            SCENARIOS["streamed"].run()
        with using_session("night"), using_user("grace"):
            SCENARIOS["plain"].run()
        SCENARIOS["failed"].run()
    streamed, plain, *_ = phoenix.shows(project, spans)

    assert phoenix.having(project, "session.id", "evening") == [streamed]
    assert phoenix.having(project, "user.id", "grace") == [plain]
    assert {each["session_id"]: each["token_count_total"] for each in phoenix.sessions(project)} == {
        "evening": USAGE["total_tokens"],
        "night": USAGE["total_tokens"],
    }


@pytest.mark.browser
def test_a_person_sees_attempts_and_conversation(phoenix: Phoenix, chromium: Path, tmp_path: Path) -> None:
    """The page of a retried call shows its attempts as a tree, and the question and the answer beside it.

    SPANGLASS_SCREENSHOT names a file for the picture.
    """
    with traced(phoenix.endpoints, "http/protobuf", project="night-desk") as spans:
        SCENARIOS["retried"].run()
    phoenix.shows("night-desk", spans)

    with browsing(chromium) as page:
        page.goto(phoenix.page("night-desk", spans[0]))
        trace = page.get_by_role("dialog")
        expect(trace.get_by_text(ANSWER, exact=True).first).to_be_visible(timeout=30_000)
        expect(trace.get_by_text(QUESTION["content"], exact=True).first).to_be_visible()
        expect(trace.get_by_text("attempt", exact=True)).to_have_count(3)
        picture(trace, os.environ.get("SPANGLASS_SCREENSHOT") or tmp_path / "phoenix.png")


@pytest.mark.browser
def test_a_person_sees_tools_and_session(phoenix: Phoenix, chromium: Path) -> None:
    """The pages show the tools that a model had, the call that it wants, what that gave, and the session by turns."""
    with traced(phoenix.endpoints, "http/protobuf", project="day-desk") as spans, using_session("late evening"):
        SCENARIOS["tool"].run()
    phoenix.shows("day-desk", spans)

    with browsing(chromium) as page:
        page.goto(phoenix.page("day-desk", spans[0]))
        trace = page.get_by_role("dialog")
        expect(trace.get_by_text("Tool Call: call_1")).to_be_visible(timeout=30_000)
        expect(trace.get_by_text('"station": "Ghent"').first).to_be_visible()
        trace.get_by_text("Tools", exact=True).click()
        expect(trace.get_by_text("Lists the trains that leave a station.").first).to_be_visible()

        page.goto(phoenix.page("day-desk", spans[1]))
        expect(trace.get_by_text("Tool Result: call_1").first).to_be_visible(timeout=30_000)
        expect(trace.get_by_text(ANSWER, exact=True).first).to_be_visible()

        trace.get_by_text("View Session").click()
        session = page.get_by_role("dialog")
        for text in ("late evening", "Turn 01", "Turn 02"):
            expect(session.get_by_text(text, exact=True).first).to_be_visible(timeout=30_000)
        expect(session.get_by_text(ANSWER).last).to_be_visible()


@pytest.mark.browser
def test_a_person_sees_a_conversation_by_responses(phoenix: Phoenix, chromium: Path, tmp_path: Path) -> None:
    """The pages show what a response was told, thought and called, what that gave, and what it searched and answered.

    SPANGLASS_RESPONSES_SCREENSHOT names a file for the picture of the second.
    """
    with traced(phoenix.endpoints, "http/protobuf", project="evening-desk") as spans:
        SCENARIOS["responses"].run()
    phoenix.shows("evening-desk", spans)

    with browsing(chromium) as page:
        page.goto(phoenix.page("evening-desk", spans[0]))
        trace = page.get_by_role("dialog")
        expect(trace.get_by_text("Tool Call: call_1")).to_be_visible(timeout=30_000)
        for text in (SYSTEM["content"], QUESTION["content"], THOUGHT["summary"][0]["text"]):
            expect(trace.get_by_text(text, exact=True).first).to_be_visible()
        trace.get_by_text(THOUGHT["summary"][0]["text"], exact=True).first.click()
        expect(trace.get_by_text("Reasoning", exact=True).first).to_be_visible()
        expect(trace.get_by_text('"station": "Ghent"').first).to_be_visible()
        expect(trace.get_by_text("attempt", exact=True)).to_have_count(2)
        expect(trace.get_by_text(f"{USAGE['total_tokens']:,}", exact=True).first).to_be_visible()
        picture(trace, tmp_path / "first.png")

        page.goto(phoenix.page("evening-desk", spans[3]))
        expect(trace.get_by_text("Tool Result: call_1").first).to_be_visible(timeout=30_000)
        expect(trace.get_by_text(ANSWER, exact=True).first).to_be_visible()
        picture(trace, os.environ.get("SPANGLASS_RESPONSES_SCREENSHOT") or tmp_path / "second.png")
        for text in (
            'departures({"station": "Ghent"})',
            "works at Ghent station",
        ):  # beside the names of closed messages
            expect(trace.get_by_text(text).filter(visible=True).first).to_be_visible()


@pytest.mark.browser
def test_a_person_sees_texts_and_vectors(phoenix: Phoenix, chromium: Path) -> None:
    """The pages show what was embedded, and of its vectors how long they are, and the prompts that were completed."""
    with traced(phoenix.endpoints, "http/protobuf", project="vector-desk") as spans:
        SCENARIOS["vectors"].run()
    phoenix.shows("vector-desk", spans)

    with browsing(chromium) as page:
        page.goto(phoenix.page("vector-desk", spans[0]))
        trace = page.get_by_role("dialog")
        for text in ("Embedded Text", *TEXTS):
            expect(trace.get_by_text(text, exact=True).first).to_be_visible(timeout=30_000)
        trace.get_by_role("tab", name="Attributes").click()
        expect(trace.get_by_text(f"<{len(VECTORS[0])} dimensional vector>")).to_have_count(len(VECTORS), timeout=30_000)

        page.goto(phoenix.page("vector-desk", spans[1]))
        expect(trace.get_by_text("Of the 22:14 from Ghent one hears that").first).to_be_visible(timeout=30_000)
