"""Runs the tests of the life of a call in every cell: `make test-sdks`.

One cell: `.venv/bin/nox -f tests/sdks/noxfile.py -s 'sdk(openai-1.6.0-py3.10-pydantic1-otel1.30)'`. What is given after
`--` goes to pytest.
"""

import json
import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))

from cells import CELLS, ROOT, Cell, environment
from environments import imports, make, python_of

CACHE = Path(os.environ.get("SPANGLASS_SDKS") or Path.home() / ".cache/spanglass/sdks")
# One report a cell of the forms that its SDK has, `<cell>.json`: what tests/sdks/table.py takes.
REPORTS = ROOT / "build" / "sdks"
TESTS = (
    "tests/calls",
    "tests/endpoints",
    "tests/writers",
    "tests/test_client.py",
    "tests/test_trace.py",
    "tests/test_trace_values.py",
    "tests/test_projects.py",
)
# What counts function calls holds for the pinned SDK only; what is hidden and cut is the same record in all of them.
LEFT_OUT = (
    "tests/writers/test_budget.py",
    "tests/writers/test_redaction_parts.py",
    "tests/writers/test_writer_cost.py",
    "tests/calls/test_hide.py",
    "tests/calls/test_content_off.py",
)
# What depends on the SDK and on nothing around it: one of its two cells runs them.
ONCE = (
    "tests/calls/test_failure_injection.py",
    "tests/calls/test_imports.py",
    "tests/calls/test_own.py",
    "tests/calls/test_unknown.py",
    "tests/endpoints",
)


@nox.session(venv_backend="none")
@nox.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def sdk(session: nox.Session, cell: Cell) -> None:
    """Run the tests in one cell, whose environment has what spanglass needs; spanglass is that of this clone."""
    python = python_of(cell.python)
    if python is None:
        refuse = session.error if os.environ.get("SPANGLASS_REQUIRE_ALL") else session.skip
        refuse(f"There is no Python {cell.python} that runs: put a python{cell.python} on the PATH.")
    report = REPORTS / f"{cell.name}.json"
    unsigned = report.with_suffix(".unsigned")  # of a cell that failed, nothing else is left
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    left_out = LEFT_OUT if cell.otel == CELLS[0].otel else (*LEFT_OUT, *ONCE)
    session.chdir(ROOT)
    session.run(
        str(make(environment(cell), python, CACHE)),
        *("-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *(f"--ignore={name}" for name in left_out)),
        *(session.posargs or TESTS),
        env={"PYTHONPATH": imports(ROOT, Path(session.create_tmp())), "SPANGLASS_FORMS_REPORT": str(unsigned)},
        external=True,
    )
    if unsigned.exists():  # not where other tests were chosen
        told = json.loads(unsigned.read_text(encoding="utf-8"))
        unsigned.unlink()
        report.write_text(json.dumps({"sdk": cell.openai, **told}), encoding="utf-8")
