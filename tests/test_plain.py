"""JSON text of whatever the SDK holds."""

import sys
from datetime import date
from types import FrameType
from typing import Any

from spanglass.plain import MOST, encode, remade

NAN = float("nan")


def test_encode() -> None:
    """JSON text is compact and readable, and what JSON has no word for stands in it as text."""
    circle: list[Any] = [1]
    circle += [circle]
    twice: dict[str, Any] = {}
    twice |= {"self": twice, "again": twice}
    deep: Any = 0
    for _ in range(200_000):
        deep = [deep]

    assert encode({"a": ["Ω", 0.5, None]}) == '{"a":["Ω",0.5,null]}'
    assert encode({"a": date(2026, 1, 2), "b": b"123"}) == '{"a":"2026-01-02","b":"<3 bytes>"}'
    assert encode({(1, 2): NAN, "b": b"123"}) == '{"[1,2]":"nan","b":"<3 bytes>"}'
    assert encode(circle) == '[1,"…"]'
    assert (
        encode({"twice": {"a": twice, "b": twice}})
        == '{"twice":{"a":{"self":"…","again":"…"},"b":{"self":"…","again":"…"}}}'
    )
    assert encode(deep) == "[" * 32 + '"…"' + "]" * 32


def test_what_is_shared_is_bounded() -> None:
    """Of a value that holds itself, and the same things again and again, so much is encoded and no more."""
    knot: list[Any] = []
    for _ in range(30):
        knot = [knot, knot]
    knot.insert(0, knot)

    assert MOST == encode(knot).count("[")


def test_remade_numbers_cost_nothing() -> None:
    """A list of numbers costs no call an item where texts are remade, and comes back as it is."""
    body = {"input": [[*range(5_000)] for _ in range(20)], "mixed": [1, "a"], "vector": [0.5, None, True] * 1_000}
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    same = remade(body, lambda text: text)
    sys.setprofile(None)
    other = remade(body, lambda text: text * 2)

    assert same is body
    assert {**body, "mixed": [1, "aa"]} == other
    assert other["input"] is body["input"]
    assert calls < 500
