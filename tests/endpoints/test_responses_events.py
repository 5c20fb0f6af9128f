"""The events of a response's stream add up to the response that the same answer would have been."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from asking import need
from spanglass.endpoints.events import PIECES, ResponseAccumulator
from spanglass.plain import encode
from spanglass.testing import response, response_events, said

Event = dict[str, Any]
LIKELY = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
CITED = {"type": "url_citation", "url": "https://h", "title": "t", "start_index": 0, "end_index": 2}
REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
    "content": [{"type": "reasoning_text", "text": "2+2"}],
    "encrypted_content": "e",
}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a":1}'}
CUSTOM = {"id": "ct_1", "type": "custom_tool_call", "call_id": "c2", "name": "run", "input": "print(1)"}
MCP = {"id": "mcp_1", "type": "mcp_call", "server_label": "s", "name": "look", "arguments": "{}"}
CODE = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "code": "1+1",
    "container_id": "x",
    "outputs": [{"type": "logs", "logs": "2"}],
}
REFUSED = {**said(""), "content": [{"type": "refusal", "refusal": "I would rather not."}]}
CITATIONS = [CITED, {**CITED, "title": "u"}]
CITING = {**said(""), "content": [{"type": "output_text", "text": "Hi", "annotations": CITATIONS, "logprobs": []}]}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}

OUTPUTS: dict[str, list[Any]] = {
    "text": [said("Hello")],
    "empty text": [said("")],
    "refusal": [REFUSED],
    "citations": [CITING],
    "reasoning, then text": [REASONING, said("4", 1)],
    "calls": [CALL, CUSTOM, {**CALL, "id": "fc_2", "call_id": "c3"}],
    "hosted": [SEARCH, MCP, CODE, said("2", 3)],
    "shell": [
        {"id": "sh_1", "type": "shell_call", "call_id": "c4", "action": {"commands": ["ls -l", "pwd"]}},
        {
            "id": "so_1",
            "type": "shell_call_output",
            "call_id": "c4",
            "output": [
                {"stdout": "total 0", "stderr": "none", "outcome": {"type": "exit", "exit_code": 0}},
                {"stdout": "/home", "stderr": "none", "outcome": {"type": "exit", "exit_code": 0}},
            ],
        },
    ],
    "unknown": [{"id": "x", "type": "scent", "of": "rain"}],
}


def settled(events: list[Any]) -> Mapping[str, Any]:
    """Return what these events settle into."""
    accumulator = ResponseAccumulator()
    for event in events:
        accumulator.take(event)
    return accumulator.settle()


def as_dicts(events: list[Event]) -> list[Any]:
    """Return the events as they are."""
    return events


def as_models(events: list[Event]) -> list[Any]:
    """Return the events as the SDK parses them."""
    union = need(openai, "types.responses.ResponseStreamEvent")
    from openai._models import construct_type  # noqa: PLC0415 - where the SDK has the class

    return [construct_type(value=deepcopy(event), type_=union) for event in events]


shapes = pytest.mark.parametrize("shape", [as_dicts, as_models])
Shape = Callable[[list[Event]], list[Any]]


@shapes
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_settled(output: list[Any], shape: Shape) -> None:
    """A stream that ended settles into the response that would have come at once."""
    assert settled(shape(response_events(output))) == response(output)


@shapes
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_without_its_end(output: list[Any], shape: Shape) -> None:
    """Items that were done stay, where the stream was left, or the response at its end has none of them."""
    events = response_events(output)
    head = {"id": "resp_test", "object": "response", "created_at": 1_700_000_000, "status": "in_progress"}
    more = {"model": "gpt-4o-mini", "parallel_tool_calls": True, "tool_choice": "auto"}
    ended = {**events[-1], "response": {**response(output), "output": []}}

    left = settled(shape(events[:-1]))

    assert left == {**head, **more, **({"output": output} if output else {})}
    assert settled(shape([*events[:-1], ended])) == response(output)


NOTED = {"annotations", "logprobs"}
TOLD = {
    "action", "arguments", "code", "commands", "content", "input", "output", "refusal", "stderr", "stdout", "summary",
    "text", "type",
}  # fmt: skip


def gathered(value: Any, names: set[str]) -> Any:
    """Return of items only what has one of these names, inside of them too."""
    if isinstance(value, list):
        return [gathered(one, names) for one in value]
    if isinstance(value, dict):
        return {key: gathered(value[key], names) for key in value if key in names}
    return value


def words(value: Any) -> int:
    """Return how many characters have been gathered."""
    if isinstance(value, list):
        return sum(map(words, value))
    if isinstance(value, dict):
        return sum(len(value[key]) if isinstance(value[key], str) else words(value[key]) for key in value)
    return 0


@shapes
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_pieces_alone(output: list[Any], shape: Shape) -> None:
    """The pieces of every kind of text add up to the text, whatever comes of the item's end."""
    events = [event for event in response_events(output)[:-1] if not event["type"].endswith(".done")]

    assert gathered(settled(shape(events))["output"], TOLD | NOTED) == gathered(output, TOLD | NOTED)


