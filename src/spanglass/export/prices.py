"""What a call cost: the tokens that the provider told, at the prices of genai-prices where that is installed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from types import ModuleType
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.sizes import copied
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel
from spanglass.semconv import spanglass as own

# Who charges by tokens alone, as genai-prices calls it. In Azure and AWS the price is that of a deployment or a region,
# which no response tells; Perplexity has a fee for each request, by how deep it searched.
PROVIDERS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "google",
    "groq": "groq",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "together": "together",
    "xai": "x-ai",
}
HOST: Final = "api.openai.com"  # OpenAI's others keep data in a region, at prices of their own
FEE: Final = "search"  # in the name of a model that searches, or researches: each search has its fee, and none is told
# The provider's own tools that it charges for by the piece, by name: a program's own tool may have the same one.
HOSTED: Final = frozenset({"web_search", "file_search", "code_interpreter", "image_generation", "shell"})
RESPONSES: Final = ("Response", "RetrieveResponse", "CancelResponse")  # spans that may tell no status
MADE: Final = f"{oi.LLM_OUTPUT_MESSAGES}."
STANDARD: Final = (None, "auto", "default")  # service tiers

COUNTS: Final = (
    (oi.LLM_TOKEN_COUNT_PROMPT, "input_tokens", "input_mtok"),
    (oi.LLM_TOKEN_COUNT_COMPLETION, "output_tokens", "output_mtok"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ, "cache_read_tokens", "cache_read_mtok"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE, "cache_write_tokens", "cache_write_mtok"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_AUDIO, "input_audio_tokens", "input_audio_mtok"),
    (oi.LLM_TOKEN_COUNT_COMPLETION_DETAILS_AUDIO, "output_audio_tokens", "output_audio_mtok"),
)
"""The attribute of a count, and what genai-prices calls it and its price. Reasoning is in the completion already."""

Attributes = Mapping[str, Any]


def cost(span: ReadableSpan) -> Decimal | None:
    """Return what the call of a model that `span` stands for cost, in US dollars; None where that is not known.

    Nothing is guessed: it is None without the package genai-prices, for tokens that were estimated, and where the
    provider, the model that answered, the service tier or any of the counts has no price there. Prices are those of
    the day of the call; nothing is asked of the network.
    """
    attributes = copied(span.attributes or {})
    provider = PROVIDERS.get(str(attributes.get(oi.LLM_PROVIDER) or _embedder(attributes)))
    model = attributes.get(oi.LLM_RESPONSE_MODEL_NAME, attributes.get(oi.EMBEDDING_MODEL_NAME))
    usage = _usage(attributes)
    if provider is None or not isinstance(model, str) or FEE in model or usage is None or _has_fees(span, attributes):
        return None
    if provider == "openai" and attributes.get(otel.SERVER_ADDRESS, HOST) != HOST:
        return None
    prices = _prices()
    if prices is None:
        return None
    # A model that is not known, counts that contradict each other, and a time that is none.
    with suppress(LookupError, ValueError, OverflowError):
        when = datetime.fromtimestamp((span.start_time or 0) / 1e9, timezone.utc)
        return _cost(prices, provider, model, usage, when, _tier(attributes))
    return None


def _embedder(attributes: Attributes) -> str | None:
    """Return who embeds, which OpenInference does not say: OpenAI, as far as the host tells."""
    embeds = attributes.get(oi.OPENINFERENCE_SPAN_KIND) == "EMBEDDING"
    return "openai" if embeds and attributes.get(otel.SERVER_ADDRESS) == HOST else None


def _has_fees(span: ReadableSpan, attributes: Attributes) -> bool:
    """Tell whether a response was made with tools of the provider's that cost beside the tokens."""
    if own.SPANGLASS_RESPONSE_STATUS not in attributes and span.name not in RESPONSES:
        return False
    called = (name for name in attributes if name.startswith(MADE) and name.endswith(oi.TOOL_CALL_FUNCTION_NAME))
    return any(attributes[name] in HOSTED for name in called)


@cache
def _prices() -> ModuleType | None:
    """Return the package, which takes a while to load."""
    try:
        import genai_prices  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        return None
    return genai_prices


def _usage(attributes: Attributes) -> dict[str, int] | None:
    """Return what was told and is not zero, by the names of genai-prices; None where it does not say all."""
    told = {key: attributes[name] for name, key, _ in COUNTS if name in attributes}
    if not all(type(count) is int and count >= 0 for count in told.values()) or "input_tokens" not in told:
        return None
    if "output_tokens" not in told and attributes.get(oi.OPENINFERENCE_SPAN_KIND) != "EMBEDDING":
        return None
    sum_of_both = told["input_tokens"] + told.get("output_tokens", 0)
    if attributes.get(oi.LLM_TOKEN_COUNT_TOTAL, sum_of_both) != sum_of_both:
        return None  # some count reasoning beside the completion
    cached = told.get("cache_read_tokens") or told.get("cache_write_tokens")
    if cached and told.get("input_audio_tokens"):
        return None  # how many were both is not told
    if not cached and [name for name in attributes if "cache" in name and name.startswith(own.SPANGLASS_USAGE_DETAILS)]:
        return None  # some count what they had cached under names of their own
    return {key: count for key, count in told.items() if count}


def _tier(attributes: Attributes) -> str | None:
    """Return the service tier that served the call, or else the one that was asked for; None for the usual one."""
    tier = attributes.get(own.SPANGLASS_RESPONSE_SERVICE_TIER)
    if tier is None:
        with suppress(ValueError, TypeError, AttributeError, RecursionError):  # cut short, or not an object
            tier = json.loads(attributes.get(oi.LLM_INVOCATION_PARAMETERS, "{}")).get("service_tier")
    return None if tier in STANDARD else str(tier)


def _cost(
    prices: ModuleType, provider: str, model: str, usage: Mapping[str, int], when: datetime, tier: str | None
) -> Decimal | None:
    counts = prices.Usage(**usage)
    of = {"provider_id": provider, "genai_request_timestamp": when}
    found = prices.calc_price(counts, model, **of)
    priced = found.model_price
    if tier is not None:
        variant = _variant(found.model, tier, when)
        if variant is None:
            return None
        priced = variant.prices
        found = prices.calc_price(counts, model, price_context=variant.when, **of)
    own_price = found.provider.id == provider and found.model in found.provider.models  # none borrowed elsewhere
    complete = all(getattr(priced, price, None) is not None for _, key, price in COUNTS if key in usage)
    return found.total_price if own_price and complete else None


def _variant(model: Any, tier: str, when: datetime) -> Any:
    """Return the prices of a service tier on that day, or None; older versions of genai-prices know none."""
    for variant in getattr(model, "price_variants", None) or ():
        active = variant.constraint is None or variant.constraint.active(when)
        if active and variant.when == {"service_tier": tier}:
            return variant
    return None
