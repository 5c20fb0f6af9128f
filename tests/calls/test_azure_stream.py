"""A stream of Azure's: its first chunk is about the prompt and has no choice, and the rest is as ever."""

from typing import Any

from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Stream, chunks

FILTERED = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


def test_azure_stream(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream of an Azure client is one call of the provider azure, with its model, its text and its counts."""
    server.script(Stream([FILTERED, *chunks(model="gpt-4o-2024-11-20", usage=USAGE)]))
    client = flavour.azure(server)

    taken = flavour.take(flavour.create(client, model="my-deployment", stream=True))

    path = "/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21"
    expected: dict[str, Any] = {
        "llm.provider": "azure",
        "llm.system": "openai",
        "llm.request.model_name": "my-deployment",
        "llm.response.model_name": "gpt-4o-2024-11-20",
        "llm.model_name": "gpt-4o-2024-11-20",
        "llm.output_messages.0.message.content": "Hello",
        "llm.finish_reason": "stop",
        "llm.token_count.total": 11,
        "spanglass.response.id": "chatcmpl-test",
        "spanglass.stream.outcome": "completed",
        "spanglass.stream.chunk_count": 6,
    }
    (span,) = captured.spans
    assert (server.journal[0].path, len(taken), span.status.status_code.name) == (path, 6, "OK")
    assert {name: (span.attributes or {}).get(name) for name in expected} == expected


def test_azure_stream_that_is_left(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """One that is left before the first choice has come is closed, with nothing said."""
    server.script(Stream([FILTERED, *chunks()]))

    flavour.take(flavour.create(flavour.azure(server), stream=True), 1, entered=True)

    (span,) = captured.spans
    attributes = span.attributes or {}
    names = ("spanglass.stream.outcome", "spanglass.stream.chunk_count", "llm.output_messages.0.message.content")
    assert [attributes.get(name) for name in names] == ["closed", 1, None]
