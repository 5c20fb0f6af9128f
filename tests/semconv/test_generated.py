"""What is generated from the registry is what stands in the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

from registry import ROOT

PACKAGE = Path("src", "spanglass", "semconv")


def check(root: Path) -> tuple[int, str]:
    """Run the generator's check in a tree; return its exit status and what it told."""
    command = [sys.executable, "semconv/generate.py", "--check"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - ours
    return done.returncode, done.stderr


def test_nothing_generated_is_stale() -> None:
    """The modules and the tables of the README are those that the registry gives."""
    assert check(ROOT) == (0, "")


def test_a_change_of_the_registry_is_noticed(tmp_path: Path) -> None:
    """A name that changes in the registry alone makes the module and the README stale, and nothing is written."""
    shutil.copytree(ROOT / "semconv", tmp_path / "semconv")
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE)
    registry = tmp_path / "semconv" / "registry" / "spanglass.yaml"
    registry.write_text(registry.read_text("utf-8").replace("spanglass.sdk.helper", "spanglass.sdk.method"), "utf-8")

    expected = (1, "src/spanglass/semconv/spanglass.py is stale\nsemconv/README.md is stale\n")
    assert check(tmp_path) == expected
    assert check(tmp_path) == expected
