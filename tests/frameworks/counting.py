"""Tokens, as Phoenix counts them: those of spans of the kind LLM.

Phoenix reads spans that speak of `gen_ai` only as if they spoke OpenInference. `phoenix/db/insertion/span.py` and
`phoenix/trace/gen_ai/conversion.py` of Phoenix 20.26.1 say so.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

KINDS = {"chat": "LLM", "text_completion": "LLM", "generate_content": "LLM"}


class Tokens(NamedTuple):
    """Tokens of prompts and of completions."""

    prompt: int
    completion: int


def counted(spans: Iterable[ReadableSpan]) -> Tokens:
    """Return what Phoenix counts in these spans."""
    return _sum(attributes for span in spans if _kind(attributes := span.attributes or {}) == "LLM")


def due(spans: Iterable[ReadableSpan]) -> Tokens:
    """Return what the provider told of the calls that are no embeddings, each of which has one span of ours."""
    ours = (span for span in spans if _scope(span) == "spanglass" and span.name != "CreateEmbeddings")
    return _sum(span.attributes or {} for span in ours)


def others(spans: Iterable[ReadableSpan]) -> set[str]:
    """Return whose spans there are beside ours."""
    return {_scope(span) for span in spans} - {"spanglass"}


def _scope(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope else ""


def _kind(attributes: Mapping[str, Any]) -> str | None:
    kind: str | None = attributes.get("openinference.span.kind")
    return kind or KINDS.get(attributes.get("gen_ai.operation.name", ""))


def _sum(spans: Iterable[Mapping[str, Any]]) -> Tokens:
    told = [
        (
            attributes.get("llm.token_count.prompt", attributes.get("gen_ai.usage.input_tokens")) or 0,
            attributes.get("llm.token_count.completion", attributes.get("gen_ai.usage.output_tokens")) or 0,
        )
        for attributes in spans
    ]
    return Tokens(sum(prompt for prompt, _ in told), sum(completion for _, completion in told))
