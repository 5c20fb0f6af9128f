"""The real backends, each started once for all tests that ask for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from mlflow_server import MLflow, mlflow_server
from rotel_agent import Rotel, collector
from viewer import Phoenix, viewer

CHROMIUM = Path("/usr/bin/chromium")


def missing(what: str) -> NoReturn:
    """Skip the test, saying why; fail it where SPANGLASS_REQUIRE_ALL is set."""
    if os.environ.get("SPANGLASS_REQUIRE_ALL"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def rotel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    """Rotel, a collector."""
    with collector(tmp_path_factory.mktemp("rotel")) as running:
        yield running


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """Phoenix, from the environment that SPANGLASS_PHOENIX names."""
    environment = os.environ.get("SPANGLASS_PHOENIX")
    if not environment:
        missing("no Phoenix: `make phoenix` installs it and `make test-backends` says where, in SPANGLASS_PHOENIX")
    with viewer(Path(environment), tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflow]:
    """MLflow, from the environment that SPANGLASS_MLFLOW names."""
    environment = os.environ.get("SPANGLASS_MLFLOW")
    if not environment:
        missing("no MLflow: `make mlflow` installs it and `make test-backends` says where, in SPANGLASS_MLFLOW")
    with mlflow_server(Path(environment), tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's browser."""
    if not CHROMIUM.exists():
        missing(f"no {CHROMIUM}: Debian's packages chromium and fonts-dejavu-core have what this test needs")
    return CHROMIUM


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Return a name for what one test sends, found in no other test."""
    return "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")
