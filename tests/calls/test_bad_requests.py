"""What a program gets wrong: its exception is the bare SDK's, its request goes out as ever, and the span says it."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest
from bare import both
from openai._types import NOT_GIVEN
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel
from told import shortened, told

from asking import OMIT
from flavours import ASK, Flavour
from spanglass.testing import CapturedSpans, OpenAIServer

USER = {"role": "user", "content": "hi"}
LONG = "x" * 5_000_000
# The attributes that say what was asked.
ASKED = ("input.", "llm.input_messages.", "llm.invocation_parameters", "llm.tools.", "llm.request.")
MODEL = {"llm.request.model_name": "gpt-4o-mini"}
PARAMETERS = {"llm.invocation_parameters": '{"model":"gpt-4o-mini"}'}
BLANK = {**MODEL, **PARAMETERS}
HI = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}


class Colour(str, Enum):
    """A text that is not quite one."""

    RED = "red"


class Own(BaseModel):
    """A message of a program's own."""

    role: str = "user"
    content: str = "hi"


def parameters(**more: Any) -> dict[str, Any]:
    """Return the attributes that parameters besides the model make."""
    said = json.dumps({"model": "gpt-4o-mini", **more}, separators=(",", ":"), ensure_ascii=False)
    return {"llm.invocation_parameters": said}


def message(number: int, **said: Any) -> dict[str, Any]:
    """Return the attributes of one message, with a dot for each double underscore."""
    return {f"llm.input_messages.{number}.message.{key.replace('__', '.')}": value for key, value in said.items()}


