"""The cells are few, and yet each value of one axis meets each of another."""

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
from cells import CELLS, CONSTRAINTS, NEWEST, REQUIREMENTS, ROOT, Cell, environment, pins
from environments import make, place_of, python_of

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
AXES = Cell._fields


def values(axis: str) -> set[str]:
    """Return the values of an axis."""
    return {getattr(cell, axis) for cell in CELLS}


@pytest.mark.parametrize("pair", [*combinations(AXES, 2)], ids="-".join)
def test_pairs(pair: tuple[str, str]) -> None:
    """Each value of an axis meets each of every other."""
    first, second = pair
    met = {(getattr(cell, first), getattr(cell, second)) for cell in CELLS}

    assert {(one, other) for one in values(first) for other in values(second)} == met


def test_few() -> None:
    """There are no more cells than that takes, and no two alike."""
    sizes = sorted(len(values(axis)) for axis in AXES)

    assert len({cell.name for cell in CELLS}) == len(CELLS) == sizes[-1] * sizes[-2]


def test_extremes() -> None:
    """The oldest of everything that is allowed is among them, and the newest that is pinned."""
    (sdk,) = re.findall(r'"openai>=([\d.]+)"', PYPROJECT)
    lowest = dict(re.findall(r'"(opentelemetry-(?:api|sdk|exporter-otlp|instrumentation)|wrapt)>=([\w.]+)"', PYPROJECT))
    (python,) = re.findall(r'requires-python = ">=([\d.]+)"', PYPROJECT)
    oldest, newest = CELLS[0], CELLS[-1]

    assert (sdk, python, NEWEST) == (oldest.openai, oldest.python, newest.openai)
    assert {name: pins(oldest)[name].removesuffix(".0") for name in lowest} == lowest
    assert {name: pins(newest)[name] for name in lowest} == {name: CONSTRAINTS[name] for name in lowest}


def test_everything_is_pinned() -> None:
    """Every package that a cell asks for has a version."""
    assert {cell.name: set(REQUIREMENTS) - pins(cell).keys() for cell in CELLS} == {cell.name: set() for cell in CELLS}


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment stands in the same place until a pin of its cell changes."""
    places = [place_of(environment(cell), tmp_path) for cell in CELLS]
    again = [place_of(environment(cell), tmp_path) for cell in CELLS]
    monkeypatch.setitem(CONSTRAINTS, "pytest", "0")
    changed = [place_of(environment(cell), tmp_path) for cell in CELLS]

    assert again == places
    assert set(changed) & set(places) == set()
    assert len(set(places)) == len(CELLS)


def test_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Python that is not there, or is but a name, is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = python_of(CELLS[0].python)
    name = tmp_path / f"python{CELLS[0].python}"
    name.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\nexit 127\n", encoding="utf-8")
    name.chmod(0o755)

    assert (missing, python_of(CELLS[0].python)) == (None, None)


PYENV = """#!/bin/sh
[ "$1 $2" = "whence {name}" ] && echo 3.0
[ "$1 $2" = "prefix 3.0" ] && echo {folder}
exit 0
"""


def test_python_of_pyenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Python that pyenv keeps without having chosen it is found there."""
    name = f"python{CELLS[0].python}"
    shell = shutil.which("sh", path="/bin:/usr/bin")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    (tmp_path / "bin").mkdir()
    for path, script in (
        ("pyenv", PYENV.format(name=name, folder=tmp_path)),
        (name, f"#!{shell}\nexit 127\n"),
        (f"bin/{name}", f"#!{shell}\nexit 0\n"),
    ):
        (tmp_path / path).write_text(script, encoding="utf-8")
        (tmp_path / path).chmod(0o755)

    assert python_of(CELLS[0].python) == str(tmp_path / "bin" / name)


FAKE = """#!/bin/sh
echo "$2" >> "{told}"
[ "$2" = venv ] || exit {status}
mkdir -p "$3/bin"
cp "$0" "$3/bin/python"
"""


def fake(folder: Path, status: int) -> str:
    """Return a Python that makes environments of itself alone, whose pip has this exit status; it writes to `told`."""
    python = folder / "python"
    python.write_text(FAKE.format(told=folder / "told", status=status), encoding="utf-8")
    python.chmod(0o755)
    return str(python)


def test_never_half_made(tmp_path: Path) -> None:
    """What broke off as it was made is made anew, and what is whole is left alone."""
    cell = environment(CELLS[0])
    place = place_of(cell, tmp_path)
    place.mkdir()
    (place / "left over").touch()

    made = [make(cell, fake(tmp_path, 0), tmp_path) for _ in range(2)]

    assert made == [place / "bin" / "python"] * 2
    assert not (place / "left over").exists()
    assert (tmp_path / "told").read_text(encoding="utf-8").split() == ["venv", "pip", "pip"]


def test_not_installed(tmp_path: Path) -> None:
    """What could not be installed is not taken for an environment next time."""
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            make(environment(CELLS[0]), fake(tmp_path, 1), tmp_path)

    assert (tmp_path / "told").read_text(encoding="utf-8").split() == ["venv", "pip"] * 2
