"""What the SDK's own unions allow: the classes in them, and the words for their types."""

import re
from collections.abc import Iterable, Iterator
from inspect import get_annotations
from pathlib import Path
from typing import Any, Final, get_args

import openai
import pytest
from openai._models import BaseModel
from typing_extensions import get_type_hints, is_typeddict

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


PINNED = re.search(r"^openai==(\S+)$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
assert PINNED is not None
current: Final = pytest.mark.skipif(release(openai.__version__) < release(PINNED[1]), reason="an older SDK knows less")


def shapes(annotation: Any) -> Iterator[Any]:
    """Yield the TypedDicts and models that an annotation allows, within unions and lists too."""
    if is_typeddict(annotation) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from shapes(inner)


def hints(shape: Any) -> dict[str, Any]:
    """Return the annotations of a TypedDict's or a model's fields, those that it inherits too."""
    if is_typeddict(shape):
        return get_type_hints(shape)
    models = [kind for kind in reversed(shape.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel]
    return {name: hint for kind in models for name, hint in get_annotations(kind).items()}


def literals(annotation: Any) -> set[str]:
    """Return the words that an annotation allows, within unions too."""
    inner = get_args(annotation)
    return {inner for inner in inner if isinstance(inner, str)}.union(*map(literals, inner))


def words(shape: Any, key: str) -> set[str]:
    """Return the words that a shape allows for a key."""
    return literals(hints(shape).get(key))


def types(found: Iterable[Any]) -> set[str]:
    """Return the types of those shapes that say which they are."""
    return set[str]().union(*(words(shape, "type") for shape in found))