def parts(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return the attributes of a first message's parts: their types and texts."""
    return {
        f"llm.input_messages.0.message.contents.{number}.message_content.{name}": value
        for number, pair in enumerate(pairs)
        for name, value in zip(("type", "text"), pair, strict=True)
    }


def messages(*given: Any) -> dict[str, Any]:
    """Return what asks with these messages."""
    return {"messages": list(given)}


def once(*given: Any) -> Iterator[Any]:
    """Yield the messages, once."""
    yield from given


# What is asked, made anew for each call, and what the span says of it.
SENT: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, Any]]] = {
    "a generator": (lambda: {"messages": once(USER, USER)}, {**BLANK, **HI, **message(1, role="user", content="hi")}),
    "an empty generator": (lambda: {"messages": once()}, BLANK),
    "a tuple": (lambda: {"messages": (USER,)}, {**BLANK, **HI}),
    "a model of the SDK": (
        lambda: messages(ChatCompletionMessage(role="assistant", content="x", foo=1)),  # type: ignore[call-arg]
        {**BLANK, **message(0, role="assistant", content="x")},
    ),
    "a model of defaults": (lambda: messages(Own()), BLANK),
    "a model": (lambda: messages(Own(role="user", content="hi")), {**BLANK, **HI}),
    "a mapping": (lambda: messages(MappingProxyType(USER)), {**BLANK, **HI}),
    "text for messages": (lambda: {"messages": "hi"}, BLANK),
    "an object for messages": (lambda: {"messages": USER}, BLANK),
    "null for messages": (lambda: {"messages": None}, BLANK),
    "messages that are none": (lambda: messages(None, 1, "a"), BLANK),
    "numbers for text": (lambda: messages({"role": 3, "content": 7}), {**BLANK, **message(0, role="3", content="7")}),
    "unknown keys": (lambda: messages({**USER, "cache": {"a": 1}}), {**BLANK, **HI}),
    "unknown parts": (
        lambda: messages({"role": "user", "content": [{"type": "scent", "x": [1]}, {"no": 0}, "a", None, 7]}),
        {
            **BLANK,
            **message(0, role="user"),
            **parts(("scent", '{"type":"scent","x":[1]}'), ("unknown", '{"no":0}'), ("text", "a")),
            **{key.replace("contents.0", "contents.3"): value for key, value in parts(("unknown", "null")).items()},
            **{key.replace("contents.0", "contents.4"): value for key, value in parts(("unknown", "7")).items()},
        },
    ),
    "parts without content": (
        lambda: messages({"role": "user", "content": [{"type": "text"}, {"type": "image_url", "image_url": 7}]}),
        {
            **BLANK,
            **message(0, role="user", contents__0__message_content__type="text"),
            **message(0, contents__1__message_content__type="image"),
        },
    ),
    "odd tool calls": (
        lambda: messages({**USER, "tool_calls": "x"}, {**USER, "tool_calls": [None, {"id": 7, "function": "f"}]}),
        {**BLANK, **HI, **message(1, role="user", content="hi", tool_calls__1__tool_call__id="7")},
    ),
    "odd function call": (lambda: messages({**USER, "function_call": "f"}), {**BLANK, **HI}),
    "odd tools": (
        lambda: {"tools": [None, "x", 7]},
        {
            **BLANK,
            **HI,
            "llm.tools.0.tool.json_schema": "null",
            "llm.tools.1.tool.json_schema": '"x"',
            "llm.tools.2.tool.json_schema": "7",
        },
    ),
    "null for tools": (lambda: {"tools": None}, {**BLANK, **HI}),
    "NUL": (lambda: messages({**USER, "content": "a\0b"}), {**BLANK, **message(0, role="user", content="a\ufffdb")}),
    "bytes": (
        lambda: messages({**USER, "content": b"\xff"}),
        {**BLANK, **message(0, role="user"), **parts(("unknown", "255"))},
    ),
    "an enumeration": (
        lambda: {"model": Colour.RED},
        {"llm.request.model_name": "red", "llm.invocation_parameters": '{"model":"red"}', **HI},
    ),
    "null for the model": (lambda: {"model": None}, {"llm.invocation_parameters": '{"model":null}', **HI}),
    "a number for the model": (
        lambda: {"model": 7},
        {"llm.request.model_name": "7", "llm.invocation_parameters": '{"model":7}', **HI},
    ),
    "numbers for keys": (
        lambda: {"logit_bias": {50256: -100}},
        {**MODEL, **HI, **parameters(logit_bias={"50256": -100})},
    ),
    "sentinels": (
        lambda: {"stop": OMIT, "n": NOT_GIVEN, "extra_body": {"top_k": OMIT}},
        {**BLANK, **HI},
    ),
    "extra body": (
        lambda: {"extra_body": {"model": "other", "top_k": 3}},
        {
            "llm.request.model_name": "other",
            "llm.invocation_parameters": '{"model":"other","top_k":3}',
            **HI,
        },
    ),
    "a time": (
        lambda: {"metadata": {"at": datetime(2020, 1, 1, tzinfo=timezone.utc)}},
        {**MODEL, **HI, **parameters(metadata={"at": "2020-01-01T00:00:00+00:00"})},
    ),
}


@pytest.mark.parametrize(("make", "said"), SENT.values(), ids=SENT)
def test_odd_request(
    make: Callable[[], dict[str, Any]], said: dict[str, Any], flavour: Flavour, server: OpenAIServer
) -> None:
    """Whatever the SDK lets through goes over the wire as ever, and the span says what was sent."""
    bare, instrumented, (span,) = both(flavour, server, None, lambda client, _: flavour.create(client, **make()))

    assert bare == instrumented
    if bare.raised:  # an older SDK refuses some of it
        assert ("ERROR", bare.raised, []) == (*told(span)[2:4], bare.sent)
        return
    assert ("OK", None) == told(span)[2:4]
    (body,) = instrumented.sent
    assert {**said, "input.value": body.decode(), "input.mime_type": "application/json"} == asked(told(span).attributes)


def test_long_text(flavour: Flavour, server: OpenAIServer) -> None:
    """A text of 5 MB goes over the wire whole; on the span it is cut wherever it stands, and says how long it was."""
    given = messages({**USER, "content": LONG})
    bare, instrumented, (span,) = both(flavour, server, None, lambda client, _: flavour.create(client, **given))

    assert bare == instrumented
    (body,) = instrumented.sent
    assert LONG.encode() in body
    shown = json.loads(body.decode().replace(LONG, shortened(LONG)))
    assert {
        **BLANK,
        **message(0, role="user", content=shortened(LONG)),
        "input.value": json.dumps(shown, separators=(",", ":"), ensure_ascii=False),
        "input.mime_type": "application/json",
    } == asked(told(span).attributes)


