"""The command `spanglass`, run as a person runs it, in an environment that says nothing of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SPANGLASS = [sys.executable, "-W", "error", str(Path(sys.executable).with_name("spanglass"))]
SAYING = ("GRPC_", "OPENAI_", "OPENINFERENCE_", "OTEL_", "SPANGLASS_", "PYTHONWARNINGS", "COLUMNS")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(SAYING)} | {
    "PYTHONIOENCODING": "utf-8",
}


class Ran(NamedTuple):
    """How a command ended, and what it printed on either side."""

    status: int
    stdout: str
    stderr: str


def run(*arguments: object, **variables: str) -> Ran:
    """Run the command with these arguments and variables, for a minute at most."""
    return _ran([*SPANGLASS, *map(str, arguments)], variables)


@contextmanager
def started(*arguments: object, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Start the command, and kill it at the end of the block if it still runs then."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*SPANGLASS, *map(str, arguments)],
        env={**CLEAN, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> Ran:
    """Return how a command ends that was started, within a minute."""
    stdout, stderr = process.communicate(timeout=60)
    return Ran(process.returncode, stdout, stderr)


def program(code: str, **variables: str) -> Ran:
    """Run a program that runs the command in a process that it has changed, likewise."""
    return _ran([sys.executable, "-W", "error", "-c", code], variables)


def _ran(command: list[str], variables: dict[str, str]) -> Ran:
    done = subprocess.run(  # noqa: S603 - our own command, or a test's own program
        command, env={**CLEAN, **variables}, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)
