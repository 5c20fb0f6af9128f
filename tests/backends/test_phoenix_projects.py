"""One program that writes to three projects of Phoenix, and what their lists show."""

import subprocess
import sys

import pytest
from viewer import Phoenix

from spanglass.testing import OpenAIServer, Reply, completion

pytest_plugins = ["servers"]
pytestmark = [pytest.mark.backend, pytest.mark.phoenix]

PROGRAM = """
import sys
from openai import OpenAI
from spanglass import OpenAIInstrumentor, configure, trace, using

name, endpoint, server = sys.argv[1:]
configure(project=f"{name}-usual", endpoint=endpoint)
OpenAIInstrumentor().instrument()
client = OpenAI(base_url=server, api_key="test")

def ask(question):
    messages = [{"role": "user", "content": question}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content

@trace(session="s-usual", user="ann", metadata={"tier": "gold"})
def usual(question):
    return ask(question).upper()

@trace(name="support", project=f"{name}-support", environment="production", session="s-support")
def support(question):
    return ask(f"Politely: {question}")

usual("First?")
support("Why?")
usual("Last?")
with using(project=f"{name}-search"):
    ask("Where?")
"""


def test_three_projects(phoenix: Phoenix, project: str) -> None:
    """Each trace is in its project, whole, and the lists show a session's first input and last output, of the roots."""
    with OpenAIServer() as server:
        server.script(*(Reply(completion(answer)) for answer in ("one", "two", "three", "four")))
        program = [sys.executable, "-W", "error", "-c", PROGRAM, project, phoenix.url, server.base_url]
        ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    assert (0, "", "") == (ended.returncode, ended.stdout, ended.stderr)
    names = {"usual": 4, "support": 2, "search": 1}
    spans = {name: phoenix.having_all(f"{project}-{name}", count) for name, count in names.items()}

    assert {
        "usual": ["usual", "ChatCompletion", "usual", "ChatCompletion"],
        "support": ["support", "ChatCompletion"],
        "search": ["ChatCompletion"],
    } == {name: [span["name"] for span in found] for name, found in spans.items()}
    assert {"s-usual": ("First?", "THREE")} == phoenix.conversations(f"{project}-usual")
    assert {"s-support": ("Why?", "two")} == phoenix.conversations(f"{project}-support")
    (root, *_) = spans["usual"]
    told = {"user.id": "ann", "session.id": "s-usual", "metadata.tier": "gold"}
    assert told == {key: root["attributes"].get(key) for key in told}
