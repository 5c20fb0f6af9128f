"""Frameworks that make a span of their own around a model's call, and give it the call's tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scenarios import MODEL, USAGE

from spanglass import OpenAIInstrumentor

# A framework's own span of a model's call: its scope, what it has from its start, and the tokens that it ends with.
FRAMEWORKS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "openinference": (
        "openinference.instrumentation.openai_agents",
        {"openinference.span.kind": "LLM", "llm.model_name": MODEL},
        {
            "llm.token_count.prompt": USAGE["prompt_tokens"],
            "llm.token_count.completion": USAGE["completion_tokens"],
        },
    ),
    "gen_ai": (
        "pydantic-ai",
        {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": MODEL},
        {
            "gen_ai.usage.input_tokens": USAGE["prompt_tokens"],
            "gen_ai.usage.output_tokens": USAGE["completion_tokens"],
        },
    ),
}


@contextmanager
def framework(name: str) -> Iterator[None]:
    """Run the block within such a span, which has the tokens at its end."""
    scope, attributes, tokens = FRAMEWORKS[name]
    tracer = OpenAIInstrumentor().instrumented_with["tracer_provider"].get_tracer(scope)
    with tracer.start_as_current_span("model", attributes=attributes) as model:
        yield
        model.set_attributes(tokens)
