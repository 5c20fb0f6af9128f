"""The span that a call begins in, where another instrumentor has made it: of a framework, or of the SDK again."""

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi

# The scopes of instrumentors whose spans of a model's call get the tokens that the provider tells. A program's own
# spans have other scopes and may say that they are such calls: nobody writes tokens to those, which would be lost.
COUNTING = ("openinference.instrumentation.", "opentelemetry.instrumentation.", "pydantic-ai", "logfire.openai")
# What such a span has from its start, each with the value that tells; None is any. The first that it has decides.
TOLD: tuple[tuple[str, str | None], ...] = (
    (oi.OPENINFERENCE_SPAN_KIND, "LLM"),
    (ai.GEN_AI_OPERATION_NAME, "chat"),
    (oi.LLM_MODEL_NAME, None),  # by instrumentors that tell the kind at the end
)
# LlamaIndex tells all of it at the end, but names its span by the class and method; those that answer get the tokens.
LLAMA_INDEX = "openinference.instrumentation.llama_index"
MODEL = "OpenAI"
ANSWERING = (".chat", ".achat", ".complete", ".acomplete")
# The context's own key for its current span.
(CURRENT,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())


def counts(span: Any) -> bool:
    """Tell whether the tokens of a call in this span are counted there."""
    # Few calls for a span that is ours or the program's own: each call within one asks.
    try:
        if not span.instrumentation_scope.name.startswith(COUNTING) or not span.is_recording():
            return False
        attributes = span.attributes
    except AttributeError:  # not the SDK's span, or one without a scope
        return False
    for key, value in TOLD:
        if key in attributes:
            return value is None or attributes[key] == value
    named = span.name if span.instrumentation_scope.name == LLAMA_INDEX else ""
    return MODEL in named and named.endswith(ANSWERING)
