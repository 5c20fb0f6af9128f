"""The readers of the Responses API as pure functions: whole records against literals."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import openai
import pytest
from openai._models import construct_type

from asking import need
from spanglass.endpoints import responses
from spanglass.endpoints.events import ResponseAccumulator
from spanglass.endpoints.items import CALLS, ITEMS, read_item
from spanglass.endpoints.usage import read_usage
from spanglass.record import Failure, Message, Part, Record, ToolCall, Usage
from spanglass.testing import response, response_events, said

FUNCTION = {"type": "function", "name": "add", "parameters": {"type": "object"}}
SENT = {"input_value": "sent", "input_mime": "application/json", "echoes": True}


def record(**more: Any) -> Record:
    """Return the record of a response."""
    return Record("Response", "LLM", "chat", **more)


def asked(body: Mapping[str, Any], sent: str | None = "sent") -> Record:
    """Return what is read of a body."""
    read = record()
    responses.read_request(read, body, sent)
    return read


def came(given: Any, received: str | None = "{...}", **more: Any) -> Record:
    """Return what is read of a response to a call that has succeeded so far."""
    read = record(succeeded=True, **more)
    responses.read_response(read, given, received)
    return read


class Text(str):
    """A text of a class of its own, as numpy and templates have one."""

    __slots__ = ()


REQUESTS: dict[str, tuple[dict[str, Any], Record]] = {
    "text": (
        {"model": "m", "input": "Hi", "temperature": 0.5, "prompt": {"id": "p1", "version": "2"}},
        record(
            **SENT,
            input_messages=[Message("user", "Hi")],
            parameters={"model": "m", "temperature": 0.5, "prompt": {"id": "p1", "version": "2"}},
        ),
    ),
    "text of another class": ({"input": Text("Hi")}, record(**SENT, input_messages=[Message("user", "Hi")])),
    "items": (
        {"instructions": "Be brief.", "input": [{"role": "user", "content": "Hi"}, {"type": "scent", "of": "rain"}]},
        record(
            **SENT,
            instructed=True,
            input_messages=[
                Message("system", "Be brief."),
                Message("user", "Hi"),
                Message(parts=[Part("scent", '{"type":"scent","of":"rain"}')]),
            ],
        ),
    ),
    "instructions that are items": (
        {"instructions": [{"role": "developer", "content": "Be brief."}], "input": "Hi"},
        record(**SENT, input_messages=[Message("developer", "Be brief."), Message("user", "Hi")]),
    ),
    "instructions of another type": (
        {"instructions": {"a": 1}, "input": None},
        record(**SENT, instructed=True, input_messages=[Message("system", '{"a":1}')]),
    ),
    "nothing": ({"instructions": None, "input": []}, record(**SENT)),
    "continued": (
        {"previous_response_id": "r1", "conversation": "c1", "tools": [FUNCTION], "background": True, "input": "Hi"},
        record(
            **SENT,
            previous_response="r1",
            conversation="c1",
            background=True,
            tools=[FUNCTION],
            parameters={"previous_response_id": "r1", "conversation": "c1", "background": True},
            input_messages=[Message("user", "Hi")],
        ),
    ),
    "conversation as an object": (
        {"conversation": {"id": "c1"}},
        record(**SENT, conversation="c1", parameters={"conversation": {"id": "c1"}}),
    ),
    "query": (
        {"response_id": "r1", "include": ["a"], "starting_after": 3},
        record(**SENT, parameters={"response_id": "r1", "include": ["a"], "starting_after": 3}),
    ),
}


@pytest.mark.parametrize(("body", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_request(body: dict[str, Any], expected: Record) -> None:
    """Input, instructions and tools are read into their fields, and all others are parameters."""
    assert asked(body) == expected


def test_request_that_was_not_sent() -> None:
    """Where nothing was sent, the input is the body as JSON."""
    assert asked({"input": "é"}, None) == record(
        input_value='{"input":"é"}',
        input_mime="application/json",
        echoes=True,
        input_messages=[Message("user", "é")],
    )


@pytest.mark.parametrize("more", [{"stream": True}, {"background": True}])
def test_tools_that_may_change(more: dict[str, Any]) -> None:
    """The tools of a call that goes on after it has returned are as they were when it began."""
    tool: dict[str, Any] = {**FUNCTION, "parameters": {"type": "object"}}
    read = asked({"tools": [tool], **more})

    tool["parameters"]["type"] = "changed"

    assert read.tools == [FUNCTION]


CALL = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
READ = {
    "succeeded": True,
    "response_id": "resp_test",
    "response_model": "gpt-4o-mini",
    "status": "completed",
    "finish_reason": "completed",
    "usage": Usage(9, 2, 11, cache_read=0, cache_write=0, reasoning=0),
}
TOLD = {"output_value": "{...}", "output_mime": "application/json"}


def as_dict(body: dict[str, Any]) -> Any:
    """Return the body as it is."""
    return body


def as_model(body: dict[str, Any]) -> Any:
    """Return the body as the SDK parses it."""
    return construct_type(value=body, type_=need(openai, "types.responses.Response"))


shapes = pytest.mark.parametrize("shape", [as_dict, as_model])
Shape = Callable[[dict[str, Any]], Any]


@shapes
def test_response(shape: Shape) -> None:
    """A response reads the same as the SDK's model and as a dict, and its text is the one that was received."""
    given = response([said("Hi"), CALL], service_tier="flex", previous_response_id="r0", conversation={"id": "c1"})

    assert came(shape(given)) == record(
        **READ,
        **TOLD,
        service_tier="flex",
        previous_response="r0",
        conversation="c1",
        output_messages=[Message("assistant", "Hi"), Message("assistant", tool_calls=[ToolCall("c1", "add", "{}")])],
    )


