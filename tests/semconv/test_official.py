"""Our names are those of the official packages, at the versions that upstream.lock names."""

import inspect
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import version
from types import ModuleType

import pytest
import yaml
from openinference.semconv import resource, trace
from opentelemetry.semconv._incubating.attributes import (
    deployment_attributes,
    error_attributes,
    exception_attributes,
    gen_ai_attributes,
    http_attributes,
    openai_attributes,
    server_attributes,
    service_attributes,
    url_attributes,
)
from opentelemetry.semconv.schemas import Schemas
from registry import ROOT, definitions, groups, members, own_members

from spanglass.semconv import SCHEMA_URL

LOCK = yaml.safe_load((ROOT / "semconv" / "upstream.lock").read_text("utf-8"))
PACKAGES = ("openinference-semantic-conventions", "opentelemetry-semantic-conventions")

OFFICIAL: dict[str, tuple[ModuleType, ...]] = {
    "openinference": (trace, resource),
    "gen_ai": (gen_ai_attributes, openai_attributes),
    "otel": (
        deployment_attributes,
        error_attributes,
        exception_attributes,
        http_attributes,
        server_attributes,
        service_attributes,
        url_attributes,
    ),
}

# Names that the GenAI conventions took on in their own repository, after the last ones that the package holds.
NEWER = {
    "gen_ai.request.previous_response.id": "new",
    "gen_ai.request.reasoning.level": "new",
    "gen_ai.request.stream_cursor": "new",
    "gen_ai.response.status": "new",
    "gen_ai.token.modality": "replaces gen_ai.token.type",
    "gen_ai.usage.audio.input_tokens": "counts by modality are new",
    "gen_ai.usage.audio.output_tokens": "counts by modality are new",
    "gen_ai.usage.cache_write.input_tokens": "was gen_ai.usage.cache_creation.input_tokens",
}

# The same of the values of its enumerations.
NEWER_VALUES = {"gen_ai.operation.name": {"fetch_response"}}

ENUMERATIONS: dict[str, type[Enum]] = {
    "gen_ai.operation.name": gen_ai_attributes.GenAiOperationNameValues,
    "gen_ai.output.type": gen_ai_attributes.GenAiOutputTypeValues,
    "http.request.method": http_attributes.HttpRequestMethodValues,
    "input.mime_type": trace.OpenInferenceMimeTypeValues,
    "llm.system": trace.OpenInferenceLLMSystemValues,
    "openai.api.type": openai_attributes.OpenaiApiTypeValues,
    "openinference.span.kind": trace.OpenInferenceSpanKindValues,
    "output.mime_type": trace.OpenInferenceMimeTypeValues,
}
# Enumerations without an official one: ours, and one newer than the package.
OURS = {
    "gen_ai.token.modality",
    "spanglass.attempt.backoff_source",
    "spanglass.attempt.retry_reason",
    "spanglass.stream.outcome",
}


def constants(module: ModuleType) -> Iterator[str]:
    """Yield the strings that a module, or a class of it, holds under names in capitals."""
    holders = [vars(module), *(vars(each) for _, each in inspect.getmembers(module, inspect.isclass))]
    yield from (value for holder in holders for name, value in holder.items() if name.isupper() and type(value) is str)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_lock_names_what_is_installed(package: str) -> None:
    """A new release of the conventions is read before the lock follows it."""
    assert LOCK[package]["version"] == version(package)


def test_the_schema_url_is_the_newest_that_the_package_names() -> None:
    """The schema that spans claim is the one that OpenTelemetry's names were taken from."""
    assert [each.value for each in Schemas][-1] == SCHEMA_URL


@pytest.mark.parametrize("convention", OFFICIAL)
def test_names_are_official(convention: str) -> None:
    """A name is in the official package, or in the table of the newer ones, and never in both."""
    official = {name for module in OFFICIAL[convention] for name in constants(module)}
    newer = {name for name in NEWER if convention == "gen_ai"}

    assert {each["id"] for each in definitions(convention)} - official == newer


def test_values_are_official() -> None:
    """The values of an enumeration are official, newer or said to be our own, and no enumeration is left out."""
    enumerations = {each["id"]: each for each in definitions() if isinstance(each["type"], dict)}
    official = {name: {each.value for each in ENUMERATIONS[name]} for name in ENUMERATIONS}
    others = {name: set(members(enumerations[name])) - official[name] for name in ENUMERATIONS}
    said = {name: NEWER_VALUES.get(name, set()) | set(own_members(enumerations[name])) for name in ENUMERATIONS}

    assert enumerations.keys() == ENUMERATIONS.keys() | OURS
    assert others == said


def test_our_own_names_are_under_our_own_prefix() -> None:
    """What no convention defines is named after the package."""
    assert [each["id"] for each in definitions("spanglass") if not each["id"].startswith("spanglass.")] == []


def test_a_metric_tells_its_unit() -> None:
    """Tokens are counted in tokens, and everything else in seconds, as the conventions' metrics are."""
    metrics = {group["metric_name"]: group["unit"] for group in groups() if group["type"] == "metric"}

    assert metrics == {name: "{token}" if name.endswith("_tokens") else "s" for name in metrics}
