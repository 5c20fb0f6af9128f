"""The environments of the cells: outside the repository, made once for the same pins, and never left half-made."""

import fcntl
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cells import Cell, pins, requirements


def python_of(cell: Cell) -> str | None:
    """Return the path of the cell's Python, or None where there is none that runs."""
    name = f"python{cell.python}"
    return next((found for found in (shutil.which(name), _of_pyenv(name)) if found and _runs(found)), None)


def _of_pyenv(name: str) -> str | None:
    """Return where pyenv keeps a Python, which it may not have chosen for the name on the path."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return None
    versions = subprocess.run([pyenv, "whence", name], capture_output=True, text=True, check=False).stdout.split()  # noqa: S603 - it prints
    return f"{_run(pyenv, 'prefix', versions[-1]).strip()}/bin/{name}" if versions else None


def _runs(python: str) -> bool:
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0  # noqa: S603 - a Python


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
    _run(python, "-m", "venv", str(place))
    pip = (str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    pinned = [f"{name}=={version}" for name, version in pins(cell).items()]
    constraints = place / "constraints.txt"
    constraints.write_text("\n".join(pinned), encoding="utf-8")
    _run(*pip, "install", "--quiet", "-c", str(constraints), *requirements(cell))
    known = {_plain(one) for one in pinned}
    unpinned = [one for one in _run(*pip, "freeze").split() if _plain(one) not in known]
    if unpinned:
        message = f"Pin in tests/sdks/cells.py what came by itself: {', '.join(unpinned)}."
        raise RuntimeError(message)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - the cells' own


def _plain(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