# Of each status, and what it says of why: whether the call has succeeded, the finish reason, and the failure.
STATUSES: dict[str, tuple[dict[str, Any], tuple[bool, str | None, Failure | None]]] = {
    "completed": ({"status": "completed"}, (True, "completed", None)),
    "queued": ({"status": "queued"}, (True, None, None)),
    "in progress": ({"status": "in_progress"}, (True, None, None)),
    "cancelled": ({"status": "cancelled"}, (False, "cancelled", None)),
    "incomplete": (
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
        (False, "max_output_tokens", None),
    ),
    "incomplete for no reason": ({"status": "incomplete"}, (False, "incomplete", None)),
    "failed": (
        {"status": "failed", "error": {"code": "server_error", "message": "Oh no", "param": "input", "type": "x"}},
        (
            False,
            "failed",
            Failure("server_error", "Oh no", code="server_error", param="input", api_type="x", raised=False),
        ),
    ),
    "failed for no reason": (
        {"status": "failed", "error": None},
        (False, "failed", Failure("failed", "", code="failed", raised=False)),
    ),
    "unknown": ({"status": "sleeping"}, (False, None, None)),
    "none": ({"status": None}, (True, None, None)),
}


@shapes
@pytest.mark.parametrize(("more", "expected"), STATUSES.values(), ids=STATUSES)
def test_status(more: dict[str, Any], expected: tuple[Any, ...], shape: Shape) -> None:
    """The status decides whether the call has succeeded, and one that ended tells why."""
    read = came(shape({**response(), **more}))

    assert (read.succeeded, read.finish_reason, read.failure) == expected


def test_failed_with_an_exception() -> None:
    """The exception that left a call is its failure, whatever a response says of another one."""
    raised = Failure("openai.APIError", "Gone")

    assert came(response(status="failed"), failure=raised).failure is raised


def test_cancelled_on_purpose() -> None:
    """Cancelling a response succeeds where it is cancelled; retrieving one that has failed shows the failure."""
    cancelled, fetched = record(succeeded=True), record(succeeded=True)

    responses.CANCEL.read_response(cancelled, response(status="cancelled"), None)
    responses.RETRIEVE.read_response(fetched, response(status="failed"), None)

    assert [(read.succeeded, read.failure is None) for read in (cancelled, fetched)] == [(True, True), (False, False)]


def test_compacted() -> None:
    """A compacted conversation has the items that stand for it, and no status."""
    given = {
        "id": "cmp_1",
        "object": "response.compaction",
        "output": [{"type": "compaction", "id": "i1", "encrypted_content": "e"}],
        "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
    }

    assert came(given) == record(
        **TOLD,
        succeeded=True,
        response_id="cmp_1",
        usage=Usage(9, 2, 11),
        output_messages=[Message("assistant", parts=[Part("compaction", id="i1", encrypted="e")])],
    )