@shapes
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_from_the_middle(output: list[Any], shape: Shape) -> None:
    """Of a stream that begins after its items were added, the pieces that come are kept, with kinds and ids."""
    events = [event for event in response_events(output) if event["type"].endswith(".delta")]
    told = [one for one in output if one["type"] not in {"web_search_call", "scent"} and one != said("")]

    found = settled(shape(events)).get("output", [])

    assert gathered(found, TOLD) == gathered(told, TOLD)
    # A shell's command is of no item that its event names.
    ids = [None if one["type"] == "shell_call" else one["id"] for one in told]
    assert [one.get("id") for one in found] == ids


@shapes
def test_bearing(shape: Shape) -> None:
    """The events that carry a piece of what the model says are counted."""
    accumulator = ResponseAccumulator()
    output: list[Any] = [REASONING, CALL, said("Hello")]
    events = response_events(output)
    for event in shape(events):
        accumulator.take(event)

    assert accumulator.bearing == sum(event["type"] in PIECES and event["delta"] != "" for event in events)
    assert accumulator.bearing == 10


ENDS = {"completed": "completed", "incomplete": "incomplete", "failed": "error", "in_progress": None}


@shapes
@pytest.mark.parametrize(("status", "end"), ENDS.items(), ids=ENDS)
def test_end(status: str, end: str | None, shape: Shape) -> None:
    """The event that ends a stream decides its outcome; until then there is none."""
    accumulator = ResponseAccumulator()
    for event in shape(response_events(status=status)):
        accumulator.take(event)

    assert (accumulator.end, accumulator.settle()["status"]) == (end, status)


@shapes
def test_error(shape: Shape) -> None:
    """An error ends the stream as a response that failed, with what had arrived."""
    accumulator = ResponseAccumulator()
    error = {"type": "error", "code": "server_error", "message": "Oh no", "param": None, "sequence_number": 9}
    for event in shape([*response_events(["Hel"])[:5], error]):
        accumulator.take(event)
    found = accumulator.settle()

    assert accumulator.end == "error"
    assert {key: found[key] for key in ("id", "status", "error")} == {
        "id": "resp_test",
        "status": "failed",
        "error": {"code": "server_error", "message": "Oh no"},
    }
    assert found["output"][0]["content"][0]["text"] == "Hel"


def test_nested_error() -> None:
    """An error in an object of its own, as other servers word it, is one too."""
    assert settled([{"type": "error", "error": {"message": "Oh no", "code": 5}}]) == {
        "status": "failed",
        "error": {"code": 5, "message": "Oh no"},
    }


