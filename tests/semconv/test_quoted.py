"""A convention's names are written down once, in the registry."""

import ast
import re
from pathlib import Path

from registry import ROOT, definitions

SOURCE = ROOT / "src" / "spanglass"
PREFIX = re.compile(r"\b(llm|gen_ai)\.")
NAMES = {each["id"] for each in definitions() if "." in each["id"]}


def quoted(source: str) -> list[str]:
    """Return the strings of a module, and the pieces of its f-strings, that spell a name; docstrings are prose."""
    nodes = list(ast.walk(ast.parse(source)))
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    strings = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in prose]
    values = [node.value for node in strings if isinstance(node.value, str)]
    return [value for value in values if value in NAMES or PREFIX.search(value)]


def modules() -> list[Path]:
    """Return the modules that are written by hand."""
    return sorted(path for path in SOURCE.rglob("*.py") if path.parent.name != "semconv")


def test_no_module_spells_a_name() -> None:
    """Outside the generated modules, no string spells an attribute, nor begins to."""
    found = {str(path.relative_to(SOURCE)): quoted(path.read_text("utf-8")) for path in modules()}

    assert {path: strings for path, strings in found.items() if strings} == {}


def test_a_spelled_name_is_found() -> None:
    """The search sees plain strings and f-strings, and leaves docstrings and other words alone."""
    source = '"""About llm.tools."""\na = "llm.tools"\nb = f"gen_ai.{a}"\nc = ("input.value", "value", "llm")\n'

    assert sorted(quoted(source)) == ["gen_ai.", "input.value", "llm.tools"]
