"""A pytest plugin: where SPANGLASS_FORMS_REPORT names a file, it gets what came of each form, sync and async, as JSON.

    {"forms": {"create()": {"sync": "passed", "async": "failed"}, …}}

A test takes part that is parametrised by `form` and `flavour`. One that was skipped is of a form that is absent.
"""

import json
import os
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "SPANGLASS_FORMS_REPORT"
PROPERTY: Final = "form and family"
# The worse of the phases of a test counts.
OUTCOMES: Final = ("passed", "absent", "failed")


class FormsReport:
    """Gathers what came of the forms; under xdist in the one process that hears of all tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forms: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        for key, value in report.user_properties:
            if key == PROPERTY:
                form, family = str(value).rsplit("|", 1)
                families = self._forms.setdefault(form, {})
                outcome = "absent" if report.outcome == "skipped" else report.outcome
                families[family] = max(families.get(family, "passed"), outcome, key=OUTCOMES.index)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        self._path.write_text(json.dumps({"forms": self._forms}, indent=1), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Report where a file is named; xdist's workers leave that to who started them."""
    if os.environ.get(VARIABLE) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(FormsReport(Path(os.environ[VARIABLE])))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have a test's report say which form it is about."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if params.keys() >= {"form", "flavour"}:
        item.user_properties.append((PROPERTY, f"{params['form'].name}|{params['flavour'].__name__.lower()}"))
