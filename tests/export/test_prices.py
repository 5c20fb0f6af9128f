"""What a call cost: prices of genai-prices for what the provider told, and None wherever anything would be a guess."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from bench import api
from spanglass.export.prices import cost
from spanglass.testing import CapturedSpans

SPRING: Final = datetime(2026, 4, 1, tzinfo=timezone.utc)
AUTUMN: Final = datetime(2026, 11, 1, tzinfo=timezone.utc)
TOLD: Final = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "server.address": "api.openai.com",
    "llm.response.model_name": "gpt-4o-mini-2024-07-18",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100,
    "llm.token_count.total": 1100,
}
TIER: Final = "spanglass.response.service_tier"
SENT: Final = "llm.input_messages.1.message.tool_calls.0.tool_call.function.name"
MADE: Final = "llm.output_messages.1.message.tool_calls.0.tool_call.function.name"
STATUS: Final = "spanglass.response.status"
CACHED: Final = "llm.token_count.prompt_details.cache_read"
AUDIO: Final = "llm.token_count.prompt_details.audio"


def span(changes: Mapping[str, Any], when: datetime = AUTUMN) -> ReadableSpan:
    """Return the span of a call: one of gpt-4o-mini, but for the changes; None takes an attribute away."""
    attributes = {name: value for name, value in {**TOLD, **changes}.items() if value is not None}
    return ReadableSpan("ChatCompletion", attributes=attributes, start_time=int(when.timestamp() * 1e9))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "0.00021"),
        ({CACHED: 800}, "0.00015"),
        ({"llm.token_count.completion_details.reasoning": 60}, "0.00021"),
        ({TIER: "default"}, "0.00021"),
        ({TIER: "priority"}, "0.00035"),
        ({"llm.invocation_parameters": '{"service_tier": "auto"}'}, "0.00021"),
        ({"llm.invocation_parameters": '{"service_tier": "fle'}, "0.00021"),
        ({"llm.response.model_name": "ft:gpt-4o-mini-2024-07-18:acme::abc123"}, "0.00042"),
        ({"llm.response.model_name": "gpt-audio", AUDIO: 600}, "0.0212"),
        (
            {
                "openinference.span.kind": "EMBEDDING",
                "llm.response.model_name": "text-embedding-3-small",
                "llm.token_count.completion": None,
                "llm.token_count.total": 1000,
            },
            "0.00002",
        ),
        (
            {
                "openinference.span.kind": "EMBEDDING",
                "llm.provider": None,
                "llm.response.model_name": None,
                "embedding.model_name": "text-embedding-3-small",
                "llm.token_count.completion": None,
                "llm.token_count.total": 1000,
            },
            "0.00002",
        ),
        ({"llm.provider": "mistralai", "llm.response.model_name": "mistral-large-2512"}, "0.00065"),
        ({STATUS: "completed", MADE: "weather"}, "0.00021"),
        ({STATUS: "completed", SENT: "web_search"}, "0.00021"),
        ({MADE: "web_search"}, "0.00021"),
    ],
    ids=["plain", "cached", "reasoning", "default tier", "priority", "automatic tier", "parameters cut short",
         "fine-tuned", "audio", "embedding", "embeddings", "another provider", "a response", "a search before",
         "a tool of a program's"],
)  # fmt: skip
def test_known(changes: dict[str, Any], expected: str) -> None:
    """What was told in full, of a model that has prices, has a cost in US dollars."""
    assert cost(span(changes)) == Decimal(expected)


def test_the_day_of_the_call() -> None:
    """Prices are those of the day of the call, not of today."""
    changes = {"llm.response.model_name": "gpt-5.6-sol"}

    assert [cost(span(changes, when)) for when in (SPRING, AUTUMN)] == [Decimal("0.008"), Decimal("0.006")]


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ({"llm.provider": None}, AUTUMN),
        ({"llm.provider": "my-openai-gateway"}, AUTUMN),
        ({"llm.provider": "azure"}, AUTUMN),
        ({"llm.provider": "perplexity", "llm.response.model_name": "sonar"}, AUTUMN),
        ({"llm.provider": "groq"}, AUTUMN),
        ({"llm.provider": "google", "llm.response.model_name": "claude-sonnet-5"}, AUTUMN),
        ({"server.address": "eu.api.openai.com"}, AUTUMN),
        ({"llm.response.model_name": None, "llm.model_name": "gpt-4o-mini"}, AUTUMN),
        ({"llm.response.model_name": "gpt-4o-mini-of-tomorrow"}, AUTUMN),
        ({"llm.response.model_name": "ft:o4-mini-2025-04-16:acme::abc123"}, AUTUMN),
        ({"llm.response.model_name": "gpt-4o-mini-search-preview"}, AUTUMN),
        ({"llm.response.model_name": "gpt-4o-audio-preview", AUDIO: 600}, AUTUMN),
        ({"llm.token_count.prompt": None}, AUTUMN),
        ({"llm.token_count.completion": None}, AUTUMN),
        ({"llm.token_count.prompt": None, "llm.token_count.completion": None, "llm.token_count.total": None,
          "spanglass.usage.estimated_completion_tokens": 7}, AUTUMN),
        ({"llm.token_count.prompt": -1}, AUTUMN),
        ({"llm.token_count.total": 1500}, AUTUMN),
        ({CACHED: 2000}, AUTUMN),
        ({"llm.response.model_name": "gpt-realtime", CACHED: 800, AUDIO: 600}, AUTUMN),
        ({"spanglass.usage.details.prompt_cache_hit_tokens": 800}, AUTUMN),
        ({TIER: "flex"}, AUTUMN),
        ({STATUS: "completed", MADE: "web_search"}, AUTUMN),
        (
            {
                "openinference.span.kind": "EMBEDDING",
                "llm.provider": None,
                "llm.response.model_name": None,
                "embedding.model_name": "text-embedding-3-small",
                "server.address": "gateway.example.com",
                "llm.token_count.completion": None,
                "llm.token_count.total": 1000,
            },
            AUTUMN,
        ),
        (
            {
                "openinference.span.kind": "EMBEDDING",
                "llm.provider": None,
                "llm.response.model_name": None,
                "embedding.model_name": "text-embedding-3-small",
                "server.address": None,
                "llm.token_count.completion": None,
                "llm.token_count.total": 1000,
            },
            AUTUMN,
        ),
        (
            {
                **dict.fromkeys(name for name in TOLD if name.startswith("llm.token_count.")),
                **{f"spanglass.usage.told.{name}_tokens": 1000 for name in ("prompt", "completion")},
            },
            AUTUMN,
        ),
        ({TIER: "priority"}, SPRING),
        ({"llm.invocation_parameters": '{"service_tier": "flex"}'}, AUTUMN),
    ],
    ids=["no provider", "a gateway", "Azure", "fees", "another's model", "another's price", "a region", "no model told",
         "an unknown model", "an unknown fine-tuned model", "a search", "audio without a price", "no prompt",
         "no completion", "estimated", "below zero", "another total", "more cached than sent", "cached audio",
         "another's cache", "a tier", "a hosted search", "another's embeddings",
         "embeddings of whom", "told once more",
         "a tier on a day", "a tier asked for"],
)  # fmt: skip
def test_not_known(changes: dict[str, Any], when: datetime) -> None:
    """Where anything would have to be guessed there is no cost."""
    assert cost(span(changes, when)) is None


@pytest.mark.parametrize("name", ["Response", "RetrieveResponse"])
def test_fees_where_no_status_is_told(name: str) -> None:
    """A search is known by the span's name as well, where the program writes OpenInference's names alone."""
    told = span({MADE: "web_search"}).attributes

    assert cost(ReadableSpan(name, attributes=told, start_time=span({}).start_time)) is None


def test_of_no_call() -> None:
    """A span without attributes cost nothing that is known."""
    assert cost(ReadableSpan("attempt")) is None


@pytest.mark.parametrize("start", [10**21, 10**30])
def test_a_time_that_is_none(start: int) -> None:
    """A call at a time that no calendar has cost nothing that is known."""
    assert cost(ReadableSpan("ChatCompletion", attributes=span({}).attributes, start_time=start)) is None


def test_a_call_that_was_traced(captured: CapturedSpans) -> None:
    """The span of a call of OpenAI's API says all that its cost is told by."""
    with api.client(api.whole()) as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])

    assert [cost(span) for span in captured.spans] == [Decimal("0.000009")]


def test_without_the_package() -> None:
    """Where genai-prices is not installed no cost is known, and nothing is said."""
    script = f"""
import sys
sys.modules["genai_prices"] = None
from opentelemetry.sdk.trace import ReadableSpan
from spanglass.export.prices import cost
print(cost(ReadableSpan("ChatCompletion", attributes={TOLD!r}, start_time=1)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - fixed

    assert (done.stdout, done.stderr) == ("None\n", "")
