"""What a test needs that may not be here: found, or the test is skipped and says why."""

import os
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, saying why; fail it where SPANGLASS_REQUIRE_ALL is set."""
    if os.environ.get("SPANGLASS_REQUIRE_ALL"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def binary(name: str) -> Path:
    """Return what `make backends` has built under this name."""
    path = Path(os.environ.get("SPANGLASS_BACKENDS", "/nowhere")) / name
    if not path.exists():
        missing(f"no {name}: `make backends` builds it where there is Go, and `make test-backends` says where it is")
    return path
