"""The table of forms and SDKs."""

import pytest
from table import Report, folded, outcome, table


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


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((("passed", "passed"), ("absent", "absent")), ("passed", "passed")),
        ((("passed", "passed"), ("failed", "absent")), ("failed", "passed")),
        ((("absent", "absent"), ("absent", "absent")), ("absent", "absent")),
    ],
)
def test_forms_of_an_endpoint(outcomes: tuple[tuple[str, str], ...], expected: tuple[str, str]) -> None:
    """Of several forms that are one row, one that failed counts before one that passed, and that before none."""
    given = report("1.6.0", **{f"form {number}": both for number, both in enumerate(outcomes)})
    told = folded(given, {"all": ["form 0", "form 1"], "none": ["form 2"]})

    assert tuple(outcome([told], "1.6.0", "all", family) for family in ("sync", "async")) == expected
    assert outcome([told], "1.6.0", "none", "sync") == "unknown"
