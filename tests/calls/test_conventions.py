"""The conventions, chosen and ordered: what the first one decides, and that those left out write nothing."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import openai
import openinference.semconv.trace as official
import pytest
from told import SECONDS, SENT, told

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, chunks, error

AGAIN = Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1", "x-request-id": "req_1"})
REFUSED = Reply(error("No", code="bad", param="p"), status=400, headers={"x-request-id": "req_2"})
# What OpenInference itself puts on every span, or takes from OpenTelemetry.
EVENTS = {"exception", "First Token Stream Event"}
EXCEPTION = {"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"}


class Said(NamedTuple):
    """A span by its name, status and attributes, and its events by theirs."""

    name: str
    status: str
    attributes: Mapping[str, Any]
    events: list[tuple[str, set[str]]]


def said(captured: CapturedSpans) -> list[Said]:
    """Return what the spans say."""
    return [
        Said(
            span.name,
            span.status.status_code.name,
            dict(span.attributes or {}),
            [(event.name, set(event.attributes or {})) for event in span.events],
        )
        for span in captured.spans
    ]


def calls(flavour: Flavour, server: OpenAIServer) -> None:
    """Make a call that is retried, one that fails, a stream, and one that is left."""
    client = flavour.client(server)
    server.script(AGAIN)
    flavour.create(client, temperature=0.5)
    server.script(REFUSED)
    with suppress(openai.BadRequestError):
        flavour.create(client)
    flavour.take(flavour.create(client, stream=True))
    flavour.take(flavour.create(client, stream=True), 2, entered=True)


def prefixes() -> tuple[str, ...]:
    """Return the beginnings of all names that the official package has."""
    holders = [value for name, value in vars(official).items() if name.endswith("Attributes")]
    names = [value for holder in holders for name, value in vars(holder).items() if name.isupper()]
    return tuple({name.partition(".")[0] + "." for name in names})


def test_pure_openinference(flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenInference alone, without spans for attempts, is one span a call with its names and its events only."""
    monkeypatch.setenv("SPANGLASS_CONVENTIONS", "openinference")
    monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "off")
    with captured_spans() as captured:
        calls(flavour, server)

    spans = said(captured)
    first_token = ("First Token Stream Event", set[str]())
    assert [(span.name, span.status, span.events) for span in spans] == [
        ("ChatCompletion", "OK", []),
        ("ChatCompletion", "ERROR", [("exception", EXCEPTION)]),
        ("ChatCompletion", "OK", [first_token]),
        ("ChatCompletion", "UNSET", [first_token]),
    ]
    others = ("openinference.", "llm.", "input.", "output.")
    assert [name for span in spans for name in span.attributes if not name.startswith(others)] == []
    assert set(others) <= set(prefixes())


def test_pure_openinference_call(flavour: Flavour, server: OpenAIServer) -> None:
    """All that a call says in OpenInference's words alone."""
    with captured_spans(conventions="openinference", attempt_spans="off") as captured:
        flavour.create(flavour.client(server))

    (span,) = (told(span) for span in captured.spans)
    assert span.attributes == {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-4o-mini",
        "llm.request.model_name": "gpt-4o-mini",
        "llm.response.model_name": "gpt-4o-mini",
        "llm.invocation_parameters": '{"model":"gpt-4o-mini"}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "hi",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Hello",
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 9,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 11,
        "input.value": SENT,
        "input.mime_type": "application/json",
        "output.mime_type": "application/json",
    }


def test_gen_ai_first(flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gen_ai is first it names the span, and one that succeeded keeps the status unset."""
    monkeypatch.setenv("SPANGLASS_CONVENTIONS", "gen_ai,openinference,spanglass")
    with captured_spans() as captured:
        calls(flavour, server)

    assert [(span.name, span.status) for span in said(captured) if span.name != "attempt"] == [
        ("chat gpt-4o-mini", "UNSET"),
        ("chat gpt-4o-mini", "ERROR"),
        ("chat gpt-4o-mini", "UNSET"),
        ("chat gpt-4o-mini", "UNSET"),
    ]


@pytest.mark.parametrize("capture", [False, True])
def test_gen_ai_alone(
    *, capture: bool, flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a stream says in gen_ai's words alone; its content only where the convention's variable says so."""
    variable = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    monkeypatch.delenv(variable, raising=False)
    if capture:
        monkeypatch.setenv(variable, "SPAN_ONLY")
    server.script(Stream(chunks(usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})))

    with captured_spans(conventions="gen_ai") as captured:
        flavour.take(flavour.create(flavour.client(server), stream=True, temperature=1))

    (span,) = (told(span) for span in captured.spans)
    first = span.attributes.pop("gen_ai.response.time_to_first_chunk")
    content = {
        name: json.loads(span.attributes.pop(name))
        for name in ("gen_ai.input.messages", "gen_ai.output.messages")
        if name in span.attributes
    }
    assert (isinstance(first, float), first > 0) == (True, True)
    assert span._replace(events=()) == (
        "chat gpt-4o-mini",
        "CLIENT",
        "UNSET",
        None,
        (),
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.stream": True,
            "gen_ai.response.id": "chatcmpl-test",
            "gen_ai.response.model": "gpt-4o-mini",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 2,
            "openai.api.type": "chat_completions",
            "server.address": "127.0.0.1",
            "server.port": server.port,
        },
    )
    said_text: dict[str, Any] = {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}],
    }
    assert content == (said_text if capture else {})


def test_spanglass_alone(flavour: Flavour, server: OpenAIServer) -> None:
    """Our own names alone say how a call went, and nothing of what was said."""
    with captured_spans(conventions=["spanglass"]) as captured:
        flavour.create(flavour.client(server))

    assert [told(span) for span in captured.spans] == [
        (
            "ChatCompletion",
            "CLIENT",
            "OK",
            None,
            (),
            {
                "server.address": "127.0.0.1",
                "server.port": server.port,
                "spanglass.sdk.helper": "create",
                "spanglass.response.id": "chatcmpl-test",
                "spanglass.attempt.count": 1,
                **{f"spanglass.time.{name}": SECONDS for name in ("attempts", "backoff", "body", "rest")},
            },
        )
    ]
