"""What the forms' tests leave for the table of forms and SDKs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
from typing import NamedTuple
import pytest

class Form(NamedTuple):
    name: str

class Sync: ...
class Async: ...

@pytest.fixture(params=[Sync, Async])
def flavour(request):
    yield request.param
    assert request.node.callspec.params["form"].name != "leaks"

@pytest.mark.parametrize("form", map(Form, ["create()", "stream|ed", "leaks"]))
def test_form(form, flavour):
    if form.name == "stream|ed":
        assert flavour is Sync
        pytest.skip("absent")

def test_of_no_form(): ...
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_report(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The report has the worst that came of each form and family, and nothing of other tests, in workers too."""
    (tmp_path / "test_made.py").write_text(TESTS, "utf-8")
    report = tmp_path / "report.json"
    environment = {**os.environ, "SPANGLASS_FORMS_REPORT": str(report), "PYTHONPATH": str(Path(__file__).parent)}

    subprocess.run(  # noqa: S603 - this interpreter, and tests from this file
        [sys.executable, "-m", "pytest", "-q", "-p", "forms_report", *options, "test_made.py"],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        timeout=60,
    )

    assert json.loads(report.read_text("utf-8")) == {
        "forms": {
            "create()": {"sync": "passed", "async": "passed"},
            "stream|ed": {"sync": "absent", "async": "failed"},
            "leaks": {"sync": "failed", "async": "failed"},
        }
    }
