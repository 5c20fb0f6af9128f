"""Who answers: the host of a client's base URL, and the provider that is known by it."""

from typing import Any, NamedTuple

# By the end of the host's name.
PROVIDERS = {
    "openai.com": "openai",
    "azure.com": "azure",
    "azure.us": "azure",
    "azure.cn": "azure",
    "amazonaws.com": "aws",
    "api.aws": "aws",
    "googleapis.com": "google",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "mistral.ai": "mistralai",
    "x.ai": "xai",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "fireworks.ai": "fireworks",
    "moonshot.ai": "moonshot",
    "moonshot.cn": "moonshot",
    "cerebras.ai": "cerebras",
    "perplexity.ai": "perplexity",
    "together.xyz": "together",
    "together.ai": "together",
    "ollama.com": "ollama",
}
# By the class of the client, where the host says nothing: a gateway, or a name of one's own.
CLIENTS = {
    "AzureOpenAI": "azure",
    "AsyncAzureOpenAI": "azure",
    "BedrockOpenAI": "aws",
    "AsyncBedrockOpenAI": "aws",
}
PORTS = {"https": 443, "http": 80}


class Server(NamedTuple):
    """Where a client sends its calls; `provider` is None for a host that nobody knows."""

    address: str | None
    port: int | None
    provider: str | None


UNKNOWN = Server(None, None, None)
KEPT = 256
_servers: dict[tuple[int, type], tuple[Any, Server]] = {}


def server_of(client: Any) -> Server:
    """Return the server of an SDK client; read once for each base URL, which is immutable, and each class."""
    url = client._base_url  # noqa: SLF001 - the public property does more than to return it
    key = (id(url), client.__class__)
    try:
        known = _servers[key]
        if known[0] is url:
            return known[1]
    except KeyError:
        pass
    if len(_servers) >= KEPT:
        _servers.clear()
    server = _read(url, client.__class__)
    _servers[key] = (url, server)
    return server


def _read(url: Any, kind: type) -> Server:
    host = str(url.host)
    return Server(host or None, url.port or PORTS.get(url.scheme), provider_of(host) or _by_class(kind))


def provider_of(host: str) -> str | None:
    """Return OpenInference's name for the provider of a host, or None."""
    labels = host.lower().rstrip(".").split(".")
    return PROVIDERS.get(".".join(labels[-2:]))


def _by_class(kind: type) -> str | None:
    return next((CLIENTS[base.__name__] for base in kind.__mro__ if base.__name__ in CLIENTS), None)
