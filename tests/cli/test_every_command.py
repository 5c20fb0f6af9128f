"""What all commands that read a file have in common: no path ends one in a traceback."""

from pathlib import Path

import pytest
from recorded import made, run

from denied import denied

COMMANDS = [
    ("show",),
    ("stats",),
    ("export", "--format", "openai-finetune"),
    ("replay", "--endpoint", "http://127.0.0.1:9"),
]
GIVE = "give the path of a file with spans as OTLP/JSON."
LONG = "a" * 300
PATHS = [("~nobody-of-that-name/a", "No such file or directory"), (LONG, "File name too long")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_paths_that_lead_nowhere(command: tuple[str, ...]) -> None:
    """Of a path that leads to no file that one may read, one sentence says why."""
    with denied() as folder:
        paths = [*PATHS, (str(folder / "closed" / "file"), "Permission denied")]
        told = [run(*command, path) for path, _ in paths]

    assert [(1, "", f"Error: {path} cannot be read ({why}): {GIVE}\n") for path, why in paths] == [
        (each.exit_code, each.stdout, each.stderr.removeprefix("Wrote 0 examples.\n")) for each in told
    ]


def test_an_output_that_leads_nowhere(tmp_path: Path) -> None:
    """Of an output that one may not write, one sentence says why."""
    path = tmp_path / "trace.jsonl"
    attributes = {
        "openinference.span.kind": "LLM",
        "input.value": '{"messages":[{"role":"user","content":"Hi"}]}',
        "output.value": '{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}',
    }
    path.write_text(made(1, "ChatCompletion", attributes), "utf-8")
    told = [run("export", path, "--format", "openai-finetune", "--output", output) for output, _ in PATHS]

    assert [(1, f"Error: {output} cannot be written ({why}).\n") for output, why in PATHS] == [
        (each.exit_code, each.stderr) for each in told
    ]
