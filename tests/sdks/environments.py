"""The environments of the cells: outside the repository, made once for the same pins, and never left half-made."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cells import Cell, pins, requirements


def python_of(cell: Cell) -> str | None:
    """Return the path of the cell's Python, or None where there is none that runs."""
    found = shutil.which(f"python{cell.python}")
    # A version manager may leave a name on the path that it has no Python for.
    works = found is not None and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    return found if works else None


def place_of(cell: Cell, cache: Path) -> Path:
    """Return where a cell's environment stands: another place for other pins."""
    told = repr((sorted(pins(cell).items()), requirements(cell)))
    return cache / f"{cell.name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def make(cell: Cell, python: str, cache: Path) -> Path:
    """Make the environment of a cell if it is not there, and return its Python."""
    place = place_of(cell, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        # Its scripts hold its path, so it is made where it stands, and whole only with this file.
        complete = place / "complete"
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            _build(cell, python, place)
            complete.touch()
    return place / "bin" / "python"


def _build(cell: Cell, python: str, place: Path) -> None:
    subprocess.run([python, "-m", "venv", place], check=True)
    constraints = place / "constraints.txt"
    pinned = pins(cell)
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
    pip = (place / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
    subprocess.run([*pip, "install", "--quiet", "-c", constraints, *requirements(cell)], check=True)
    installed = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout.split()
    unpinned = [one for one in installed if _plain(one) not in {_plain(f"{name}=={pinned[name]}") for name in pinned}]
    if unpinned:
        message = f"Pin in tests/sdks/cells.py what came by itself: {', '.join(unpinned)}."
        raise RuntimeError(message)


def _plain(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def surroundings(cell: Cell, root: Path, reports: Path) -> dict[str, str]:
    """Return the environment variables of a cell's tests: spanglass is that of this clone."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    report = reports / f"{cell.name}.json"
    return {**inherited, "PYTHONPATH": str(root / "src"), "SPANGLASS_FORMS_REPORT": str(report)}
