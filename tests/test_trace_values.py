"""What `@trace` records of arguments and results: data, cut, hidden, and never a credential."""

import collections
import dataclasses
import enum
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from pydantic import BaseModel, SecretStr

from spanglass import trace, using
from spanglass.calls.arguments import told_arguments as of_arguments
from spanglass.limits import Limits
from spanglass.record import Record
from spanglass.testing import CapturedSpans, captured_spans

JSON = "application/json"
TEXT = "text/plain"


class Refused(Exception):  # noqa: N818 - it is what a program might have
    """An exception of the program's."""


def said(span: ReadableSpan, key: str) -> Any:
    """Return an attribute of a span."""
    return (span.attributes or {}).get(key)


def values_of(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says of what a function was given and gave."""
    return {key: value for key, value in (span.attributes or {}).items() if key.startswith(("input.", "output."))}


def both(text: str) -> dict[str, Any]:
    """Return what a span says of a function that is given a text, and gives it."""
    return {"input.value": text, "input.mime_type": TEXT, "output.value": text, "output.mime_type": TEXT}


class Colour(enum.Enum):
    """A value with a name."""

    RED = "red"


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


@dataclasses.dataclass
class Order:
    """A dataclass, with a credential among its fields."""

    item: str
    api_key: str = "k"


class Model(BaseModel):
    """A model of pydantic's, with a secret."""

    name: str
    key: SecretStr = SecretStr("hidden")
    note: str | None = None


class Client:
    """An object that is no data, and holds a credential."""

    def __init__(self) -> None:
        self.api_key = "never told"

    def __repr__(self) -> str:
        raise AssertionError


class Moody(dict[str, int]):
    """A dictionary whose methods raise."""

    def __iter__(self) -> Iterator[str]:
        raise Refused


class Eager(list[int]):
    """A list that fetches when it is looked at."""

    def __iter__(self) -> Iterator[int]:
        raise Refused


class Fetching(collections.UserDict[str, int]):
    """A mapping that fetches when it is looked at, or counts who asks."""

    def __getitem__(self, key: str) -> int:
        raise Refused


class Lazy:
    """An object that stands for another, and raises where there is none, as a web framework's request does."""

    def __getattribute__(self, name: str) -> Any:
        raise Refused


@dataclasses.dataclass(slots=True)
class Slotted:
    """A dataclass without a dictionary."""

    x: int
    y: "int | None" = dataclasses.field(init=False)


class Column:
    """A descriptor that fetches what is asked for, as a mapped class of a database has them."""

    def __get__(self, of: object, kind: type) -> int:
        raise Refused

    def __set__(self, of: object, value: int) -> None:
        """Take it."""


@dataclasses.dataclass
class Mapped:
    """A dataclass, a field of which is fetched."""

    name: str
    orders: int
    shared: int = dataclasses.field(init=False, default=7)


Mapped.orders = Column()  # type: ignore[assignment]  # as a mapper does


def circle() -> list[Any]:
    """Return a list that holds itself."""
    made: list[Any] = [1]
    made.append(made)
    return made


def deep() -> list[Any]:
    """Return lists within lists."""
    made: list[Any] = []
    for _ in range(100):
        made = [made]
    return made


VALUES: list[tuple[str, Any, str | None, str | None]] = [
    ("text", "Why?", "Why?", TEXT),
    ("nothing", None, '{"value":null}', JSON),
    ("number", 1.5, '{"value":1.5}', JSON),
    ("not a number", float("nan"), '{"value":"nan"}', JSON),
    ("list", ["a", 1, None, True], '{"value":["a",1,null,true]}', JSON),
    ("set", {1}, '{"value":[1]}', JSON),
    ("deque", collections.deque(["a"]), '{"value":["a"]}', JSON),
    ("mapping", {"a": {1: "b"}}, '{"value":{"a":{"1":"b"}}}', JSON),
    ("enumeration", Colour.RED, '{"value":"red"}', JSON),
    ("named tuple", Point(1, 2), '{"value":{"x":1,"y":2}}', JSON),
    ("dataclass", Order("tea"), '{"value":{"item":"tea"}}', JSON),
    ("model", Model(name="Ann"), '{"value":{"name":"Ann","key":"<SecretStr>"}}', JSON),
    ("client", Client(), '{"value":"<Client>"}', JSON),
    ("function", circle, '{"value":"<function>"}', JSON),
    ("class", Order, '{"value":"<type>"}', JSON),
    ("generator", (each for each in "abc"), '{"value":"<generator>"}', JSON),
    ("bytes", b"abc", '{"value":"<3 bytes>"}', JSON),
    ("circle", circle(), None, JSON),
    ("moody", Moody(a=1), '{"value":{"a":1}}', JSON),
    ("eager", Eager([1]), '{"value":[1]}', JSON),
    ("fetching", Fetching(a=1), '{"value":"<Fetching>"}', JSON),
    ("lazy", Lazy(), '{"value":"<Lazy>"}', JSON),
    ("lazy inside", [Lazy(), 1], '{"value":["<Lazy>",1]}', JSON),
    ("slots", Slotted(1), '{"value":{"x":1,"y":null}}', JSON),
    ("mapped", Mapped("Ann", 1), '{"value":{"name":"Ann","shared":7}}', JSON),
    ("key", {"sk-abcdefghijklmnop": 1, b"sk-abcdefghijklmnop": 2}, '{"value":{"__REDACTED__":1,"<19 bytes>":2}}', JSON),
    ("secret", {"Authorization": "x", "password": "y", "key": "z"}, '{"value":{"key":"z"}}', JSON),
    ("token", "Bearer abcdefghijkl", "Bearer __REDACTED__", TEXT),
    ("many", list(range(2_000)), None, JSON),
    ("deep", deep(), None, JSON),
    ("surrogate", "a\ud800\0", "a��", TEXT),
]


@pytest.mark.parametrize(("value", "text", "mime"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_values(value: Any, text: str | None, mime: str | None, captured: CapturedSpans) -> None:
    """Arguments are told as data: nothing is consumed, no object's own code runs, and no credential is told."""

    @trace
    def take(value: Any) -> Any:
        return value

    assert take(value) is value
    (span,) = captured.spans

    assert mime == said(span, "input.mime_type")
    if text is None:
        json.loads(said(span, "input.value"))
        assert len(said(span, "input.value")) < 6_000
    else:
        assert text == said(span, "input.value")
    if issubclass(type(value), Iterator):
        assert ["a", "b", "c"] == list(value)


def test_names_that_are_credentials(captured: CapturedSpans) -> None:
    """An argument whose name is that of a credential is not told, also where it is the only one."""

    @trace
    def login(password: str) -> None:
        """Do nothing."""

    @trace
    def ask(prompt: str, *, api_key: str, **more: str) -> None:
        """Do nothing."""

    login("p")
    ask("Why?", api_key="k", token="t")  # noqa: S106 - it is what must not be told

    assert [None, '{"prompt":"Why?"}'] == [said(span, "input.value") for span in captured.spans]


CREDENTIALS = (
    "OPENAI_API_KEY", "AZURE_OPENAI_KEY", "openai_api_key", "openaiApiKey", "x-api-key", "DB_PASSWORD", "PGPASSWORD",
    "db_passwd", "MYSQL_PWD", "REDIS_PASS", "GITHUB_TOKEN", "githubToken", "webhook_secret", "Proxy-Authorization",
    "Set-Cookie", "cookies", "auth", "basic_auth", "gcp_credentials", "CONNECTION_STRING", "id_jwt", "secretKey",
)  # fmt: skip
OTHERS = (
    "primary_key", "sort_key", "keyboard", "max_tokens", "token_count", "author", "authors", "compass", "passage",
    "secretary", "cookie_count", "monkey", "key",
)  # fmt: skip


def test_names_that_end_as_those_of_credentials(captured: CapturedSpans) -> None:
    """Whosever credential a name says that it is, of an argument or within one, it is not told; other names are."""
    trace(lambda **given: given)(within=dict.fromkeys((*CREDENTIALS, *OTHERS), "v"), **dict.fromkeys(CREDENTIALS, "v"))
    (span,) = captured.spans
    told = {"within": dict.fromkeys(OTHERS, "v")}

    assert (told, told) == (json.loads(said(span, "input.value")), json.loads(said(span, "output.value")))


def test_what_is_given_is_told_as_it_was(captured: CapturedSpans) -> None:
    """An argument that the function changes is told as it was given."""

    @trace
    def change(items: list[int]) -> list[int]:
        items.append(2)
        return items

    change([1])
    (span,) = captured.spans

    assert ('{"items":[1]}', "[1,2]") == (said(span, "input.value"), said(span, "output.value"))


CANARY = "canary"


def work(text: str) -> str:
    """Return the same."""
    return text


def fail(text: str) -> str:
    """Quote what was given."""
    raise Refused(text)


def repeat(value: Any, times: int) -> Iterator[Any]:
    """Yield the same."""
    for _ in range(times):
        yield value


def quote(text: str) -> Iterator[str]:
    """Yield what was given."""
    yield text
    raise Refused(text)


def mask(record: Record) -> None:
    """Be a program's redactor, which knows messages and nothing else."""
    for message in [*(record.input_messages or ()), *(record.output_messages or ())]:
        message.content = message.content and message.content.replace(CANARY, "***")
    for failure in [record.failure] if record.failure else []:
        failure.message, failure.stacktrace = "***", None


HIDING: list[tuple[dict[str, Any], bool, bool]] = [
    ({"content": "off"}, True, True),
    ({"hide": ("inputs",)}, True, False),
    ({"hide": ("input_text",)}, True, False),
    ({"hide": ("input_messages",)}, True, False),
    ({"hide": ("outputs",)}, False, True),
    ({"hide": ("output_text",)}, False, True),
    ({"redactor": mask}, True, True),
    ({"redactor": lambda _: 1 / 0}, True, True),
]


@pytest.mark.usefixtures("lenient_guard")
@pytest.mark.parametrize(
    ("settings", "given", "gave"), HIDING, ids=[f"{next(iter(row[0]))} {n}" for n, row in enumerate(HIDING)]
)
@pytest.mark.parametrize("function", [work, fail, quote])
def test_hiding(settings: dict[str, Any], given: bool, gave: bool, function: Any) -> None:  # noqa: FBT001 - a row
    """What is hidden of calls is hidden of functions: in, out, and the errors that may quote either."""
    with captured_spans(**settings) as captured, suppress(Refused):
        result = trace(function)(CANARY)
        if not isinstance(result, str):
            list(result)
    (span,) = captured.spans
    shown = [CANARY in str(said(span, key)) for key in ("input.value", "output.value")]
    everything = json.dumps([span.to_json(), [str(event.attributes) for event in span.events]])

    assert [not given, not gave and function is not fail] == shown
    assert span.events == () or CANARY not in span.events[0].attributes.values()  # type: ignore[union-attr]
    assert CANARY not in (span.status.description or "")
    assert not (given and gave and CANARY in everything)


def test_a_block_hides(captured: CapturedSpans) -> None:
    """`using(content="off")` hides what is given to the functions inside, and what they give."""
    with using(content="off"):
        trace(work)(CANARY)
    (span,) = captured.spans

    assert both("__REDACTED__") == values_of(span)


def test_a_redactor_sees_messages() -> None:
    """A redactor finds the arguments as a message of the user, and the result as one of the assistant."""
    seen: list[Any] = []

    def redactor(record: Record) -> None:
        seen.append(
            (
                record.name,
                record.input_value,
                [(message.role, message.content) for message in record.input_messages or ()],
                [(message.role, message.content) for message in record.output_messages or ()],
            )
        )
        mask(record)

    with captured_spans(redactor=redactor) as captured:
        trace(work)(f"the {CANARY}")
    (span,) = captured.spans

    assert [("work", None, [("user", f"the {CANARY}")], [("assistant", f"the {CANARY}")])] == seen
    assert both("the ***") == values_of(span)


def test_a_redactor_that_leaves_nothing() -> None:
    """Where a redactor takes a text out, a mark stands in its place, as text."""

    def redactor(record: Record) -> None:
        for message in [*(record.input_messages or ()), *(record.output_messages or ())]:
            message.content = None

    with captured_spans(redactor=redactor) as captured:
        trace(lambda value: {"value": value})(1)
    (span,) = captured.spans

    assert both("__REDACTED__") == values_of(span)


def test_very_many_values(captured: CapturedSpans) -> None:
    """Of values within values ten thousand are told, and how many more there are."""
    trace(lambda rows: len(rows))([[0] * 200] * 100)  # noqa: PLW0108 - a lambda has a parameter's name
    (span,) = captured.spans
    rows = json.loads(said(span, "input.value"))["rows"]

    assert (len(rows), "… 50 more") == (51, rows[-1])


def test_long_values() -> None:
    """A text or a medium that is too long is cut or told by its size, as in a call."""
    with captured_spans(max_span_bytes=16_384) as captured:
        trace(work)("word " * 10_000)
    (span,) = captured.spans

    assert all("[cut: 50000 bytes, sha256" in said(span, key) for key in ("input.value", "output.value"))
    assert sum(len(str(value)) for value in (span.attributes or {}).values()) < 16_384


@pytest.mark.parametrize("shape", [lambda texts: texts, lambda texts: dict(enumerate(texts))], ids=["list", "mapping"])
def test_many_long_values(shape: Any) -> None:
    """Of many texts that are together far too long, as many are read as a span has room for."""
    documents = shape(["word " * 1_000] * 1_000)
    with captured_spans(max_span_bytes=16_384) as captured:
        told_arguments, _ = of_arguments({"documents": documents}, Limits(span=16_384))
        trace(work)(documents)
        list(trace(repeat)({"documents": documents}, 2))
    function, generator = captured.spans

    assert told_arguments is not None
    assert 4_096 < len(told_arguments) < 16_384
    assert "…" in told_arguments
    assert (True, 2) == (
        all(len(said(function, key)) > 4_096 for key in ("input.value", "output.value")),
        said(generator, "spanglass.stream.chunk_count"),
    )


def test_an_endless_generator(captured: CapturedSpans) -> None:
    """Of what a generator yields without end, the first is kept, and all of it counted."""

    @trace
    def endless() -> Iterator[int]:
        while True:
            yield 7

    generator: Any = endless()
    for _ in range(5_000):
        next(generator)
    generator.close()
    (span,) = captured.spans

    assert 5_000 == said(span, "spanglass.stream.chunk_count")
    *items, rest = json.loads(said(span, "output.value"))
    assert ([7] * len(items), f"… [{5_000 - len(items):,} more]", True) == (items, rest, 900 < len(items) <= 1_000)