def asked(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that say what was asked."""
    return {key: value for key, value in attributes.items() if key.startswith(ASKED)}


class Rude:
    """What cannot even be shown."""

    def __repr__(self) -> str:
        message = "No."
        raise RuntimeError(message)


class RudeDict(dict[str, Any]):
    """What cannot be looked into."""

    def items(self) -> Any:
        """Refuse."""
        message = "No."
        raise RuntimeError(message)


def circle() -> dict[str, Any]:
    """Return a message that holds itself."""
    itself: dict[str, Any] = {"role": "user"}
    itself["content"] = itself
    return itself


# What the SDK refuses, or fails of, before anything is sent; and the parameters that the span tells nonetheless.
REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, Any] | None]] = {
    "a lone surrogate": (lambda: messages({**USER, "content": "a\ud800"}), {}),
    "not a number": (lambda: {"temperature": float("nan")}, {"temperature": "nan"}),
    "infinity": (lambda: {"extra_body": {"x": float("inf")}}, {"x": "inf"}),
    "a set": (lambda: {"stop": {"a"}}, {"stop": "<set>"}),
    "a decimal": (lambda: {"temperature": Decimal("0.5")}, {"temperature": "0.5"}),
    "a generator in the extra body": (lambda: {"extra_body": {"messages": once(USER)}}, {}),
    "a circle": (lambda: messages(circle()), {}),
    "text for the extra body": (lambda: {"extra_body": "x"}, {}),
    "a list for the extra body": (lambda: {"extra_body": [("a", 1)]}, {}),
    "an unknown parameter": (lambda: {"colour": "red"}, {"colour": "red"}),
    "no text to show": (lambda: messages({**USER, "content": Rude()}), None),
    "a parameter without a text": (lambda: {"stop": Rude()}, None),
    "a closed dict": (lambda: messages(RudeDict(USER)), None),
    "too many digits": (lambda: {"seed": 10**5000}, None),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_refused_request(
    make: Callable[[], dict[str, Any]], said: dict[str, Any] | None, flavour: Flavour, server: OpenAIServer
) -> None:
    """What the SDK itself refuses, it refuses in the same words, nothing is sent, and one span says so."""
    bare, instrumented, (span,) = both(flavour, server, None, lambda client, _: flavour.create(client, **make()))

    assert bare == instrumented
    if not bare.raised:  # an older SDK, or its HTTP client, sends what JSON has no word for
        assert ("OK", 1) == (told(span).status, len(bare.sent))
        return
    assert [] == bare.sent
    assert ("ChatCompletion", "ERROR", bare.raised.replace("\ud800", "\ufffd")) == (span.name, *told(span)[2:4])
    if said is not None:
        given = json.loads(told(span).attributes["llm.invocation_parameters"])
        assert {"model": "gpt-4o-mini", **said} == given


def test_missing_arguments(flavour: Flavour, server: OpenAIServer) -> None:
    """A call without its required arguments raises the SDK's TypeError, and leaves a span of what was given."""
    bare, instrumented, (span,) = both(
        flavour, server, None, lambda client, _: flavour.wait(client.chat.completions.create(model="gpt-4o-mini"))
    )

    assert bare == instrumented
    assert ("ERROR", bare.raised) == told(span)[2:4]
    assert {
        **BLANK,
        "input.value": '{"model":"gpt-4o-mini"}',
        "input.mime_type": "application/json",
    } == asked(told(span).attributes)


def test_arguments_are_left_alone(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """No argument is changed, however deep, not even where the span leaves credentials out."""
    given: dict[str, Any] = {
        "messages": [deepcopy(USER), {"role": "user", "content": [{"type": "text", "text": "a"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}, "headers": {"a": "b"}}],
        "extra_body": {"api_key": "secret", "top_k": 1},
        "extra_headers": {"x-a": "b"},
        "logit_bias": {"50256": -100},
    }
    before = deepcopy(given)

    flavour.create(flavour.client(server), **given)

    assert before == given
    assert 1 == len(captured.spans)
    assert {**ASK, **before["extra_body"]}.keys() <= server.journal[0].json().keys()
