"""The one switch: with content off, what was said is nowhere in what leaves the process, whatever happens to a call."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import openai
import pytest
from asks import CANCEL, CHAT, COMPACT, COMPLETIONS, COUNT, EMBEDDINGS, RESPONSES, RETRIEVE, Ask
from openinference.instrumentation import using_prompt_template

from asking import need
from flavours import Flavour, known
from spanglass.testing import (
    CapturedSpans,
    HangUp,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    embeddings,
    error,
    response,
    response_events,
    text_chunks,
    text_completion,
)

CANARY = "canary"
CONVENTIONS = ("openinference", "spanglass", "gen_ai")
PARTS = [
    {"type": "text", "text": CANARY},
    {"type": "image_url", "image_url": {"url": f"https://example.com/{CANARY}.png"}},
    {"type": "file", "file": {"filename": CANARY, "file_data": CANARY, "file_id": CANARY}},
    {"type": "scent", "scent": CANARY},
]
CALLS = [{"id": "call_1", "type": "function", "function": {"name": CANARY, "arguments": f'{{"a":"{CANARY}"}}'}}]
EXTRA: dict[str, Any] = {
    "extra_body": {"guided": {"grammar": CANARY}, CANARY: CANARY},
    "extra_headers": {"x-tenant": CANARY},
}
ASKED: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": CANARY},
        {"role": "user", "name": CANARY, "content": PARTS},
        {"role": "assistant", "content": None, "function_call": {"name": CANARY, "arguments": CANARY}},
        {"role": "assistant", "content": CANARY, "tool_calls": CALLS, "refusal": CANARY, "reasoning_content": CANARY},
        {"role": "tool", "tool_call_id": "call_1", "content": CANARY},
    ],
    "tools": [{"type": "function", "function": {"name": CANARY, "parameters": {"title": CANARY}}}],
    "tool_choice": {"type": "function", "function": {"name": CANARY}},
    "response_format": {"type": "json_schema", "json_schema": {"name": CANARY, "schema": {"title": CANARY}}},
    "stop": [CANARY],
    "user": CANARY,
    "metadata": {CANARY: CANARY},
    "logit_bias": {"1": 2},
    "temperature": 0.5,
    **EXTRA,
}
WRONG = error(CANARY, param=CANARY)
URL = f"https://example.com/{CANARY}.png"
SAID = {"type": "output_text", "text": CANARY, "annotations": [{"type": "url_citation", "url": URL, "title": CANARY}]}
# Items of the Responses API as they come; most may be sent back as they are.
MADE: list[dict[str, Any]] = [
    {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [SAID]},
    {"type": "message", "id": "msg_2", "role": "assistant", "content": [{"type": "refusal", "refusal": CANARY}]},
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": CANARY}],
        "content": [{"type": "reasoning_text", "text": CANARY}],
        "encrypted_content": CANARY,
    },
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": CANARY, "arguments": CANARY},
    {"type": "custom_tool_call", "id": "ct_1", "call_id": "call_2", "name": CANARY, "input": CANARY},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": CANARY}},
    {"type": "file_search_call", "id": "fs_1", "queries": [CANARY], "results": [{"text": CANARY, "filename": CANARY}]},
    {
        "type": "code_interpreter_call",
        "id": "ci_1",
        "container_id": "cntr_1",
        "code": CANARY,
        "outputs": [{"type": "logs", "logs": CANARY}],
    },
    {"type": "computer_call", "id": "cu_1", "call_id": "call_3", "action": {"type": "type", "text": CANARY}},
    {"type": "image_generation_call", "id": "ig_1", "result": CANARY, "revised_prompt": CANARY},
    {"type": "mcp_call", "id": "mcp_1", "server_label": CANARY, "name": CANARY, "arguments": CANARY, "output": CANARY},
    {
        "type": "mcp_list_tools",
        "id": "mcpl_1",
        "server_label": CANARY,
        "tools": [{"name": CANARY, "description": CANARY}],
    },
    {"type": "shell_call", "id": "sh_1", "call_id": "call_4", "action": {"commands": [CANARY]}},
    {"type": "scent", "id": "sc_1", "scent": CANARY},
]
ITEMS: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": CANARY},
            {"type": "input_image", "image_url": URL, "detail": "auto"},
            {"type": "input_file", "filename": CANARY, "file_data": CANARY, "file_url": URL},
            {"type": "scent", "scent": CANARY},
        ],
    },
    {"role": "developer", "content": CANARY},
    *MADE,
    {"type": "function_call_output", "call_id": "call_1", "output": CANARY},
    {"type": "custom_tool_call_output", "call_id": "call_2", "output": CANARY},
    {
        "type": "computer_call_output",
        "call_id": "call_3",
        "output": {"type": "computer_screenshot", "image_url": URL},
    },
    {"type": "shell_call_output", "call_id": "call_4", "output": [{"stdout": CANARY, "stderr": CANARY}]},
]
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": CANARY, "description": CANARY, "parameters": {"title": CANARY}, "strict": True},
    {"type": "web_search", "user_location": {"type": "approximate", "city": CANARY}},
    {
        "type": "mcp",
        "server_label": CANARY,
        "server_url": f"https://example.com/{CANARY}",
        "server_description": CANARY,
    },
    {"type": "custom", "name": CANARY, "description": CANARY},
]
SCHEMA = {"format": {"type": "json_schema", "name": CANARY, "schema": {"title": CANARY}}}
PROMPT = {"id": "pmpt_1", "variables": {"city": CANARY}}
# What a response repeats of its request.
ECHOED: dict[str, Any] = {
    "instructions": CANARY,
    "tools": TOOLS,
    "tool_choice": {"type": "function", "name": CANARY},
    "metadata": {CANARY: CANARY},
    "prompt": PROMPT,
    "text": SCHEMA,
    "user": CANARY,
    "safety_identifier": CANARY,
}
RESPONDED = response(MADE, **ECHOED)
VECTOR = 0.71875


class Talk(NamedTuple):
    """What is asked of an endpoint and what it answers, with the canary in each place that can hold content."""

    ask: Ask
    asked: Mapping[str, Any]
    answer: Mapping[str, Any]
    chunks: Sequence[Mapping[str, Any]] = ()


def chat_answer() -> dict[str, Any]:
    """Return an answer of a chat."""
    body = completion(CANARY, tool_calls=CALLS)
    body["choices"][0]["message"] |= {"refusal": CANARY, "reasoning_content": CANARY}
    return {**body, CANARY: CANARY}


CHATTING = Talk(CHAT, ASKED, chat_answer(), chunks([CANARY], tool_calls=CALLS))
TALKS: dict[str, Talk] = {
    talk.ask.name: talk
    for talk in (
        CHATTING,
        Talk(
            RESPONSES,
            {**ECHOED, "input": ITEMS, "temperature": 0.5, **EXTRA},
            RESPONDED,
            response_events(MADE, **ECHOED),
        ),
        Talk(
            COMPLETIONS,
            {"prompt": [CANARY, CANARY], "suffix": CANARY, "stop": [CANARY], "user": CANARY, **EXTRA},
            text_completion(CANARY, CANARY),
            text_chunks([CANARY]),
        ),
        Talk(EMBEDDINGS, {"input": [CANARY, CANARY], "user": CANARY, **EXTRA}, embeddings([[VECTOR], [VECTOR]])),
        Talk(COMPACT, {"input": ITEMS, "instructions": CANARY, **EXTRA}, {**COMPACT.reply, "output": MADE}),
        Talk(
            COUNT,
            {"input": ITEMS, "instructions": CANARY, "tools": TOOLS, "text": SCHEMA, **EXTRA},
            COUNT.reply,
        ),
        Talk(RETRIEVE, {"extra_query": {"q": CANARY}}, RESPONDED, response_events(MADE, **ECHOED)),
        Talk(CANCEL, {"extra_query": {"q": CANARY}}, RESPONDED),
    )
}


def plain(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call."""
    server.script(Reply(talk.answer))
    talk.ask.create(flavour, client, **talk.asked)


