"""The table of the forms of a call and the SDKs that have them, out of the reports of `forms_report`, one a cell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Report = Mapping[str, object]
"""What one cell wrote: `forms`, as `forms_report` has it, and `sdk`, the SDK's version."""

FAMILIES: Final = ("sync", "async")
# From the weakest to the strongest: what one cell of a version says wins over what a weaker one says.
MARKS: Final = {"unknown": "?", "absent": "—", "passed": "✓", "failed": "✗"}
STRENGTHS: Final = tuple(MARKS)


def outcome(reports: Iterable[Report], sdk: str, form: str, family: str) -> str:
    """Return what came of a form in one SDK and family: failed beats passed beats absent beats unknown."""
    said = [_said(report["forms"], form, family) for report in reports if report["sdk"] == sdk]
    return max(said, key=STRENGTHS.index, default="unknown")


def _said(forms: object, form: str, family: str) -> str:
    families = forms.get(form) if isinstance(forms, Mapping) else None
    return str(families.get(family, "unknown")) if isinstance(families, Mapping) else "unknown"


def folded(report: Report, groups: Mapping[str, Sequence[str]]) -> Report:
    """Return a report with a form more for each group of forms: it is there where one of them is, failed as one has."""
    forms = report["forms"]
    told: dict[str, object] = dict(forms) if isinstance(forms, Mapping) else {}
    for name, group in groups.items():
        told[name] = {
            family: max((_said(forms, form, family) for form in group), key=STRENGTHS.index) for family in FAMILIES
        }
    return {**report, "forms": told}


def table(forms: Sequence[str], reports: Sequence[Report]) -> str:
    """Return a table in Markdown: a row for each form, a column for each SDK, in a cell the marks of both families."""
    sdks = sorted({str(report["sdk"]) for report in reports}, key=_numbers)
    rows = [[form, *(_cell(reports, sdk, form) for sdk in sdks)] for form in forms]
    lines = [["sync and async", *sdks], ["---", *([":-:"] * len(sdks))], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(reports: Sequence[Report], sdk: str, form: str) -> str:
    return " ".join(MARKS[outcome(reports, sdk, form, family)] for family in FAMILIES)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
