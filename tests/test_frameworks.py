"""What is installed to test each framework with."""

import re
from pathlib import Path

import pytest
from stacks import COMMON, FRAMEWORKS, constraints_of, environment, module_of

HERE = Path(__file__).with_name("frameworks")


def plain(requirement: str) -> str:
    """Return a package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", requirement.partition("[")[0]).lower()


def test_each_has_its_files() -> None:
    """Every framework has its tests and its constraints, and there are no others."""
    files = {path.name for pattern in ("test_*.py", "constraints-*.txt") for path in HERE.glob(pattern)}

    assert {
        name for framework in FRAMEWORKS for name in (module_of(framework), constraints_of(framework).name)
    } == files


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_everything_is_pinned(name: str) -> None:
    """Every package that is asked for is pinned, each line is an exact pin, and openai is among them."""
    pins = environment(name).pins
    pinned = {plain(package) for package in pins}
    lines = constraints_of(name).read_text(encoding="utf-8").split()

    assert [f"{package}=={version}" for package, version in pins.items()] == lines
    assert {plain(package) for package in (*COMMON, *FRAMEWORKS[name], "openai")} - pinned == set()
