"""Only what every backend takes reaches an attribute."""

from datetime import date
from enum import Enum, IntEnum
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
