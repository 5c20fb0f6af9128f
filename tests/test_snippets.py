"""Every snippet of the documents and of the docstrings runs."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from openai import AuthenticationError, OpenAI

from otlp_receivers import http_receiver
from snippets import ELSEWHERE, RECEIVER
from spanglass import spans_to_jsonl
from spanglass.testing import OpenAIServer, Reply, captured_spans, completion

ROOT: Final = Path(__file__).parents[1]
MARKDOWN: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("semconv/*.md"), *ROOT.glob("examples/**/*.md")])
MODULES: Final = sorted(ROOT.glob("src/**/*.py"))
# The file that the commands of the documents look at.
SAVED: Final = "trace.jsonl"
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
LOOK: Final = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
FENCE: Final = re.compile(r"^ *```(\w*)\n.*?^ *```$", re.MULTILINE | re.DOTALL)


def texts(path: Path) -> list[str]:
    """Return a document, or the docstrings of a module."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [source]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    return [text for text in map(ast.get_docstring, nodes) if text]


def languages(path: Path) -> Counter[str]:
    """Count the fences of a document by their language."""
    return Counter(match[1] for text in texts(path) for match in FENCE.finditer(text))


WITH_FENCES: Final = [path for path in (*MARKDOWN, *MODULES) if "```" in "".join(texts(path))]


def saved() -> str:
    """Return what a program has saved: a call that took two attempts, one that failed, a tool and a stream."""
    asked: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    with OpenAIServer() as server, captured_spans() as captured:
        server.script(Reply(status=503, headers={"retry-after-ms": "1"}), Reply(completion()), Reply(status=401))
        server.script(Reply(completion(None, tool_calls=[LOOK], finish_reason="tool_calls")))
        with OpenAI(base_url=server.base_url, api_key="test") as client:
            client.chat.completions.create(**asked)
            with suppress(AuthenticationError):
                client.chat.completions.create(**asked)
            client.chat.completions.create(**asked, tools=[TOOL])
            list(client.chat.completions.create(**asked, stream=True))
        return spans_to_jsonl(captured.spans)


def run(path: Path, folder: Path) -> tuple[int, str, Counter[str]]:
    """Run the snippets of a document; return the exit status, what was complained of, and what was run."""
    report = folder / "report.json"
    place = folder / "place"
    place.mkdir()
    (place / SAVED).write_text(saved(), encoding="utf-8")
    with OpenAIServer() as server, http_receiver() as receiver:
        done = subprocess.run(  # noqa: S603 - our own documents
            [sys.executable, "-W", "error", Path(__file__).with_name("snippets.py"), path, report],
            cwd=place,
            env={
                "HOME": str(folder),
                "PATH": os.environ["PATH"],
                "OPENAI_API_KEY": "none",
                "OPENAI_BASE_URL": server.base_url,
                "OTEL_TRACES_EXPORTER": "none",
                RECEIVER: receiver.url,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
    ran = json.loads(report.read_text(encoding="utf-8")) if report.exists() else ()
    return done.returncode, done.stderr, Counter(ran)


@pytest.mark.parametrize("path", WITH_FENCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_snippets(path: Path, tmp_path: Path) -> None:
    """The snippets of a document run one after another, as they stand, without a warning, and none is left out."""
    assert (0, "", languages(path)) == run(path, tmp_path)


@pytest.mark.parametrize(
    ("snippet", "complaint"),
    [
        ("```python\nassert 1 == 2\n```", "AssertionError"),
        ("```python\nimport warnings\nwarnings.warn('old')\n```", "UserWarning: old"),
        ("```python\ndef test_sum():\n    assert 1 == 2\n```", "1 failed in"),
        ("```console\n$ spanglass tell\n```", "spanglass tell: exit status 2"),
        ("```\nspanglass --version\nmake --help\nrm notes\n```", "No snippet runs 'rm notes'"),
        ("```cobol\nSTOP RUN.\n```", "KeyError: 'cobol'"),
    ],
    ids=["raises", "warns", "fails as a test", "fails as a command", "is run by nothing", "in a strange language"],
)
def test_snippet_that_fails(snippet: str, complaint: str, tmp_path: Path) -> None:
    """A snippet that raises, warns, fails as a test or as a command, or that nothing runs, fails here."""
    document = tmp_path / "document.md"
    document.write_text(f"```console\n$ spanglass --version\n```\n{snippet}\n", encoding="utf-8")
    status, complained, ran = run(document, tmp_path)

    assert (1, True, Counter()) == (status, complaint in complained, ran), complained


def test_fences_are_paired() -> None:
    """Each fence that opens closes, so that all are counted; and no snippet is written in another way."""
    marks = {path: "\n".join(texts(path)).count("```") for path in WITH_FENCES}
    prompts = [path for path in (*MARKDOWN, *MODULES) if ">>>" in "".join(texts(path))]

    assert marks == {path: 2 * languages(path).total() for path in WITH_FENCES}
    assert [] == prompts


def test_elsewhere() -> None:
    """What the documents tell to run and no snippet runs is run by the tests that the table names, and is told of."""
    told = [match[0] for path in WITH_FENCES for text in texts(path) for match in FENCE.finditer(text)]

    assert [] == [begin for begin in ELSEWHERE if not any(f"\n{begin}" in text.replace("$ ", "") for text in told)]
    assert [] == [name for name in ELSEWHERE.values() if not (ROOT / name).exists()]
