"""Who answers is known by the host of the client's base URL."""

from typing import Any

import openai
import pytest

from asking import HTTP
from spanglass.calls.server import provider_of
from spanglass.testing import CapturedSpans, completion

HOSTS = {
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "API.OpenAI.com": "openai",
    "api.openai.com.": "openai",
    "acme.openai.azure.com": "azure",
    "acme.services.ai.azure.com": "azure",
    "acme.cognitiveservices.azure.com": "azure",
    "acme.openai.azure.us": "azure",
    "acme.openai.azure.cn": "azure",
    "bedrock-runtime.us-east-1.amazonaws.com": "aws",
    "bedrock-mantle.us-east-1.api.aws": "aws",
    "generativelanguage.googleapis.com": "google",
    "us-central1-aiplatform.googleapis.com": "google",
    "api.anthropic.com": "anthropic",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.mistral.ai": "mistralai",
    "api.x.ai": "xai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.fireworks.ai": "fireworks",
    "api.moonshot.ai": "moonshot",
    "api.moonshot.cn": "moonshot",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "ollama.com": "ollama",
    "localhost": None,
    "127.0.0.1": None,
    "::1": None,
    "": None,
    "gateway.example.com": None,
    "openai.com.example.net": None,
    "notopenai.com": None,
    "max.ai": None,
    "com": None,
}


def test_hosts() -> None:
    """A provider is known by the end of the host's name, whole labels of it; who merely looks like one is not."""
    assert {host: provider_of(host) for host in HOSTS} == HOSTS


@pytest.mark.parametrize(
    ("kind", "options", "known"),
    [
        (openai.OpenAI, {}, ("openai", "api.openai.com", 443)),
        (openai.OpenAI, {"base_url": "https://api.groq.com/openai/v1"}, ("groq", "api.groq.com", 443)),
        (openai.OpenAI, {"base_url": "http://gateway.example:8080/v1"}, (None, "gateway.example", 8080)),
        (openai.OpenAI, {"base_url": "http://gateway.example/v1"}, (None, "gateway.example", 80)),
        (openai.OpenAI, {"base_url": "http://user:secret@[::1]:1/v1"}, (None, "::1", 1)),
        (
            openai.AzureOpenAI,
            {"azure_endpoint": "https://acme.openai.azure.com", "api_version": "1"},
            ("azure", "acme.openai.azure.com", 443),
        ),
        (
            openai.AzureOpenAI,
            {"azure_endpoint": "https://gateway.example", "api_version": "1"},
            ("azure", "gateway.example", 443),
        ),
        (
            openai.AzureOpenAI,
            {"base_url": "https://api.openai.com/v1", "api_version": "1"},
            ("openai", "api.openai.com", 443),
        ),
    ],
)
def test_server_of_a_call(
    kind: type[Any],
    options: dict[str, str],
    known: tuple[str | None, str, int],
    captured: CapturedSpans,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call tells provider, address and port; the class of the client says who answers where the host does not."""
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    # These hosts are not to be asked in a test.
    answers = HTTP.MockTransport(lambda _: HTTP.Response(200, json=completion()))

    with kind(api_key="test", http_client=HTTP.Client(transport=answers), **options) as client:
        client.chat.completions.create(model="m", messages=[])

    names = ("llm.provider", "server.address", "server.port")
    assert [tuple((span.attributes or {}).get(name) for name in names) for span in captured.spans] == [known]
    assert [span.to_json() for span in captured.spans if "secret" in span.to_json()] == []


def test_base_url_that_changes(captured: CapturedSpans) -> None:
    """A client that is told to go elsewhere is asked anew."""
    answers = HTTP.MockTransport(lambda _: HTTP.Response(200, json=completion()))

    with openai.OpenAI(api_key="test", http_client=HTTP.Client(transport=answers)) as client:
        for url in ("http://one.example/v1", "http://two.example/v1"):
            client.base_url = url
            client.chat.completions.create(model="m", messages=[])

    assert [(span.attributes or {})["server.address"] for span in captured.spans] == ["one.example", "two.example"]
