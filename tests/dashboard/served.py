"""A pytest plugin: a dashboard on a free port, with a file of its own, as long as a test runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Dashboard

from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    """Give a running dashboard."""
    store = Store(tmp_path / "traces.db")
    server = Server(store, Access(), 0)
    server.start()
    yield Dashboard(server.url, store)
    server.stop()
    store.close()
