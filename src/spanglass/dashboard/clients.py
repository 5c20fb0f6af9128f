"""The client that a call was made by: that of the SDK, for the server that a span names."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.calls.server import provider_of
from spanglass.dashboard.hosts import is_loopback
from spanglass.dashboard.literals import Told
from spanglass.export.notes import id_of
from spanglass.reading.spans import is_attempt, number, text
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel

USUAL: Final = "api.openai.com"
DEPLOYMENTS: Final = "/openai/deployments/"
VERSION: Final = "2024-10-21"
PATHS: Final = {
    "api.groq.com": "/openai/v1",
    "openrouter.ai": "/api/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
    "api.fireworks.ai": "/inference/v1",
    "api.deepseek.com": "",
    "api.perplexity.ai": "",
}
"""Where the API is on hosts that have it elsewhere than at /v1."""

_is_host = re.compile(r"[\w.:-]{1,253}", re.ASCII).fullmatch


class Client(NamedTuple):
    """A class of the SDK, and its arguments; `key` is the variable of its key where it is none that it reads itself."""

    kind: str
    arguments: dict[str, Any]
    key: str | None = None


def client_of(span: ReadableSpan, near: Iterable[ReadableSpan], path: str, model: Any) -> Client:
    """Return the client of a call to a path of the API; `near` may hold its attempts, which know the whole URL."""
    url = _url(span, near)
    host, port = text(span, otel.SERVER_ADDRESS), number(span, otel.SERVER_PORT)
    if url is not None:
        base, _, query = url.partition("?")
        base = base[: base.rfind(path)] if path in base else base
    elif host is None or host == USUAL or not _is_host(host):
        return Client("OpenAI", {})
    else:
        base, query = _origin(host, None if port is None else int(port)), ""
    name = urlsplit(base).hostname or ""
    if name == USUAL:
        return Client("OpenAI", {})
    if _is_azure(span, name) and "/openai/v1" not in base:
        return _azure(base, query, model)
    return _other(base, name, guess=url is None)


def _azure(base: str, query: str, model: Any) -> Client:
    parts = urlsplit(base)
    arguments: dict[str, Any] = {"azure_endpoint": f"{parts.scheme}://{parts.netloc}"}
    versions = parse_qs(query).get("api-version")
    arguments["api_version"] = versions[0] if versions else Told(VERSION, "which one it was is not recorded")
    deployment = unquote(parts.path.partition(DEPLOYMENTS)[2].strip("/"))
    if deployment and deployment != model:
        arguments["azure_deployment"] = deployment
    return Client("AzureOpenAI", arguments)


def _other(base: str, name: str, *, guess: bool) -> Client:
    """Return a client for another server than the usual, which is not sent the key of the usual one."""
    key = None if is_loopback(name) else f"{(provider_of(name) or 'other').upper()}_API_KEY"
    if not guess:
        return Client("OpenAI", {"base_url": base}, key)
    known = name in PATHS
    whole = base + PATHS.get(name, "/v1")
    return Client("OpenAI", {"base_url": whole if known else Told(whole, "its path is a guess")}, key)


def _url(span: ReadableSpan, near: Iterable[ReadableSpan]) -> str | None:
    """Return the URL that the call was sent to, where anything says it."""
    of_attempts = (
        text(each, otel.URL_FULL)
        for each in near
        if is_attempt(each) and each.parent is not None and each.parent.span_id == id_of(span)
    )
    found = text(span, otel.URL_FULL) or next(filter(None, of_attempts), None)
    try:
        return found if found is not None and urlsplit(found).hostname and urlsplit(found).scheme else None
    except ValueError:
        return None


def _origin(host: str, port: int | None) -> str:
    scheme = "https" if port in {None, 443} and not is_loopback(host) else "http"
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in {None, 443, 80} else f"{scheme}://{shown}:{port}"


def _is_azure(span: ReadableSpan, name: str) -> bool:
    told = text(span, oi.LLM_PROVIDER, ai.GEN_AI_PROVIDER_NAME) or ""
    return provider_of(name) == "azure" or told.startswith("azure")
