"""Environments to test in: outside the repository, made once for the same pins, and never left half-made."""

import fcntl
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple


class Environment(NamedTuple):
    """What an environment has: what is installed, and the version of all that may come; `pinned_in` is where it is."""

    name: str
    requirements: tuple[str, ...]
    pins: Mapping[str, str]
    pinned_in: str


def python_of(version: str) -> str | None:
    """Return the path of the Python of a version, `3.10`, or None where there is none that runs."""
    name = f"python{version}"
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


def place_of(environment: Environment, cache: Path) -> Path:
    """Return where an environment stands: another place for other pins."""
    told = repr((sorted(environment.pins.items()), environment.requirements))
    return cache / f"{environment.name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def make(environment: Environment, python: str, cache: Path) -> Path:
    """Make an environment if it is not there, and return its Python."""
    place = place_of(environment, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        # Its scripts hold its path, so it is made where it stands, and whole only with this file.
        complete = place / "complete"
        if not complete.exists():
            shutil.rmtree(place, ignore_errors=True)
            _build(environment, python, place)
            complete.touch()
    return place / "bin" / "python"


def _build(environment: Environment, python: str, place: Path) -> None:
    _run(python, "-m", "venv", str(place))
    pip = (str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    pinned = [f"{name}=={version}" for name, version in environment.pins.items()]
    constraints = place / "constraints.txt"
    constraints.write_text("\n".join(pinned), encoding="utf-8")
    _run(*pip, "install", "--quiet", "-c", str(constraints), *environment.requirements)
    known = {_plain(one) for one in pinned}
    unpinned = [one for one in _run(*pip, "freeze").split() if _plain(one) not in known]
    if unpinned:
        message = f"Pin in {environment.pinned_in} what came by itself: {', '.join(unpinned)}."
        raise RuntimeError(message)


def imports(root: Path, folder: Path) -> str:
    """Return the PYTHONPATH of a clone's spanglass; its metadata, of version and entry points, goes to a folder."""
    installed = distribution("spanglass")
    name = f"spanglass-{installed.version}.dist-info"
    shutil.copytree(str(installed.locate_file(name)), folder / name, dirs_exist_ok=True)
    return f"{root / 'src'}:{folder}"


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - the cells' own


def _plain(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
