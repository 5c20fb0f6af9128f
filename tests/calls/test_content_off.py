"""The one switch: with content off, what was said is nowhere in what leaves the process, whatever happens to a call."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import openai
import pytest
from openinference.instrumentation import using_prompt_template

from asking import plain as data
from flavours import ASK, Flavour, known
from spanglass.testing import (
    CapturedSpans,
    HangUp,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    error,
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
    "extra_body": {"guided": {"grammar": CANARY}, CANARY: CANARY},
    "extra_headers": {"x-tenant": CANARY},
}
WRONG = error(CANARY, param=CANARY)


def answer() -> dict[str, Any]:
    """Return an answer in which everything that can hold content does."""
    body = completion(CANARY, tool_calls=CALLS)
    body["choices"][0]["message"] |= {"refusal": CANARY, "reasoning_content": CANARY}
    return {**body, CANARY: CANARY}


def plain(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call."""
    server.script(Reply(answer()))
    flavour.create(client, **ASKED)


def retried(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused at first, and hung up on."""
    server.script(Reply(WRONG, status=503, headers={"retry-after-ms": "1"}), Reply(answer()))
    flavour.create(client, **ASKED)


def failed(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused with what it had said."""
    server.script(Reply(WRONG, status=400))
    with suppress(openai.BadRequestError):
        flavour.create(client, **ASKED)


def refused_text(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused with a text."""
    server.script(Reply(CANARY.encode(), status=422, headers={"content-type": "text/html"}))
    with suppress(openai.UnprocessableEntityError):
        flavour.create(client, **ASKED)


def hung_up(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is not answered."""
    server.script(HangUp())
    with suppress(openai.APIConnectionError):
        flavour.create(client.with_options(max_retries=0), **ASKED)


def mistaken(flavour: Flavour, _: OpenAIServer, client: Any) -> None:
    """Make a call that the SDK refuses."""
    given = {key: value for key, value in ASKED.items() if key != "messages"}
    with suppress(TypeError):
        flavour.wait(client.chat.completions.create(**known(client, given), **{CANARY: CANARY}))


def odd(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call whose answer is none."""
    server.script(Reply(CANARY.encode(), headers={"content-type": "text/html"}))
    flavour.create(client, **ASKED)


def streamed(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call, and read its stream."""
    server.script(Stream(chunks([CANARY], tool_calls=CALLS)))
    flavour.take(flavour.create(client, stream=True, **ASKED))


def dropped(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call, and drop its stream."""
    server.script(Stream(chunks([CANARY])))
    flavour.take(flavour.create(client, stream=True, **ASKED), 2)
    flavour.collect()


def broken(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call whose stream breaks."""
    server.script(Stream([*chunks([CANARY], finish_reason=None), WRONG]))
    with suppress(openai.APIError):
        flavour.take(flavour.create(client, stream=True, **ASKED))


def raw(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Ask for the raw response."""
    server.script(Reply(answer()))
    flavour.wait(client.chat.completions.with_raw_response.create(**known(client, {**ASK, **ASKED})))


Act = Callable[[Flavour, OpenAIServer, Any], None]
ACTS: tuple[Act, ...] = (
    plain, retried, failed, refused_text, hung_up, mistaken, odd, streamed, dropped, broken, raw,
)  # fmt: skip


def everything(captured: CapturedSpans) -> str:
    """Return all that leaves of the spans."""
    return "\n".join(
        json.dumps([span.to_json(), [dict(event.attributes or {}) for event in span.events]]) for span in captured.spans
    )


@pytest.mark.parametrize("act", ACTS)
def test_nothing_said_is_told(
    act: Act, flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable set, what was sent and received is in no attribute, event or status of any convention."""
    monkeypatch.setenv("SPANGLASS_CONTENT", "off")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "always")

    with (
        captured_spans(conventions=CONVENTIONS) as captured,
        using_prompt_template(template=CANARY, version=CANARY, variables={CANARY: CANARY}),
    ):
        act(flavour, server, flavour.client(server))

    assert captured.spans != []
    assert CANARY not in everything(captured)


def test_query(flavour: Flavour, server: OpenAIServer) -> None:
    """What a caller adds to the URL may say anything, and is hidden too."""
    with captured_spans(content="off", attempt_spans="always") as captured:
        flavour.create(flavour.client(server), extra_query={"q": CANARY})

    assert CANARY in server.journal[0].path
    assert CANARY not in everything(captured)


@pytest.mark.parametrize("act", ACTS)
def test_the_canary_sings(act: Act, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The same calls tell what was said where nothing hides it."""
    act(flavour, server, flavour.client(server))

    assert CANARY in everything(captured)


def test_caller_and_wire_are_as_ever(flavour: Flavour, server: OpenAIServer) -> None:
    """Hiding content changes neither what is sent nor what the caller gets."""
    bodies: list[bytes] = []
    for content in ("on", "off"):
        with captured_spans(content=content):
            server.script(Reply(answer()))
            result = flavour.create(flavour.client(server), **ASKED)
        bodies.append(server.journal[-1].body)

        assert data(result) == answer()

    assert bodies[0] == bodies[1]


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
