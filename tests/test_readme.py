"""The README keeps its word: its tables are what the program and its tests say."""

import re

import readme

README = readme.README.read_text("utf-8")


def test_parts() -> None:
    """What the program says of itself stands in the README as it says it; `make readme` writes it anew."""
    assert readme.written(README) == README
    assert all(f"<!-- {name} -->" in README for name in readme.PARTS)


def test_forms() -> None:
    """The README's table of forms has a row for each form that is tested, and a column for each SDK."""
    head, _, *rows = re.findall(r"<!-- forms -->\n(.*?)\n<!-- end", README, re.DOTALL)[0].splitlines()

    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == readme.NAMES
    assert head.strip("| ").split(" | ")[1:] == readme.SDKS
