"""Only what every backend takes reaches an attribute."""

import sys
from datetime import date
from enum import Enum, IntEnum
from types import FrameType
from typing import Any

import pytest

from spanglass.writers.values import clean, clean_text

NAN = float("nan")


class Model(str, Enum):
    """A string of another class, as applications like to define them."""

    MINI = "gpt-4o-mini"


class Level(IntEnum):
    """A number of another class."""

    LOW = 1


def test_fine_values() -> None:
    """Values that are fine stay the very same objects, in the same order."""
    values = {"text": "Ω 😀", "yes": True, "count": -(2**63), "most": 2**63 - 1, "part": 0.5, "empty": ""}
    cleaned = dict(values)

    clean(cleaned)

    assert [*cleaned.items()] == [*values.items()]
    assert all(cleaned[key] is values[key] for key in values)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\0b", "a\ufffdb"),
        ("lone \ud83d half", "lone \ufffd half"),
        ("met \ud83d\ude00 halves", "met 😀 halves"),
        (NAN, "nan"),
        (float("-inf"), "-inf"),
        (2**63, "0x8000000000000000"),
        (-(2**64), "-0x10000000000000000"),
        (b"bytes", "<5 bytes>"),
        (Model.MINI, "gpt-4o-mini"),
        (Level.LOW, 1),
        (date(2026, 1, 2), "2026-01-02"),
        ({"a": {"b": [1, NAN]}}, '{"a":{"b":[1,"nan"]}}'),
        (["a", "b\0"], ["a", "b\ufffd"]),
        ((1, 2), [1, 2]),
        ([], []),
        ([1, "a", None, "\ud83d"], ["1", '"a"', "null", '"\ufffd"']),
        ([None], ["null"]),
        ([{"a": 1}], ['{"a":1}']),
        ([True, False], [True, False]),
    ],
)
def test_odd_values(value: Any, expected: Any) -> None:
    """A value that some backend would refuse becomes one that all take, and its neighbours stay."""
    attributes = {"before": "text", "odd": value, "after": 1}

    clean(attributes)

    assert attributes == {"before": "text", "odd": expected, "after": 1}
    assert attributes["odd"].__class__ is expected.__class__


VECTORS: dict[str, list[Any]] = {
    "floats": [number / 7 for number in range(-5_000, 5_000)],
    "huge ones": [1.7e308] * 10,  # their sum is infinite
    "whole numbers": [*range(-5_000, 5_000)],
    "the largest": [-(2**63), 2**63 - 1],
}


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vectors(vector: list[Any]) -> None:
    """A list of numbers stays as it is, also beside a text that does not, and is neither cut nor counted as a text."""
    expected = [*vector]
    attributes = {"before": "a\0", "vector": vector, "text": "x" * 70_000}

    clean(attributes, 200_000)

    assert attributes == {"before": "a\ufffd", "vector": expected, "text": "x" * 70_000}


def test_vectors_cost_nothing() -> None:
    """Whatever the length of a list of numbers, it takes the same few calls."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    attributes: dict[str, Any] = {str(number): [0.5] * 1_536 for number in range(50)}
    sys.setprofile(count)
    clean(attributes)
    sys.setprofile(None)

    assert {str(number): [0.5] * 1_536 for number in range(50)} == attributes
    assert calls < 10 * 50


@pytest.mark.parametrize("odd", [NAN, float("inf"), True, None, "a", 2**63], ids=str)
def test_no_vector(odd: Any) -> None:
    """A long list in which a single item is no number that every backend takes has no such item afterwards."""
    whole = odd.__class__ is int
    attributes: dict[str, Any] = {"vector": [*([1] if whole else [0.5]) * 5_000, odd]}

    clean(attributes)

    (cleaned,) = attributes.values()
    assert ({str}, 5_001) == ({*map(type, cleaned)}, len(cleaned))


def test_too_many_numbers() -> None:
    """Lists of numbers take no more bytes than texts may, beside them: the last ones are left out."""
    attributes: dict[str, Any] = {"a": [0.5] * 400, "text": "x" * 10_900, "b": [1] * 599, "c": [0.5] * 2, "d": [1]}

    clean(attributes, 11_004)

    assert {"a": [0.5] * 400, "text": "x" * 10_900, "b": [1] * 599} == attributes


def test_none_and_keys() -> None:
    """None is left out, and keys are held to the same rules as texts."""
    attributes: dict[Any, Any] = {"none": None, 1: "one", "a\0": "b", Model.MINI: 2}

    clean(attributes)

    assert attributes == {"1": "one", "a\ufffd": "b", "gpt-4o-mini": 2}
    assert {key.__class__ for key in attributes} == {str}


def test_clean_text() -> None:
    """A text on its own is cleaned as one among attributes."""
    assert clean_text("a\0\ud83d") == "a\ufffd\ufffd"
    assert clean_text(Model.MINI) == "gpt-4o-mini"