@shapes
def test_log_probabilities(shape: Shape) -> None:
    """Log probabilities that come with the pieces are those of the text."""
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    name = "response.output_text.delta"
    pieces = [{"type": name, **place, "delta": text, "logprobs": [{**LIKELY, "token": text}]} for text in ("a", "b")]

    (item,) = settled(shape(pieces))["output"]

    assert item["content"] == [
        {
            "type": "output_text",
            "text": "ab",
            "logprobs": [{**LIKELY, "token": "a"}, {**LIKELY, "token": "b"}],
        }
    ]


@shapes
@pytest.mark.parametrize("text", ["output_text", "refusal"])
def test_piece_after_the_whole(text: str, shape: Shape) -> None:
    """A piece that comes when its text was told to be done follows what was."""
    place = {"item_id": "m", "output_index": 0, "content_index": 0, "logprobs": []}
    field = "text" if text == "output_text" else text
    delta = {"type": f"response.{text}.delta", **place, "delta": "a"}
    done = {"type": f"response.{text}.done", **place, field: "whole"}

    (item,) = settled(shape([delta, delta, done, delta, delta]))["output"]

    assert item["content"] == [{"type": text, field: "wholeaa"}]


def test_transcript() -> None:
    """What the model speaks is kept as its words; the sound is not."""
    events = [
        {"type": "response.audio.delta", "delta": "UklG"},
        {"type": "response.audio.transcript.delta", "delta": "Hel"},
        {"type": "response.audio.transcript.delta", "delta": "lo"},
        {"type": "response.audio.transcript.done"},
    ]

    assert settled(events)["output"] == [
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hello"}]}
    ]


def test_order() -> None:
    """Items and parts stand by their places, in whatever order they come; pieces of several may be mixed."""
    name = "response.output_text.delta"
    places = [(1, 0), (0, 1), (1, 0), (0, 0), (0, 1), (1, 0)]
    events = [
        {"type": name, "item_id": f"m{item}", "output_index": item, "content_index": part, "delta": f"{number}"}
        for number, (item, part) in enumerate(places)
    ]

    found = settled(events)["output"]

    assert [[part["text"] for part in item["content"]] for item in found] == [["3", "14"], ["025"]]


def test_places_left_out() -> None:
    """Where a server tells no places, an item's id tells items apart."""
    name = "response.function_call_arguments.delta"
    events = [{"type": name, "item_id": item, "delta": delta} for item, delta in (("a", "1"), ("b", "2"), ("a", "3"))]

    assert [(item["id"], item["arguments"]) for item in settled(events)["output"]] == [("a", "13"), ("b", "2")]


def test_order_of_what_tells_no_place() -> None:
    """Items without a place come after those that have one, in the order in which they came."""
    name = "response.function_call_arguments.delta"
    places: list[Event] = [{}, {"output_index": 7}, {}, {"output_index": 1}]
    events = [
        {"type": name, "delta": "1", "item_id": item, **place} for item, place in zip("bcad", places, strict=True)
    ]

    assert [item["id"] for item in settled(events)["output"]] == ["d", "c", "b", "a"]


@shapes
def test_conversation_of_a_stream_that_was_left(shape: Shape) -> None:
    """The conversation that a response is in is known from its beginning."""
    begun = {**response_events()[0]["response"], "conversation": {"id": "c1"}}

    assert settled(shape([{"type": "response.created", "response": begun}]))["conversation"] == {"id": "c1"}


@shapes
def test_places_left_out_of_some(shape: Shape) -> None:
    """An event that tells no place is of the item that its id was told with, also between others that tell theirs."""
    name = "response.output_text.delta"
    added = [{"type": "response.output_item.added", "output_index": n, "item": said("", n)} for n in range(2)]
    pieces: list[Event] = [
        {"item_id": "msg_test_1", "delta": "a"},
        {"item_id": "msg_test_0", "output_index": 0, "delta": "b"},
        {"item_id": "msg_test_1", "delta": "c"},
        {"item_id": "msg_test_0", "output_index": 0, "delta": "d"},
    ]
    events = [{"type": name, "content_index": 0, "logprobs": [], **piece} for piece in pieces]

    found = settled(shape([*added, *events]))["output"]

    assert [(item["id"], item["content"][0]["text"]) for item in found] == [("msg_test_0", "bd"), ("msg_test_1", "ac")]


