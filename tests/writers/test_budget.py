"""A span takes what its limits allow, and what matters most is on it."""

import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, captured_spans

COMMON = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o-mini",
    "llm.finish_reason": "stop",
    "llm.output_messages.0.message.content": "Hello",
    "llm.token_count.total": 11,
}


def conversation(count: int) -> list[dict[str, str]]:
    """Return a conversation of so many messages."""
    said = [{"role": ("user", "assistant")[number % 2], "content": f"message {number}"} for number in range(count - 1)]
    return [{"role": "system", "content": "the system"}, *said]


def shown(attributes: Any) -> list[str]:
    """Return the contents of the input messages that a span shows, in order."""
    found: list[str] = []
    while (key := f"llm.input_messages.{len(found)}.message.content") in attributes:
        found.append(attributes[key])
    return found


@pytest.mark.parametrize(("count", "whole"), [(10, True), (40, True), (100, False), (1000, False)])
def test_conversation(
    count: int,
    whole: bool,  # noqa: FBT001 - the row
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A long conversation folds its middle under a placeholder that counts it, and nothing else is lost or logged."""
    messages = conversation(count)
    flavour.create(flavour.client(server), messages=messages)

    (span,) = captured.spans
    attributes: Any = span.attributes
    contents = [message["content"] for message in messages]
    told = shown(attributes)
    folded = count - len(told) + 1
    placeholder = f"{folded} messages are folded here, to keep within the span's limit; input.value has them."
    assert told == (contents if whole else [contents[0], placeholder, *contents[folded + 1 :]])
    assert attributes["input.value"].encode() == server.journal[0].body
    assert {name: attributes.get(name) for name in COMMON} == COMMON
    assert len(attributes) in (range(128) if whole else range(126, 129))
    assert caplog.records == []


@pytest.mark.parametrize("limit", [1, 12, 24, 32, 64])
def test_lower_limit(limit: int, flavour: Flavour, server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    """Under a lower limit of the program's, no attribute is dropped by the SDK, which would log each."""
    caplog.set_level(logging.WARNING)
    exporter = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=limit)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tool = {"type": "function", "function": {"name": "look"}}
    with captured_spans() as captured:
        from spanglass.calls import tracing  # noqa: PLC0415 - as it is when the test runs

        assert tracing.current is not None
        tracing.current.tracer = provider.get_tracer("limited")
        flavour.create(flavour.client(server), messages=conversation(30), tools=[tool] * 20)

    (span,) = exporter.get_finished_spans()
    attributes: Any = span.attributes
    assert captured.spans == []
    assert limit - 4 < len(attributes) <= limit
    assert limit == 1 or attributes["openinference.span.kind"] == "LLM"
    assert [] == [record for record in caplog.records if limit > 6]  # so many are given at the start
