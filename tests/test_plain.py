"""JSON text of whatever the SDK holds."""

from datetime import date
from typing import Any

from spanglass.plain import encode

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
