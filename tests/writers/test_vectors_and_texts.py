"""Embeddings, and completions before chat: whole attribute dicts of every convention against literals."""

from typing import Any

import pytest

from spanglass.record import Choice, Embedding, Record, Usage
from spanglass.writers import Writers

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@pytest.fixture(autouse=True)
def _capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have gen_ai tell content too."""
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")


def written(source: Record, convention: str) -> tuple[str, dict[str, Any]]:
    """Return a span's name, and all that a convention writes of it."""
    (writer,) = Writers([convention])[source.operation]
    out: dict[str, Any] = {}
    writer.start(source, out)
    writer.write(source, out)
    return writer.span_name(source), out


EMBEDDED = Record(
    name="CreateEmbeddings",
    kind="EMBEDDING",
    operation="embeddings",
    system="openai",
    provider="openai",
    address="api.openai.com",
    port=443,
    request_model="text-embedding-3-small",
    response_model="text-embedding-3-small-v2",
    parameters={"model": "text-embedding-3-small", "dimensions": 2, "encoding_format": "base64"},
    embeddings=[Embedding("a", [0.5, -1.0]), Embedding(None, [0.25, 1.0]), Embedding("c"), Embedding()],
    vectors=4,
    dimensions=2,
    input_value='{"input":[]}',
    input_mime="application/json",
    output_value='{"data":[]}',
    output_mime="application/json",
    usage=Usage(prompt=9, total=9),
)
COMPLETED = Record(
    name="Completion",
    kind="LLM",
    operation="text_completion",
    system="openai",
    provider="openai",
    request_model="gpt-3.5-turbo-instruct",
    response_model="gpt-3.5-turbo-instruct",
    response_id="cmpl-1",
    fingerprint="fp_1",
    parameters={"model": "gpt-3.5-turbo-instruct", "n": 2, "suffix": "z"},
    prompts=["one", "two"],
    choices=[Choice("a", "stop"), Choice("b", "length"), Choice(None, None), Choice("", "content_filter")],
    input_value='{"prompt":[]}',
    input_mime="application/json",
    output_value='{"choices":[]}',
    output_mime="application/json",
    usage=Usage(9, 2, 11),
)
VALUES = {"input.mime_type": "application/json", "output.mime_type": "application/json"}

EXPECTED: list[tuple[Record, str, str, dict[str, Any]]] = [
    (
        EMBEDDED,
        "openinference",
        "CreateEmbeddings",
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "text-embedding-3-small-v2",
            "embedding.invocation_parameters": (
                '{"model":"text-embedding-3-small","dimensions":2,"encoding_format":"base64"}'
            ),
            "embedding.embeddings.0.embedding.text": "a",
            "embedding.embeddings.0.embedding.vector": [0.5, -1.0],
            "embedding.embeddings.1.embedding.vector": [0.25, 1.0],
            "embedding.embeddings.2.embedding.text": "c",
            "input.value": '{"input":[]}',
            "output.value": '{"data":[]}',
            "llm.token_count.prompt": 9,
            "llm.token_count.total": 9,
            **VALUES,
        },
    ),
    (
        EMBEDDED,
        "spanglass",
        "CreateEmbeddings",
        {"server.address": "api.openai.com", "server.port": 443, "spanglass.response.vector_count": 4},
    ),
    (
        EMBEDDED,
        "gen_ai",
        "embeddings text-embedding-3-small",
        {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "text-embedding-3-small",
            "gen_ai.response.model": "text-embedding-3-small-v2",
            "gen_ai.request.encoding_formats": ["base64"],
            "gen_ai.embeddings.dimension.count": 2,
            "gen_ai.usage.input_tokens": 9,
            "server.address": "api.openai.com",
            "server.port": 443,
        },
    ),
    (
        COMPLETED,
        "openinference",
        "Completion",
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.provider": "openai",
            "llm.model_name": "gpt-3.5-turbo-instruct",
            "llm.request.model_name": "gpt-3.5-turbo-instruct",
            "llm.response.model_name": "gpt-3.5-turbo-instruct",
            "llm.invocation_parameters": '{"model":"gpt-3.5-turbo-instruct","n":2,"suffix":"z"}',
            "llm.prompts.0.prompt.text": "one",
            "llm.prompts.1.prompt.text": "two",
            "llm.choices.0.completion.text": "a",
            "llm.choices.1.completion.text": "b",
            "llm.choices.3.completion.text": "",
            "llm.finish_reason": "stop",
            "input.value": '{"prompt":[]}',
            "output.value": '{"choices":[]}',
            "llm.token_count.prompt": 9,
            "llm.token_count.completion": 2,
            "llm.token_count.total": 11,
            **VALUES,
        },
    ),
    (
        COMPLETED,
        "spanglass",
        "Completion",
        {"spanglass.response.id": "cmpl-1", "spanglass.response.system_fingerprint": "fp_1"},
    ),
    (
        COMPLETED,
        "gen_ai",
        "text_completion gpt-3.5-turbo-instruct",
        {
            "gen_ai.operation.name": "text_completion",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-3.5-turbo-instruct",
            "gen_ai.request.choice.count": 2,
            "gen_ai.response.id": "cmpl-1",
            "gen_ai.response.model": "gpt-3.5-turbo-instruct",
            "gen_ai.response.finish_reasons": ["stop", "length", "error", "content_filter"],
            "openai.response.system_fingerprint": "fp_1",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.input.messages": (
                '[{"role":"user","parts":[{"type":"text","content":"one"}]},'
                '{"role":"user","parts":[{"type":"text","content":"two"}]}]'
            ),
            "gen_ai.output.messages": (
                '[{"role":"assistant","parts":[{"type":"text","content":"a"}]},'
                '{"role":"assistant","parts":[{"type":"text","content":"b"}]},'
                '{"role":"assistant","parts":[]},'
                '{"role":"assistant","parts":[{"type":"text","content":""}]}]'
            ),
        },
    ),
]


@pytest.mark.parametrize(("source", "convention", "name", "expected"), EXPECTED)
def test_whole(source: Record, convention: str, name: str, expected: dict[str, Any]) -> None:
    """All is written that the convention has a name for, and nothing else."""
    assert (name, expected) == written(source, convention)


def test_not_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where gen_ai's content is not captured, it tells of no text."""
    content = {"gen_ai.input.messages", "gen_ai.output.messages"}

    _, whole = written(COMPLETED, "gen_ai")
    monkeypatch.delenv(CAPTURE)
    _, bare = written(COMPLETED, "gen_ai")

    assert {name: whole[name] for name in whole if name not in content} == bare
