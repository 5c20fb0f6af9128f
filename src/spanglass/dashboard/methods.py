"""The methods of the SDK, by the calls that spans are of."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.asking import chat_messages, response_items, sent
from spanglass.reading import conversation
from spanglass.semconv import spanglass as own


class Method(NamedTuple):
    """A method, where it asks, and what it takes: `first` are the parameters that it needs, as they are written.

    What it takes not is sent by `extra`. `said` returns what the span lists of what was said, by parameter.
    """

    name: str
    path: str
    first: tuple[str, ...]
    takes: frozenset[str]
    said: Callable[[ReadableSpan], Mapping[str, Any]]
    extra: str = "extra_body"


def _messages(span: ReadableSpan) -> Mapping[str, Any]:
    return {"messages": chat_messages(sent(span))}


def _input(span: ReadableSpan) -> Mapping[str, Any]:
    return {"input": response_items(sent(span))}


def _prompt(span: ReadableSpan) -> Mapping[str, Any]:
    texts = [message.content for message in conversation.prompts(span) or sent(span)]
    return {"prompt": texts[0] if len(texts) == 1 else texts}


def _texts(span: ReadableSpan) -> Mapping[str, Any]:
    return {"input": conversation.embedded(span)}


def _id(span: ReadableSpan) -> Mapping[str, Any]:
    return {"response_id": (span.attributes or {}).get(own.SPANGLASS_RESPONSE_ID)}


CHAT: Final = Method(
    "chat.completions.create",
    "/chat/completions",
    ("model", "messages"),
    frozenset({
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls",
        "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
        "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
        "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    }),
    _messages,
)  # fmt: skip
RESPONSE: Final = Method(
    "responses.create",
    "/responses",
    ("model", "instructions", "input"),
    frozenset({
        "access_programs", "background", "background_options", "context_management", "conversation", "image", "include",
        "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation",
        "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options",
        "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    }),
    _input,
)  # fmt: skip
COMPACT: Final = RESPONSE._replace(
    name="responses.compact",
    path="/responses/compact",
    takes=frozenset({
        "image", "input", "instructions", "model", "previous_response_id", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "service_tier",
    }),
)  # fmt: skip
COUNT: Final = RESPONSE._replace(
    name="responses.input_tokens.count",
    path="/responses/input_tokens",
    takes=frozenset({
        "conversation", "input", "instructions", "model", "parallel_tool_calls", "personality", "previous_response_id",
        "reasoning", "text", "tool_choice", "tools", "truncation",
    }),
)  # fmt: skip
RETRIEVE: Final = Method(
    "responses.retrieve",
    "/responses",
    ("response_id",),
    frozenset({"include", "include_obfuscation", "response_id", "starting_after", "stream"}),
    _id,
    "extra_query",
)
CANCEL: Final = RETRIEVE._replace(name="responses.cancel", takes=frozenset({"response_id"}))
EMBEDDINGS: Final = Method(
    "embeddings.create",
    "/embeddings",
    ("model", "input"),
    frozenset({"dimensions", "encoding_format", "input", "model", "user"}),
    _texts,
)
COMPLETION: Final = Method(
    "completions.create",
    "/completions",
    ("model", "prompt"),
    frozenset({
        "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n",
        "presence_penalty", "prompt", "seed", "stop", "stream", "stream_options", "suffix", "temperature", "top_p",
        "user",
    }),
    _prompt,
)  # fmt: skip
METHODS: Final = {
    **dict.fromkeys(("ChatCompletion", "chat"), CHAT),
    "Response": RESPONSE,
    **dict.fromkeys(("CompactResponse", "compact"), COMPACT),
    **dict.fromkeys(("CountInputTokens", "count_tokens"), COUNT),
    **dict.fromkeys(("RetrieveResponse", "fetch_response"), RETRIEVE),
    **dict.fromkeys(("CancelResponse", "cancel_response"), CANCEL),
    **dict.fromkeys(("CreateEmbeddings", "embeddings", "EMBEDDING"), EMBEDDINGS),
    **dict.fromkeys(("Completion", "text_completion"), COMPLETION),
}
"""By the names that either convention has for the endpoint, and by what others say that their spans are."""
