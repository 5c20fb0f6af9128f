"""The real backends, each started once for all tests that ask for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaeger import Jaeger, jaeger_2
from mlflow_server import MLflow, mlflow_server
from needed import binary, missing
from otelcol import Collector, otelcol
from own_dashboard import Dashboard, dashboard_in
from postgresql import postgresql, programs
from rotel_agent import Rotel, rotel_agent
from viewer import Phoenix, viewer

CHROMIUM = Path("/usr/bin/chromium")


def phoenix_environment() -> Path:
    """Return the virtual environment of Phoenix."""
    environment = os.environ.get("SPANGLASS_PHOENIX")
    if not environment:
        missing("no Phoenix: `make phoenix` installs it and `make test-backends` says where, in SPANGLASS_PHOENIX")
    return Path(environment)


@pytest.fixture(scope="session")
def own_dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Our own dashboard."""
    with dashboard_in(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """OpenTelemetry's Collector."""
    with otelcol(binary("otelcol"), tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="session")
def rotel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotel]:
    """Rotel, a collector."""
    with rotel_agent(tmp_path_factory.mktemp("rotel")) as running:
        yield running


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """Jaeger 2."""
    with jaeger_2(binary("jaeger"), tmp_path_factory.mktemp("jaeger")) as running:
        yield running


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """Phoenix, from the environment that SPANGLASS_PHOENIX names, with a database of its own on sqlite."""
    with viewer(phoenix_environment(), tmp_path_factory.mktemp("phoenix")) as running:
        yield running


@pytest.fixture(scope="session")
def phoenix_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """Phoenix with its database on Debian's PostgreSQL."""
    environment, folder = phoenix_environment(), programs()
    if folder is None:
        missing("no PostgreSQL: Debian's package postgresql has what this test needs")
    directory = tmp_path_factory.mktemp("phoenix-postgresql")
    with postgresql(folder) as database, viewer(environment, directory, database) as running:
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