def retried(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused at first."""
    server.script(Reply(WRONG, status=503, headers={"retry-after-ms": "1"}), Reply(talk.answer))
    talk.ask.create(flavour, client, **talk.asked)


def failed(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused with what it had said."""
    server.script(Reply(WRONG, status=400))
    with suppress(openai.BadRequestError):
        talk.ask.create(flavour, client, **talk.asked)


def refused_text(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused with a text."""
    server.script(Reply(CANARY.encode(), status=422, headers={"content-type": "text/html"}))
    with suppress(openai.UnprocessableEntityError):
        talk.ask.create(flavour, client, **talk.asked)


def hung_up(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is not answered."""
    server.script(HangUp())
    with suppress(openai.APIConnectionError):
        talk.ask.create(flavour, client.with_options(max_retries=0), **talk.asked)


def mistaken(talk: Talk, flavour: Flavour, _: OpenAIServer, client: Any) -> None:
    """Make a call that the SDK refuses."""
    with suppress(TypeError):
        talk.ask.create(flavour, client, **talk.asked, **{CANARY: CANARY})


def odd(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call whose answer is none."""
    server.script(Reply(CANARY.encode(), headers={"content-type": "text/html"}))
    with suppress(AttributeError, ValueError):  # the SDK's own, as it reads the vectors of an answer that is none
        talk.ask.create(flavour, client, **talk.asked)


def raw(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Ask for the raw response."""
    server.script(Reply(talk.answer))
    method = need(client, f"{talk.ask.owner}.with_raw_response.{talk.ask.helper}")
    flavour.wait(method(**known(method, {**talk.ask.body, **talk.asked})))


def streamed(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call, and read its stream."""
    server.script(Stream(talk.chunks))
    flavour.take(talk.ask.open(flavour, client, **talk.asked))


def dropped(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call, and drop its stream."""
    server.script(Stream(talk.chunks))
    flavour.take(talk.ask.open(flavour, client, **talk.asked), len(talk.chunks) - 1)
    flavour.collect()


def broken(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call whose stream breaks."""
    server.script(Stream([*talk.chunks[:-1], WRONG]))
    with suppress(openai.APIError):
        flavour.take(talk.ask.open(flavour, client, **talk.asked))


def ended_badly(talk: Talk, flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make calls whose response tells of a failure in words of its own, at once and as a stream ends."""
    wrong: dict[str, Any] = {"status": "failed", "error": {"code": "server_error", "message": CANARY}}
    server.script(Reply(response([], **wrong)), Stream(response_events([], **wrong), done=False))
    RESPONSES.create(flavour, client)
    flavour.take(RESPONSES.open(flavour, client))
    assert talk.ask is RESPONSES


Act = Callable[[Talk, Flavour, OpenAIServer, Any], None]
ACTS: tuple[Act, ...] = (plain, retried, failed, refused_text, hung_up, mistaken, odd, raw)
STREAMS: tuple[Act, ...] = (streamed, dropped, broken)
# What can happen to a call of each endpoint.
ROWS: dict[str, tuple[Talk, Act]] = {
    f"{name}-{act.__name__}": (talk, act)
    for name, talk in TALKS.items()
    for act in (*ACTS, *(STREAMS if talk.chunks else ()), *((ended_badly,) if talk.ask is RESPONSES else ()))
}
each_row = pytest.mark.parametrize(("talk", "act"), ROWS.values(), ids=ROWS)


def everything(captured: CapturedSpans) -> str:
    """Return all that leaves of the spans."""
    return "\n".join(
        json.dumps([span.to_json(), [dict(event.attributes or {}) for event in span.events]]) for span in captured.spans
    )


@each_row
def test_nothing_said_is_told(
    talk: Talk, act: Act, flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable set, what was sent and received is in no attribute, event or status of any convention."""
    monkeypatch.setenv("SPANGLASS_CONTENT", "off")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "always")

    with (
        captured_spans(conventions=CONVENTIONS) as captured,
        using_prompt_template(template=CANARY, version=CANARY, variables={CANARY: CANARY}),
    ):
        act(talk, flavour, server, flavour.client(server))

    assert captured.spans != []
    assert [] == [canary for canary in (CANARY, str(VECTOR)) if canary in everything(captured)]


def test_query(flavour: Flavour, server: OpenAIServer) -> None:
    """What a caller adds to the URL may say anything, and is hidden too."""
    with captured_spans(content="off", attempt_spans="always") as captured:
        flavour.create(flavour.client(server), extra_query={"q": CANARY})

    assert CANARY in server.journal[0].path
    assert CANARY not in everything(captured)


@each_row
def test_the_canary_sings(
    talk: Talk, act: Act, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """The same calls tell what was said where nothing hides it."""
    act(talk, flavour, server, flavour.client(server))

    assert CANARY in everything(captured)


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
def test_caller_and_wire_are_as_ever(talk: Talk, flavour: Flavour, server: OpenAIServer) -> None:
    """Hiding content changes neither what is sent nor what the caller gets."""
    bodies: list[bytes] = []
    results: list[str] = []
    for content in ("on", "off"):
        with captured_spans(content=content):
            server.script(Reply(talk.answer))
            results.append(repr(talk.ask.create(flavour, flavour.client(server), **talk.asked)))
        bodies.append(server.journal[-1].body)

    assert bodies[0] == bodies[1]
    assert results[0] == results[1]


def test_numbers_remain(flavour: Flavour, server: OpenAIServer) -> None:
    """What is no content stays: the model, the numbers, the roles, the counts, ids, and how it went."""
    server.script(Reply(completion(CANARY)), Reply(WRONG, status=400, headers={"x-request-id": "req_1"}))
    client = flavour.client(server)
    with captured_spans(content="off", attempt_spans="off") as captured:
        flavour.create(client, n=1, temperature=0.5)
        with suppress(openai.BadRequestError):
            flavour.create(client)

    good, bad = (dict(span.attributes or {}) for span in captured.spans)
    shown: dict[str, Any] = {
        "llm.model_name": "gpt-4o-mini",
        "llm.invocation_parameters": '{"n":1,"temperature":0.5}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "__REDACTED__",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "__REDACTED__",
        "llm.finish_reason": "stop",
        "llm.token_count.total": 11,
        "input.value": "__REDACTED__",
        "input.mime_type": "text/plain",
        "output.value": "__REDACTED__",
        "output.mime_type": "text/plain",
    }
    assert {name: good.get(name) for name in shown} == shown
    assert (
        captured.spans[1].status.description,
        bad["spanglass.error.type"],
        bad["spanglass.response.request_id"],
    ) == (
        "BadRequestError: __REDACTED__",
        "invalid_request_error",
        "req_1",
    )
