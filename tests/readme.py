"""The parts of the README that are made of what the program says of itself: `make readme` writes them anew."""

import re
import sys
from pathlib import Path

from spanglass.settings import OPTIONS, Option

README = Path(__file__).parents[1] / "README.md"


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


PARTS = {"settings": settings}


def written(text: str) -> str:
    """Return the README's text with each part as it should be, between the comments that name it."""
    for name, part in PARTS.items():
        first, last = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        stands = re.search(f"{first}.*?{last}", text, re.DOTALL)
        if stands is not None:
            text = text.replace(stands[0], f"{first}{part()}{last}")
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{README.name} is as the program says.\n")
