"""The registry as the tests read it: what is defined, what refers to it, and what a value of its type is."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = ("gen_ai", "openinference", "otel", "spanglass")

Definition = dict[str, Any]


def groups(*files: str) -> Iterator[Definition]:
    """Yield the groups of the named registry files, or of all of them."""
    for name in files or FILES:
        text = (ROOT / "semconv" / "registry" / f"{name}.yaml").read_text("utf-8")
        yield from yaml.safe_load(text)["groups"]


def definitions(*files: str) -> list[Definition]:
    """Return the attributes that the files define."""
    return [each for group in groups(*files) for each in group.get("attributes", ()) if "id" in each]


def named(kind: str, field: str) -> set[str]:
    """Return the names of the groups of one type: of the events, or of the metrics."""
    return {group[field] for group in groups() if group["type"] == kind}


def members(definition: Definition) -> list[str]:
    """Return the values of an enumeration."""
    return [member["value"] for member in definition["type"]["members"]]


def own_members(definition: Definition) -> list[str]:
    """Return those of them that are said to be our own, in a convention's enumeration."""
    found = definition["type"]["members"]
    return [member["value"] for member in found if member.get("annotations", {}).get("own")]


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "double": lambda value: type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "string[]": lambda value: isinstance(value, (list, tuple)) and all(type(each) is str for each in value),
    "double[]": lambda value: isinstance(value, (list, tuple)) and all(type(each) is float for each in value),
    "any": lambda value: isinstance(value, (str, tuple)),
}


def has_type(definition: Definition, value: Any) -> bool:
    """Whether a value is what the definition says; of a template, what stands under it."""
    told = definition["type"]
    if isinstance(told, dict):
        return value in members(definition)
    return TYPES[told.removeprefix("template[").removesuffix("]") if told.startswith("template") else told](value)


def names(key: str, known: Mapping[str, Definition]) -> list[str]:
    """Return the names that a written key is made of: itself, or the templates it stands under and what ends it.

    `llm.input_messages.0.message.role` is `llm.input_messages` and `message.role`. Nothing for an unknown key.
    """
    if key in known:
        return [key]
    for name, definition in known.items():
        kind = str(definition["type"])
        if kind.startswith("template") and key.startswith(f"{name}."):
            if kind != "template[any]":
                return [name]
            inner = names(re.sub(r"^\d+\.", "", key.removeprefix(f"{name}.")), known)
            return [name, *inner] if inner else []
    return []
