"""What all commands have in common: no path and no output ends one in a traceback."""

from pathlib import Path

import pytest
from recorded import made, run, shell

from denied import denied

COMMANDS = [
    ("show",),
    ("stats",),
    ("export", "--format", "openai-finetune"),
    ("replay", "--endpoint", "http://127.0.0.1:9"),
]
CHAT = made(
    1,
    "ChatCompletion",
    {
        "openinference.span.kind": "LLM",
        "input.value": '{"messages":[{"role":"user","content":"Hi"}]}',
        "output.value": '{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}',
    },
)
GIVE = "give the path of a file with spans as OTLP/JSON."
LONG = "a" * 300
PATHS = [("~nobody-of-that-name/a", "No such file or directory"), (LONG, "File name too long")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_paths_that_lead_nowhere(command: tuple[str, ...]) -> None:
    """Of a path that leads to no file that one may read, one sentence says why."""
    told = [run(*command, path) for path, _ in PATHS]  # they load the command, which may lie where only we may read
    with denied() as folder:
        closed = str(folder / "closed" / "file")
        told.append(run(*command, closed))

    assert [
        (1, "", f"Error: {path} cannot be read ({why}): {GIVE}\n")
        for path, why in [*PATHS, (closed, "Permission denied")]
    ] == [(each.exit_code, each.stdout, each.stderr.removeprefix("Wrote 0 examples.\n")) for each in told]


def test_an_output_that_leads_nowhere(tmp_path: Path) -> None:
    """Of an output that one may not write, one sentence says why."""
    path = tmp_path / "trace.jsonl"
    path.write_text(CHAT, "utf-8")
    told = [run("export", path, "--format", "openai-finetune", "--output", output) for output, _ in PATHS]

    assert [(1, f"Error: {output} cannot be written ({why}).\n") for output, why in PATHS] == [
        (each.exit_code, each.stderr) for each in told
    ]


SAYING = [*(" ".join(command) + " FILE" for command in COMMANDS[:3]), "demo", "doctor"]


@pytest.mark.parametrize("command", SAYING)
def test_an_output_that_is_full(tmp_path: Path, command: str) -> None:
    """Where standard output takes nothing, one sentence says so."""
    path = tmp_path / "trace.jsonl"
    path.write_text(CHAT, "utf-8")
    done = shell(f"spanglass {command.replace('FILE', str(path))} > /dev/full")

    assert (1, "Error: standard output cannot be written (No space left on device).\n") == (
        done.returncode,
        done.stderr,
    )


@pytest.mark.parametrize("command", SAYING[:3])
def test_an_output_that_is_closed(tmp_path: Path, command: str) -> None:
    """Where standard output is closed, one sentence says so."""
    path = tmp_path / "trace.jsonl"
    path.write_text(CHAT, "utf-8")
    done = shell(f"spanglass {command.replace('FILE', str(path))} >&-")

    assert (1, "Error: standard output is closed: let it lead somewhere.\n") == (done.returncode, done.stderr)