@pytest.mark.parametrize(("counted", "usage"), [(9, Usage(prompt=9, counted=False)), ("9", None), (None, None)])
def test_count(counted: Any, usage: Usage | None) -> None:
    """The tokens of an input are counted, and nobody pays for them."""
    read = record()

    responses.read_count(read, {"object": "response.input_tokens", "input_tokens": counted}, "{...}")

    assert read == record(**TOLD, usage=usage)


@pytest.mark.parametrize(
    ("given", "received", "value", "mime"),
    [
        ("<html>", "<html>", "<html>", "text/plain"),
        ([1], "[1]", "[1]", "application/json"),
        (None, "null", "null", "application/json"),
        ({"id": ""}, None, '{"id":""}', "application/json"),
    ],
)
def test_other_responses(given: Any, received: str | None, value: str, mime: str) -> None:
    """What is no response leaves its text, with its own type; of one that was streamed it is the settled JSON."""
    assert came(given, received) == record(succeeded=True, output_value=value, output_mime=mime)


def test_parsed() -> None:
    """What the SDK has parsed for the program reads as what was received."""
    kind = need(openai, "types.responses.ParsedResponse")
    text = {**said('{"a":1}')["content"][0], "parsed": object()}
    given = response([{**said(""), "content": [text]}, {**CALL, "parsed_arguments": object()}])
    parsed = construct_type(value=given, type_=kind)

    assert came(parsed) == record(
        **READ,
        **TOLD,
        output_messages=[
            Message("assistant", '{"a":1}'),
            Message("assistant", tool_calls=[ToolCall("c1", "add", "{}")]),
        ],
    )


USAGES: dict[str, tuple[dict[str, Any], dict[str, Any], Usage | None]] = {
    "detailed": (
        {
            "input_tokens": 9,
            "output_tokens": 2,
            "total_tokens": 11,
            "input_tokens_details": {
                "cached_tokens": 4,
                "cache_write_tokens": 3,
                "cache_write_tokens_details": {"ttl_30m_tokens": 1, "ttl_12h_tokens": 2},
            },
            "output_tokens_details": {"reasoning_tokens": 1},
        },
        {
            "web_search": {"num_requests": 3},
            "image_gen": {"input_tokens": 5, "output_tokens": 0, "input_tokens_details": {"text_tokens": 5}},
        },
        Usage(
            9,
            2,
            11,
            cache_read=4,
            cache_write=3,
            reasoning=1,
            details={
                "prompt.cache_write_tokens_details.ttl_30m_tokens": 1,
                "prompt.cache_write_tokens_details.ttl_12h_tokens": 2,
                "tool_usage.web_search.num_requests": 3,
                "tool_usage.image_gen.input_tokens": 5,
                "tool_usage.image_gen.input_tokens_details.text_tokens": 5,
            },
        ),
    ),
    "no tool was used": ({"input_tokens": 9}, {"web_search": {"num_requests": 0}}, Usage(9)),
    "too deep": ({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, {}, None),
    "no counts": ({"a": "1", "b": [1], "c": None, "d": 1.5, "e": True, "f": {}}, {"g": None}, None),
}


@pytest.mark.parametrize(("raw", "tools", "expected"), USAGES.values(), ids=USAGES)
def test_usage(raw: dict[str, Any], tools: dict[str, Any], expected: Usage | None) -> None:
    """Counts without a field of their own are kept by dotted name, those of tools among them."""
    assert read_usage(raw, tools) == expected


@shapes
def test_tool_usage(shape: Shape) -> None:
    """What a response says of its tools' usage is with its own."""
    given = response(usage=None, tool_usage={"web_search": {"num_requests": 3}, "image_gen": None})

    assert came(shape(given)).usage == Usage(details={"tool_usage.web_search.num_requests": 3})


KEY = "correct-horse"  # by no form of its own a secret
SECRET_TOOLS = [
    {
        "type": "mcp",
        "server_label": "s",
        "server_url": f"https://u:{KEY}@h",
        "authorization": KEY,
        "headers": {"a": KEY},
    },
    {"type": "code_interpreter", "container": {"network_policy": {"domain_secrets": [{"name": "a", "value": KEY}]}}},
    {"type": "shell", "environment": {"network_policy": {"domain_secrets": [{"name": "a", "value": KEY}]}}},
    {"type": "image_generation", "input_image_mask": {"image_url": f"https://h/?token={KEY}"}},
    {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f", "headers": {"a": KEY}}]},
]
SECRET_ITEMS: list[Any] = [
    {"role": "user", "content": [{"type": "input_image", "image_url": f"https://h/?sig={KEY}"}]},
    {"role": "user", "content": [{"type": "input_file", "file_url": f"https://u:{KEY}@h/a"}]},
    {"type": "additional_tools", "role": "developer", "tools": SECRET_TOOLS},
    {"type": "local_shell_call", "call_id": "c1", "action": {"command": ["ls"], "env": {"A": KEY}}},
    {
        "type": "computer_call_output",
        "call_id": "c1",
        "output": {"type": "computer_screenshot", "image_url": f"https://h/?token={KEY}"},
    },
    {
        "type": "function_call_output",
        "call_id": "c1",
        "output": [{"type": "input_image", "image_url": f"https://u:{KEY}@h"}],
    },
    {"type": "code_interpreter_call", "id": "c1", "outputs": [{"type": "image", "url": f"https://h/?sig={KEY}"}]},
    {"type": "web_search_call", "id": "w1", "action": {"type": "open_page", "url": f"https://u:{KEY}@h/a"}},
    {
        "type": "web_search_call",
        "id": "w2",
        "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": f"https://h/?token={KEY}"}]},
    },
]
SECRET_CHOICE = {"type": "allowed_tools", "mode": "auto", "tools": SECRET_TOOLS}
SECRET_PROMPT = {"id": "p1", "variables": {"a": "b", "c": {"type": "input_image", "image_url": f"https://u:{KEY}@h"}}}


