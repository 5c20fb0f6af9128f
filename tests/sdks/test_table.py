"""The table of forms and SDKs."""

import pytest
from table import Report, outcome, table


def report(sdk: str, **forms: tuple[str, str]) -> Report:
    """Return a cell's report, of what came of each form, sync and async."""
    return {"sdk": sdk, "forms": {form: {"sync": one, "async": other} for form, (one, other) in forms.items()}}


REPORTS = (
    report("3.54.0", create=("passed", "passed"), parse=("passed", "failed"), module=("passed", "absent")),
    report("1.6.0", create=("passed", "passed"), parse=("absent", "absent"), module=("passed", "absent")),
    report("1.6.0", create=("passed", "failed"), parse=("absent", "absent"), module=("passed", "absent")),
    report("1.109.1", create=("passed", "passed"), module=("passed", "absent")),
)


def test_table() -> None:
    """Rows are the forms in the given order, columns the SDKs from the oldest, and a cell says sync, then async."""
    expected = """\
| sync and async | 1.6.0 | 1.109.1 | 3.54.0 |
| --- | :-: | :-: | :-: |
| parse | — — | ? ? | ✓ ✗ |
| create | ✓ ✗ | ✓ ✓ | ✓ ✓ |
| module | ✓ — | ✓ — | ✓ — |
"""

    assert table(["parse", "create", "module"], REPORTS) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("passed", "failed"), "failed"),
        (("failed", "absent"), "failed"),
        (("absent", "passed"), "passed"),
        (("absent", "absent"), "absent"),
        ((), "unknown"),
    ],
)
def test_cells_of_one_sdk(cells: tuple[str, ...], expected: str) -> None:
    """Of several cells of a version, one that failed counts before one that passed, and that before none."""
    reports = [report("1.6.0", create=(cell, "absent")) for cell in cells]

    assert outcome(reports, "1.6.0", "create", "sync") == expected
