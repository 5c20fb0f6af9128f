"""The parts of the README that are made of what the program says of itself: `make readme` writes them anew.

`--check-forms` says whether its table of forms is what the tests of the SDKs have just reported.
"""

import json
import re
import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent / folder) for folder in ("sdks", "calls", "backends")]

from asks import ASKS, CHAT
from cells import CELLS
from forms import FORMS
from keeps import KEPT, Kept
from table import folded, table

from spanglass.settings import OPTIONS, Option

README = Path(__file__).parents[1] / "README.md"
# A chat's forms have a row each; those of any other endpoint are one.
GROUPS = {
    f"{ask.method}(), in {len(names)} forms": names
    for ask in ASKS
    if ask is not CHAT
    for names in ([form.name for form in FORMS if form.ask is ask],)
}
NAMES = [*(form.name for form in FORMS if form.ask is CHAT), *GROUPS]
SDKS = [*dict.fromkeys(cell.openai for cell in CELLS)]
REPORTS = README.parent / "build" / "sdks"


def settings() -> str:
    """Return the table of all settings."""
    head = "| variable | in code | values | default | meaning |\n|---|---|---|---|---|"
    return "\n".join([head, *map(_row, OPTIONS)])


def _row(option: Option) -> str:
    default = option.default
    shown = ",".join(default) if isinstance(default, tuple) else f"{default:,}" if isinstance(default, int) else default
    cells = (
        option.variable and f"`{option.variable}`",
        f"`{option.field}=`",
        option.takes.values,
        f"`{shown}`" if shown else "",
        option.meaning,
    )
    return f"| {' | '.join(cells)} |"


BACKENDS = {
    "own_dashboard": "Dashboard",
    "collector": "Collector",
    "rotel": "Rotel",
    "jaeger": "Jaeger",
    "phoenix": "Phoenix",
    "phoenix_postgresql": "Phoenix on PostgreSQL",
    "mlflow": "MLflow",
}


def backends() -> str:
    """Return the table of what each backend keeps, with a row for each field that not all of them give back as sent."""
    fields = sorted({field for kept in KEPT.values() for field in {*kept.without, *kept.reworded}})
    head = f"| | {' | '.join(BACKENDS[name] for name in KEPT)} |\n|---|{':-:|' * len(KEPT)}"
    rows = (f"| {field} | {' | '.join(_mark(kept, field) for kept in KEPT.values())} |" for field in fields)
    return "\n".join([head, *rows])


def _mark(kept: Kept, field: str) -> str:
    return "—" if field in kept.without else "≈" if field in kept.reworded else "✓"


PARTS = {"settings": settings, "backends": backends}


def forms() -> str | None:
    """Return the table of the forms of a call and the SDKs, or None where not every cell has reported."""
    reports = [REPORTS / f"{cell.name}.json" for cell in CELLS]
    if not all(report.exists() for report in reports):
        return None
    told = [folded(json.loads(report.read_text("utf-8")), GROUPS) for report in reports]
    return table(NAMES, told).rstrip()


def with_part(text: str, name: str, part: str) -> str:
    """Return the README's text with a part as it should be, between the comments that name it."""
    first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    stands = re.search(f"{first}.*?{last}", text, re.DOTALL)
    return text if stands is None else text.replace(stands[0], f"{first}{part}{last}")


def written(text: str) -> str:
    """Return the README's text with each part as it should be."""
    for name, part in PARTS.items():
        text = with_part(text, name, part())
    return text


def main(*arguments: str) -> str | None:
    """Write the README anew, or with `--check-forms` print the table of forms; return what is wrong."""
    text = README.read_text("utf-8")
    reported = forms()
    if "--check-forms" not in arguments:
        text = written(text)
        README.write_text(text if reported is None else with_part(text, "forms", reported), "utf-8")
        return None
    if reported is None:
        sys.stdout.write("Not every SDK was tested: the README's table of forms is not compared.\n")
        return None
    sys.stdout.write(f"{reported}\n")
    stale = with_part(text, "forms", reported) != text
    return "The README's table of forms is not what the tests report: run `make readme`." if stale else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
