"""Runs the snippets of a document: `python snippets.py DOCUMENT REPORT`, in a folder for what they write.

Programs share a namespace, as if they were one; a test among them is run by pytest; commands are those of `spanglass`,
and what is run elsewhere is listed here. The report says which fences were run, in JSON.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

# The beginnings of commands that no snippet runs, and what runs them.
ELSEWHERE: Final = {
    "make ": "tests/test_documents.py",
    'pip install "spanglass[': "tests/test_documents.py",
    "python examples/demo.py": "tests/test_demo.py",
    "python examples/chat.py": "tests/test_examples.py",
    "spanglass dashboard": "tests/dashboard/test_dashboard_command.py",
    "otelcol --config collector.yaml": "tests/backends/otelcol.py",
    "SPANS_FILES='trace*.jsonl' otelcol": "tests/backends/test_files.py",
    "jq -r '.resourceSpans[]": "tests/backends/otelcol.py",
    "jaeger --config jaeger.yaml": "tests/backends/jaeger.py",
    "python tree.py ": "tests/backends/test_tree.py",
    "pip install arize-phoenix": "tests/backends/constraints-phoenix.txt",
    "set -a; . ./phoenix.env": "tests/backends/viewer.py",
    "phoenix serve": "tests/backends/viewer.py",
    "pip install mlflow": "tests/backends/constraints-mlflow.txt",
    "set -a; . ./mlflow.env": "tests/backends/mlflow_server.py",
    "mlflow server": "tests/backends/mlflow_server.py",
    "export OTEL_": "tests/export/test_endpoint.py",
}
# Where the documents have a collector listen, as the commands name it; here it is the receiver of the environment.
COLLECTOR: Final = re.compile(r"http://(?:localhost|127\.0\.0\.1):\d+")
RECEIVER: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
COMMAND: Final = "spanglass"
A_TEST: Final = re.compile(r"^(?:async )?def test_", re.MULTILINE)

_FENCES = RawFencedCodeBlockLexer(re.compile(r"(?P<language>\w*)\n"))
_python = PythonEvaluator()


def run_program(example: Example) -> None:
    """Run a program after those before it, or a test by itself."""
    if A_TEST.search(example.parsed) is None:
        _python(example)
        return
    test = Path("test_snippet.py")
    test.write_text(example.parsed, encoding="utf-8")
    _run([sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", str(test)])


def run_commands(example: Example) -> None:
    """Run the commands of a fence: lines after a `$`, or all of them where none has one."""
    lines = [line for line in example.parsed.splitlines() if line.strip()]
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in prompted or lines:
        words = shlex.split(COLLECTOR.sub(os.environ[RECEIVER], line), comments=True)
        if line.startswith(tuple(ELSEWHERE)):
            continue
        if words[:1] == [COMMAND]:
            _run([str(Path(sys.executable).with_name(COMMAND)), *words[1:]])
        elif words:
            message = f"No snippet runs {line!r}: say in {__file__} what does."
            raise RuntimeError(message)


def show(example: Example) -> None:
    """Let pass what is only shown: an output."""


RUNS: Final = {"python": run_program, "console": run_commands, "": run_commands, "text": show}


def fences(document: Document) -> list[Region]:
    """Return the fences of a document, each with what runs it; raises KeyError for a language that nothing runs."""
    found = list(_FENCES(document))
    for region in found:
        region.parsed, region.evaluator = region.lexemes["source"], RUNS[region.lexemes["language"]]
    return found


def _run(words: list[str]) -> None:
    """Run a command that must succeed, and that exports as a user's does."""
    environment = {name: value for name, value in os.environ.items() if name != "OTEL_TRACES_EXPORTER"}
    done = subprocess.run(  # noqa: S603 - what our own documents say
        words, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        message = f"{shlex.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        raise RuntimeError(message)


def main(path: str, report: str) -> None:
    """Run a document's fences, and write the language of each that was run."""
    document = Sybil(parsers=[fences]).parse(Path(path))
    document.evaluators.clear()  # a docstring's snippet has no names but those that it imports, as a reader's has
    ran = []
    for example in document:
        example.evaluate()
        ran.append(example.region.lexemes["language"])
    Path(report).write_text(json.dumps(ran), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