@pytest.mark.parametrize("sent", [None, KEY])
def test_credentials_of_a_request(sent: str | None) -> None:
    """No credential of a tool, an item or a template's variables is anywhere in the record; the body is untouched."""
    body = {
        "input": SECRET_ITEMS,
        "instructions": SECRET_ITEMS,
        "tools": SECRET_TOOLS,
        "tool_choice": SECRET_CHOICE,
        "prompt": SECRET_PROMPT,
        "mcp_servers": [{"url": f"https://u:{KEY}@h", "authorization_token": KEY}],  # another provider's
        "stream": True,
    }
    before = repr(body)

    read = asked(body, sent)

    assert (KEY in repr(read), repr(body) == before) == (False, True)
    assert [len(held or ()) for held in (read.input_messages, read.tools)] == [18, 5]


@shapes
@pytest.mark.parametrize("received", [True, False])
def test_credentials_of_a_response(shape: Shape, *, received: bool) -> None:
    """A response repeats its request: no credential that it repeats is anywhere in the record."""
    given = response(
        [said("Hi"), *SECRET_ITEMS[2:]],
        instructions=SECRET_ITEMS,
        tools=SECRET_TOOLS,
        tool_choice=SECRET_CHOICE,
        prompt=SECRET_PROMPT,
        status="failed",
        error={"code": "server_error", "message": f"Incorrect API key provided: {KEY}"},
    )
    read = came(shape(given), json.dumps(given) if received else None)

    said_first = json.loads(read.output_value or "")["output"][0]
    assert KEY not in repr(read.output_value)
    assert KEY not in repr(read.output_messages)
    assert said_first["content"][0]["text"] == "Hi"
    assert not received or (said_first, json.loads(read.output_value or "").keys()) == (said("Hi"), given.keys())


def test_credentials_in_a_stream() -> None:
    """Nor is one that a stream's events repeat."""
    accumulator = ResponseAccumulator()
    for event in response_events(["Hi"], tools=SECRET_TOOLS, instructions=SECRET_ITEMS):
        accumulator.take(event)

    assert KEY not in repr(came(accumulator.settle(), None))


