"""A call within another instrumentor's span of it, which has its tokens: they are counted in one of the two."""

from collections.abc import Mapping
from typing import Any

import pytest
from asks import ASKS, Ask, each
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext
from told import ANSWERED, COUNTED, call, told

from bench.measure import count
from flavours import Flavour
from spanglass.calls.enclosing import CURRENT, LLAMA_INDEX, counts
from spanglass.testing import CapturedSpans, OpenAIServer

LLM = {"openinference.span.kind": "LLM"}
AGENTS = "openinference.instrumentation.openai_agents"
LITELLM = "openinference.instrumentation.litellm"
# What real instrumentors' spans have at the moment when the SDK is called, and the kind that ours then has.
SPANS: dict[str, tuple[str, Mapping[str, str], str]] = {
    "the agents SDK's": (AGENTS, {**LLM, "llm.system": "openai"}, "CHAIN"),
    "the agents SDK's, of an agent": (AGENTS, {"openinference.span.kind": "AGENT", "llm.model_name": "m"}, "LLM"),
    "LiteLLM's, whose kind comes at its end": (LITELLM, {"llm.model_name": "m", "llm.provider": "openai"}, "CHAIN"),
    "LlamaIndex's, of a query": (LLAMA_INDEX, {}, "LLM"),
    "Pydantic AI's": ("pydantic-ai", {"gen_ai.operation.name": "chat"}, "CHAIN"),
    "Pydantic AI's, of an agent": ("pydantic-ai", {"gen_ai.operation.name": "invoke_agent"}, "LLM"),
    "Logfire's": ("logfire.openai", {"gen_ai.operation.name": "chat"}, "CHAIN"),
    "OpenLLMetry's": ("opentelemetry.instrumentation.openai.v1", {"gen_ai.operation.name": "chat"}, "CHAIN"),
    "an HTTP framework's": ("opentelemetry.instrumentation.fastapi", {"http.request.method": "POST"}, "LLM"),
    "the program's own": ("app.chat", {**LLM, "llm.model_name": "m", "gen_ai.operation.name": "chat"}, "LLM"),
    "ours": ("spanglass", LLM, "LLM"),
}


@pytest.mark.parametrize("within", SPANS)
def test_kind_within(within: str, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Within a span that counts its tokens a call is of the kind CHAIN, within any other LLM; all else is the same."""
    scope, attributes, kind = SPANS[within]

    with captured.provider.get_tracer(scope).start_as_current_span("outer", attributes=attributes) as outer:
        flavour.create(flavour.client(server))

    (span, _) = captured.spans
    assert told(span) == call(server, ANSWERED, COUNTED, {"openinference.span.kind": kind})
    assert span.parent == outer.get_span_context()


@each(ASKS)
def test_kind_of_each_endpoint_within(
    ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """So it is for a call of any endpoint: within a span that counts its tokens none counts them again."""
    server.script(ask.answer)
    with captured.provider.get_tracer(AGENTS).start_as_current_span("outer", attributes=LLM):
        ask.create(flavour, flavour.client(server))

    (span, _) = captured.spans
    assert told(span) == call(server, ask.answered, ask.counted, {"openinference.span.kind": "CHAIN"}, ask=ask)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("OpenAI.chat", "CHAIN"),
        ("OpenAI.acomplete", "CHAIN"),
        ("AzureOpenAI.achat", "CHAIN"),
        ("OpenAIResponses.complete", "CHAIN"),
        ("OpenAIResponses.structured_predict", "LLM"),
        ("OpenAIAgentWorker.run_step", "LLM"),
        ("SimpleChatEngine.chat", "LLM"),
    ],
)
def test_kind_within_llama_index(
    name: str, kind: str, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """LlamaIndex's spans say nothing until they end: of those named by a model's answer the tokens are counted."""
    with captured.provider.get_tracer(LLAMA_INDEX).start_as_current_span(name):
        flavour.create(flavour.client(server))

    assert told(captured.spans[0]) == call(server, ANSWERED, COUNTED, {"openinference.span.kind": kind})


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "from elsewhere"])
def test_span_that_counts_no_more(
    *, ended: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A span that has ended, or is another process's, gets no tokens: the call keeps its kind."""
    outer = captured.provider.get_tracer(AGENTS).start_span("outer", attributes=LLM)
    outer.end()
    elsewhere = NonRecordingSpan(
        SpanContext(0xA, 0xB, is_remote=True, trace_flags=outer.get_span_context().trace_flags)
    )
    with trace.use_span(outer if ended else elsewhere):
        flavour.create(flavour.client(server))

    assert told(captured.spans[-1]) == call(server, ANSWERED, COUNTED)


@pytest.mark.parametrize("scope", ["app.chat", "spanglass"])
def test_cost(scope: str, captured: CapturedSpans) -> None:
    """To ask a span that is the program's own or ours costs four calls; where there is none, nobody is asked."""
    asked: Any = captured.provider.get_tracer(scope).start_span("outer")

    assert CURRENT not in context.get_current()
    assert count(lambda: counts(asked)) <= 4