@shapes
def test_order_of_notes(shape: Shape) -> None:
    """Annotations stand by their places as well; one that tells none follows those before it."""
    name = "response.output_text.annotation.added"
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    told = [{"annotation_index": 1}, {"annotation_index": 0}, {}]
    noted = [{"type": name, **place, **where, "annotation": {**CITED, "title": f"{n}"}} for n, where in enumerate(told)]

    (item,) = settled(shape(noted))["output"]

    assert [note["title"] for note in item["content"][0]["annotations"]] == ["1", "0", "2"]


@shapes
def test_bearing_of_a_command(shape: Shape) -> None:
    """A piece of a command is one of what the model says, and one of what it wrote is none."""
    accumulator = ResponseAccumulator()
    events = response_events(OUTPUTS["shell"])
    for event in shape(events):
        accumulator.take(event)

    assert accumulator.bearing == sum(event["type"] == "response.shell_call_command.delta" for event in events) == 4


@shapes
def test_spelling(shape: Shape) -> None:
    """Fields that Python has other names for have those of the API."""
    asked = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    ended = {**response([{**CALL, "async": True}]), "text": {"format": asked}}

    assert settled(shape([{"type": "response.completed", "response": ended}])) == ended


@pytest.mark.parametrize("place", ["metadata", "item"])
def test_deep(place: str) -> None:
    """What is deeper than anybody can read ends in a mark, and takes nothing else with it."""
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    given = [{"id": "x", "type": "scent", "of": deep}] if place == "item" else ["Hello"]
    events = response_events(given)
    ended = {**events[-1]["response"], "metadata": {"deep": deep}}

    found = settled([*events[:-1], {**events[-1], "response": ended}])
    told = encode(found)

    assert (found["id"], found["status"], told.count("…")) == ("resp_test", "completed", 1 + (place == "item"))


@shapes
def test_common_event(shape: Shape) -> None:
    """The usual piece of a text is taken as any other is."""
    events = response_events([f"{number} " for number in range(50)])

    assert settled(shape(events[:-1]))["output"] == response([said("".join(f"{n} " for n in range(50)))])["output"]


def mutilate(value: Any) -> None:
    """Change everything in a value that can be."""
    held = value.__dict__ if isinstance(value, BaseModel) else value
    if isinstance(held, dict):
        for key in [*held]:
            mutilate(held[key])
            held[key] = "changed"
    elif isinstance(held, list):
        for one in held:
            mutilate(one)
        held.clear()


@shapes
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_changed_by_the_caller(output: list[Any], shape: Shape) -> None:
    """Nothing that the caller does with an event changes what it settles into."""
    accumulator = ResponseAccumulator()
    for event in shape([deepcopy(event) for event in response_events(output)]):
        accumulator.take(event)
        mutilate(event)

    assert accumulator.settle() == response(output)


def test_unknown_events() -> None:
    """Events that nobody knows change nothing."""
    strange: list[Any] = [{"type": "response.scent.delta", "delta": "rain", "output_index": 0}, {}, None, 3, "a", []]
    events = response_events()

    mixed = [one for event in events for one in (*strange, event)]

    assert settled(mixed) == response("Hello")


def test_every_prefix() -> None:
    """A stream may be left after any event: it settles, and nothing that has come is lost again."""
    output: list[Any] = [REASONING, said("Hello there"), CALL]
    events = response_events(output)

    lengths = [
        words(gathered(settled(events[:end]).get("output", []), TOLD - {"type"})) for end in range(len(events) + 1)
    ]

    assert all(before <= after for before, after in pairwise(lengths))
    assert lengths[-1] == words(gathered(output, TOLD - {"type"}))
