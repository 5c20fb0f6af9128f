"""A pytest plugin: dashboards for those that an access lets in, each with a file of its own, as long as a test runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import Dashboard

from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Callable[[Access], Dashboard]]:
    """Give what starts a dashboard."""
    running: list[tuple[Server, Store]] = []

    def start(access: Access) -> Dashboard:
        store = Store(tmp_path / f"{len(running)}.db")
        server = Server(store, access, 0)
        server.start()
        running.append((server, store))
        return Dashboard(f"http://127.0.0.1:{server.port}", store)

    yield start
    for server, store in running:
        server.stop()
        store.close()
