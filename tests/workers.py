"""A pytest plugin: with `--dist loadfile`, a file's tests stay on one worker, and so do those of a slow server.

Such a server is then booted once, though the matrix of all backends is one file. xdist has groups for that, but 3.8
writes them where pytest 9 does not look.
"""

import re
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no annotations

# The server's own file, or its part of the matrix; the marker of its tests has the same name.
SLOW: Final = re.compile(
    r"backends/test_(?:matrix\.py::\w+\[|(?:replayed|files)\.py::test_)?(phoenix_postgresql|phoenix|mlflow)(?![a-z])"
)


class Grouping(LoadFileScheduling):  # type: ignore[misc]  # the same
    """Gives the tests of a group to one worker, one group after another."""

    def _split_scope(self, nodeid: str) -> str:
        slow = SLOW.search(nodeid)
        return slow[1] if slow else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Grouping | None:
    """Give xdist these groups where it was asked for files."""
    return Grouping(config, log) if config.getvalue("dist") == "loadfile" else None
