"""What the SDK knows of a chat, asked of the SDK: every part of it is read, or stands here with the reason why not.

An older SDK knows less; a newer one that knows more fails here with the name.
"""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage, completion_create_params
from typing_extensions import get_type_hints
from unions import current, shapes, types, words

from spanglass.credentials import PARAMETERS
from spanglass.endpoints.chat import MORE, PARTS, READ, read_message, read_part, read_request
from spanglass.record import Message, Record, ToolCall
from spanglass.writers import gen_ai

# Of what a model may return in a message, what has no place of its own in any convention: it is in `output.value`.
NOT_READ = {"annotations": "citations of web pages: where in the text, and their URLs"}
# What other providers that speak the API have, and the SDK does not know.
OTHERS_FIELDS = {"reasoning", "reasoning_content"}
OTHERS_PARAMETERS = {"top_k"}


ASKED: dict[str, Any] = {
    **get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming),
    **get_type_hints(completion_create_params.CompletionCreateParamsStreaming),
}
MESSAGES = tuple(shapes(ASKED["messages"]))
FIELDS = set[str]().union(*(get_type_hints(message) for message in MESSAGES))
CONTENT = [shape for message in MESSAGES for shape in shapes(get_type_hints(message).get("content"))]
RECEIVED = set(ChatCompletionMessage.__annotations__)
CALLS = [shape for message in MESSAGES for shape in shapes(get_type_hints(message).get("tool_calls"))]


def test_parameters_known() -> None:
    """Each parameter of the SDK is known; those with a field of their own are some of them."""
    assert (set(), set()) == (ASKED.keys() - PARAMETERS, READ.keys() - PARAMETERS)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_parameter_is_read(name: str) -> None:
    """Each is read into its field, or else is an invocation parameter as it was given."""
    value: Any = [{"name": "one"}] if name in READ else "given"
    record = Record("", "", "")

    read_request(record, {name: value}, None)

    assert record.parameters == ({} if name in READ else {name: "given"})
    assert name not in READ or getattr(record, READ[name])


def test_parameters_of_the_convention() -> None:
    """OpenTelemetry's attributes are made of parameters of the SDK, or of what is known to be others'."""
    assert OTHERS_PARAMETERS == {name for name, *_ in gen_ai.PARAMETERS} - PARAMETERS


@pytest.mark.parametrize("role", sorted(set[str]().union(*(words(message, "role") for message in MESSAGES))))
def test_role(role: str) -> None:
    """A message of any role is read as that role's."""
    assert Message(role, "hi") == read_message({"role": role, "content": "hi"})


def test_fields_of_messages() -> None:
    """Each field of a message, sent or received, is read, or left with a reason."""
    assert set() == (FIELDS | RECEIVED) - {"role", "content", *MORE, *NOT_READ}


@current
def test_fields_of_messages_of_the_sdk_alone() -> None:
    """Nothing is read but what the SDK knows, or what is known to be others'."""
    assert ({*MORE, *NOT_READ} - FIELDS - RECEIVED, NOT_READ.keys() - RECEIVED) == (OTHERS_FIELDS, set())


def test_parts() -> None:
    """Each type of content has a reader of its own."""
    assert set() == types(CONTENT) - PARTS.keys()


@current
def test_parts_of_the_sdk_alone() -> None:
    """No reader is for a type that the SDK does not have."""
    assert set() == PARTS.keys() - types(CONTENT)


@pytest.mark.parametrize("kind", sorted(types(CONTENT)))
def test_part_is_read(kind: str) -> None:
    """A part of each type is read into other fields than one whose type nobody knows."""
    raw = {"type": kind, kind: {"url": "u", "data": "d", "format": "f", "file_id": "i"}}
    if kind in {"text", "refusal"}:
        raw[kind] = "said"
    part = read_part(raw)

    assert (part.text, bool(part.url or part.id)) == (("said", False) if kind in {"text", "refusal"} else (None, True))


@pytest.mark.parametrize("kind", sorted(types(CALLS)))
def test_tool_call(kind: str) -> None:
    """A call of each type of tool has its name and what it was called with."""
    (call,) = [shape for shape in CALLS if kind in words(shape, "type")]
    called = dict.fromkeys(get_type_hints(get_type_hints(call)[kind]), "given") | {"name": "look"}

    message = read_message({"role": "assistant", "tool_calls": [{"id": "call_1", "type": kind, kind: called}]})

    assert message.tool_calls == [ToolCall("call_1", "look", "given")]


@pytest.mark.parametrize("kind", sorted(types(shapes(ASKED["tools"]))))
def test_tool(kind: str) -> None:
    """A tool of each type is told with its name, by OpenTelemetry's attribute too."""
    tool = {"type": kind, kind: {"name": "look"}}
    record = Record("", "", "")
    read_request(record, {"tools": [tool]}, None)
    told: dict[str, Any] = {}

    gen_ai.writer(capture=True).write(record, told)

    assert (record.tools, '"name":"look"' in told["gen_ai.tool.definitions"]) == ([tool], True)


def test_formats() -> None:
    """Each type of a response's format has OpenTelemetry's word for it."""
    assert set() == types(shapes(ASKED["response_format"])) - gen_ai.OUTPUT_TYPES.keys()


@current
def test_formats_of_the_sdk_alone() -> None:
    """No word is for a type that the SDK does not have."""
    assert set() == gen_ai.OUTPUT_TYPES.keys() - types(shapes(ASKED["response_format"]))
