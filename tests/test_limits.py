"""What is too long is replaced or cut, and says what it was; all else is the very same object."""

import base64
import hashlib
import random
from typing import Any

import pytest

from spanglass.limits import Limits, within
from spanglass.plain import encode

LIMITS = Limits(media=1000, span=80_000)  # a text may have 10,000 bytes
RAW = random.Random(7).randbytes(3000)  # noqa: S311 - the same at each run
SHA = hashlib.sha256(RAW).hexdigest()
DATA = base64.b64encode(RAW).decode()


def test_what_is_short() -> None:
    """What is within the limits comes back as the object that it is."""
    body = {"messages": [{"content": "x" * 10_000}, {"content": ["x" * 900, DATA[:1000]]}], "n": 1, "stop": None}

    assert within(body, LIMITS) is body


PNG = b"\x89PNG\r\n\x1a\n" + RAW
MEDIA = {
    "declared": (f"data:image/webp;base64,{DATA}", "image/webp", RAW),
    "declared with parameters": (f"data:audio/wav;rate=1;base64,{DATA}", "audio/wav", RAW),
    "declared as nothing": (f"data:;base64,{DATA}", "data", RAW),
    "not declared": (DATA, "base64", RAW),
    "known by its beginning": (base64.b64encode(PNG).decode(), "image/png", PNG),
    "without padding": (base64.b64encode(RAW + b"x").decode().rstrip("="), "base64", RAW + b"x"),
    "URL-safe": (base64.urlsafe_b64encode(RAW).decode(), "base64", RAW),
    "percent-encoded": ("data:image/svg+xml,%3Csvg%3E" + "a" * 2000, "image/svg+xml", b"<svg>" + b"a" * 2000),
    "not what it says": (
        "data:image/png;base64," + "é" * 1000,
        "image/png",
        ("data:image/png;base64," + "é" * 1000).encode(),
    ),
}


@pytest.mark.parametrize(("sent", "mime", "raw"), MEDIA.values(), ids=MEDIA)
def test_media(sent: str, mime: str, raw: bytes) -> None:
    """A medium that is too long is replaced by its type, and by the size and sha256 of the file that it is."""
    expected = f"[{mime}: {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}]"

    assert [{"url": expected}] == within([{"url": sent}], LIMITS)


@pytest.mark.parametrize("letter", ["x", "é", "\N{GRINNING FACE}", "\ud800"])
@pytest.mark.parametrize("length", [9_999, 10_000, 10_001, 200_000])
def test_texts(letter: str, length: int) -> None:
    """A text is cut where it has more bytes than it may, between two characters, and says how many it had."""
    text = letter * length
    raw = text.encode("utf-8", "replace")
    shown = within(text, LIMITS)

    if len(raw) <= 10_000:
        assert shown is text
        return
    head, _, told = shown.partition("…")
    assert f" [cut: {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}]" == told
    assert raw.startswith(head.encode())
    assert 9_800 < len(shown.encode()) <= 10_000


def test_a_text_of_many_letters_is_no_medium() -> None:
    """A long text without a blank is a text where it does not look like data."""
    assert within("ab" * 10_000, LIMITS).startswith("abab")


def test_uploaded() -> None:
    """A medium that can be put elsewhere is replaced by the URI that it is found under, if that is one."""
    given: list[tuple[bytes, str]] = []
    answers: list[Any] = ["s3://bucket/1", None, "no uri", 7, RuntimeError()]

    def upload(raw: bytes, mime: str) -> Any:
        given.append((raw, mime))
        answer = answers[len(given) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    url = f"data:image/webp;base64,{DATA}"
    replaced = f"[image/webp: 3000 bytes, sha256 {SHA}]"
    shown = [within(url, LIMITS._replace(upload=upload)) for _ in answers]

    assert ["s3://bucket/1", replaced, replaced, replaced, replaced] == shown
    assert [(RAW, "image/webp")] * 5 == given


def test_what_holds_itself() -> None:
    """What holds itself, or is very deep, ends in a mark."""
    itself: list[Any] = ["x" * 20_000]
    itself.append(itself)
    deep: Any = "x" * 20_000
    for _ in range(1000):
        deep = [deep]

    assert "…" == within(itself, LIMITS)[1]
    assert encode(within(deep, LIMITS)).count("[") < 100


@pytest.mark.parametrize("before", [*range(9_800, 9_900, 7)])
def test_half_a_secret(before: int) -> None:
    """A text is cut before a credential that stands at the cut: half of one would not be known for what it is."""
    text = f"{'x ' * (before // 2)} sk-proj-{'0123456789' * 12} {'x ' * 20_000}"
    shown = within(text, LIMITS)

    assert "[cut: " in shown
    assert "sk-proj-" not in shown or f"sk-proj-{'0123456789' * 12}" in shown


def test_signed_place() -> None:
    """The signature of a URI under which a medium is found is not told."""
    url = "https://example.com/picture?X-Amz-Signature=0123456789abcdef&x=1"
    shown = within(f"data:image/webp;base64,{DATA}", LIMITS._replace(upload=lambda _, __: url))

    assert "https://example.com/picture?X-Amz-Signature=__REDACTED__&x=1" == shown