def test_what_is_named_as_a_secret() -> None:
    """What a tool has said is recorded as it said it, and a schema's property is no secret, whatever its name."""
    said_by_tools = [
        {"type": "function_call_output", "call_id": "c1", "output": f'{{"token":"{KEY}"}}'},
        {"type": "mcp_list_tools", "tools": [{"name": "log_in", "input_schema": {"properties": {"password": {}}}}]},
    ]
    log_in = {"type": "function", "name": "log_in", "parameters": {"properties": {"password": {"type": "string"}}}}
    tools = [
        {"type": "file_search", "filters": {"type": "eq", "key": "author", "value": "me"}},
        {"type": "namespace", "name": "n", "tools": [log_in]},
        log_in,
    ]
    body = {"input": said_by_tools, "tools": tools}

    read = asked(body)

    assert (read.input_value, read.tools) == ("sent", tools)


# What is no more than JSON, at each field of everything that is read.

ATOMS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "text",
    "message",
    "input_text",
    "http://u:p@h",
    "\0",
    [],
    {},
)
NAMES = (
    "type", "role", "content", "text", "id", "call_id", "name", "arguments", "output", "outputs", "summary", "action",
    "sources", "env", "environment", "error", "result", "tools", "image_url", "file_url", "input_audio", "agent",
    "encrypted_content", "queries", "input_schema", "container", "variables", "message", "code", "reason", "status",
    "usage", "input_tokens_details", "model", "tool_usage", "conversation", "incomplete_details", "response", "item",
    "part", "delta", "output_index", "content_index", "summary_index", "logprobs", "annotation", "item_id",
)  # fmt: skip


def anything(chance: random.Random, depth: int) -> Any:
    """Return a value that JSON has, so deep at most."""
    kind = chance.random()
    if depth == 0 or kind < 0.4:
        return chance.choice(ATOMS)
    if kind < 0.6:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(3))]
    held = {chance.choice(NAMES): anything(chance, depth - 1) for _ in range(chance.randrange(5))}
    return held if chance.random() < 0.5 else {"type": chance.choice(sorted(KINDS)), **held}


KINDS = {*ITEMS, "message", "mcp", "code_interpreter", "shell", "namespace", "image_generation", "input_image"}


@pytest.mark.parametrize("seed", range(40))
def test_any_request(seed: int) -> None:
    """Whatever is asked is read without an error."""
    chance = random.Random(seed)  # noqa: S311 - the same values each time
    for name in (*responses.READ, "prompt", "conversation", "previous_response_id", "background", "stream", "metadata"):
        body = {"input": "Hi", name: anything(chance, 5)}
        listed = {"input": [{"type": kind, **_held(chance)} for kind in KINDS], "tools": [anything(chance, 4)]}

        assert json.loads(asked(body, None).input_value or "") is not None
        assert len(asked(listed, None).input_messages or ()) == len(KINDS)


def _held(chance: random.Random) -> dict[str, Any]:
    return {chance.choice(NAMES[1:]): anything(chance, 3) for _ in range(6)}


@pytest.mark.parametrize("seed", range(40))
def test_any_response(seed: int) -> None:
    """Whatever comes is read without an error."""
    chance = random.Random(seed)  # noqa: S311 - the same values each time
    for name in (*response(), "tool_usage", "conversation", "service_tier", "prompt"):
        assert came({**response(), name: anything(chance, 5)}, None).output_value
    listed = response([{"type": kind, **_held(chance)} for kind in KINDS])

    assert len(came(listed).output_messages or ()) == len(KINDS)


@pytest.mark.parametrize("seed", range(40))
def test_any_event(seed: int) -> None:
    """Whatever events come, they settle, and are read without an error."""
    chance = random.Random(seed)  # noqa: S311 - the same values each time
    output: list[Any] = [said("Hi"), CALL, {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}]
    events = response_events(output)
    for event in events:
        for name in event:
            accumulator = ResponseAccumulator()
            for one in events:
                accumulator.take({**one, name: anything(chance, 4)} if one is event else one)
            assert came(accumulator.settle(), None).output_value


def test_calls_by_whom() -> None:
    """A call is said to be the provider's own where it is, whatever else the item lacks."""
    told = {kind: read_item({"type": kind}).tool_calls or [ToolCall()] for kind in CALLS}

    assert {kind for kind in told if told[kind][0].hosted is None} == {
        "function_call", "custom_tool_call", "computer_call", "local_shell_call", "apply_patch_call", "shell_call",
    }  # fmt: skip
