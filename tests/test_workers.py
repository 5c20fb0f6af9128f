"""How tests are dealt out to workers."""

import pytest

from workers import SLOW

SERVERS = {"phoenix", "phoenix_postgresql", "mlflow"}


def test_slow_servers_are_found_by_name(request: pytest.FixtureRequest) -> None:
    """Whatever test needs a server that boots slowly stays with the others that need it."""
    found = {item.nodeid: {match[1] for match in SLOW.finditer(item.nodeid)} for item in request.session.items}

    assert found == {
        item.nodeid: {mark.name for mark in item.iter_markers()} & SERVERS for item in request.session.items
    }
