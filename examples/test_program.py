"""A test of a program that calls OpenAI: it needs neither key nor network, and sees how the answer came.

    pip install "spanglass[openai]" pytest
    pytest examples/test_program.py

The fixtures come with spanglass. `openai_server` answers what it is told to, over real HTTP, and the program's own
`OpenAI()` reaches it; `captured_spans.spans` says what became of the program's calls.
"""

from openai import OpenAI

from spanglass.testing import CapturedSpans, OpenAIServer, Reply, completion, error


def translate(text: str) -> str | None:
    """Be the program: it knows nothing of tests, and nothing of spanglass."""
    question = f"In French: {text}"
    with OpenAI() as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content


def test_busy_api(openai_server: OpenAIServer, captured_spans: CapturedSpans) -> None:
    """The program has its answer though the API is busy at first."""
    busy = Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"})
    openai_server.script(busy, Reply(completion("Bonjour")))

    assert translate("Good morning") == "Bonjour"
    asked = [request.json()["messages"][0]["content"] for request in openai_server.journal]
    assert asked == ["In French: Good morning", "In French: Good morning"]
    assert [span.name for span in captured_spans.spans] == ["attempt", "attempt", "ChatCompletion"]
