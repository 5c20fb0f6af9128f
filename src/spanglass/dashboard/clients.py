"""The client that a call was made by: that of the SDK, for the server that a span names."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.calls.server import provider_of
from spanglass.dashboard.hosts import is_address, is_loopback
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

AZURE: Final = "AZURE_OPENAI_API_KEY"
KEYS: Final = {
    re.compile(r"[\w-]+\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)", re.ASCII): AZURE,
    re.compile(r"bedrock-\w+\.[\w-]+\.(amazonaws\.com|api\.aws)", re.ASCII): "AWS_BEARER_TOKEN_BEDROCK",
}
"""The variables of the keys for servers of FOR_HIRE."""
FOR_HIRE: Final = {"azure", "aws"}
"""Providers in whose domains anybody has servers of their own."""

_is_name = re.compile(r"[\w.-]{1,253}", re.ASCII).fullmatch
_is_url = re.compile(
    r"https?://(?:[\w.-]{1,253}|\[([\da-f:.]{2,45})\])(?::\d{1,5})?(?:[/?].*)?", re.ASCII | re.IGNORECASE | re.DOTALL
).fullmatch
"""Of such a URL nobody reads another host than we do."""


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
    elif host is None or host == USUAL or not (_is_name(host) or is_address(host)):
        return Client("OpenAI", {})
    else:
        base, query = _origin(host, None if port is None else int(port)), ""
    name = urlsplit(base).hostname or ""
    if name == USUAL:
        return Client("OpenAI", {})
    if _is_azure(span, name, base) and "/openai/v1" not in base:
        return _azure(base, query, model)
    return _other(base, name, guess=url is None)


def _azure(base: str, query: str, model: Any) -> Client:
    parts = urlsplit(base)
    path, _, deployed = parts.path.partition(DEPLOYMENTS)
    arguments: dict[str, Any] = {"azure_endpoint": f"{parts.scheme}://{parts.netloc}{path.removesuffix('/openai')}"}
    versions = parse_qs(query).get("api-version")
    arguments["api_version"] = versions[0] if versions else Told(VERSION, "which one it was is not recorded")
    deployment = unquote(deployed.strip("/"))
    if deployment and deployment != model:
        arguments["azure_deployment"] = deployment
    key = _key(parts.hostname or "")
    return Client("AzureOpenAI", arguments, None if key == AZURE else key)


def _key(name: str) -> str | None:
    """Return the variable of the key for a host; None of this machine, which is sent whichever the client reads."""
    if is_loopback(name):
        return None
    known, provider = next((key for own, key in KEYS.items() if own.fullmatch(name)), None), provider_of(name)
    return known or f"{'OTHER' if provider is None or provider in FOR_HIRE else provider.upper()}_API_KEY"


def _other(base: str, name: str, *, guess: bool) -> Client:
    """Return a client for another server than the usual, which is not sent the key of the usual one."""
    whole = base + PATHS.get(name, "/v1") if guess else base
    told = Told(whole, "its path is a guess") if guess and name not in PATHS else whole
    return Client("OpenAI", {"base_url": told}, _key(name))


def _url(span: ReadableSpan, near: Iterable[ReadableSpan]) -> str | None:
    """Return the URL that the call was sent to, where anything says it."""
    of_attempts = (
        text(each, otel.URL_FULL)
        for each in near
        if is_attempt(each) and each.parent is not None and each.parent.span_id == id_of(span)
    )
    found = text(span, otel.URL_FULL) or next(filter(None, of_attempts), None)
    read = _is_url(found or "")
    return found if read is not None and (read[1] is None or is_address(read[1])) else None


def _origin(host: str, port: int | None) -> str:
    scheme = "https" if port in {None, 443} and not is_loopback(host) else "http"
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in {None, 443, 80} else f"{scheme}://{shown}:{port}"


def _is_azure(span: ReadableSpan, name: str, base: str) -> bool:
    told = text(span, oi.LLM_PROVIDER, ai.GEN_AI_PROVIDER_NAME) or ""
    return provider_of(name) == "azure" or told.startswith("azure") or DEPLOYMENTS in base
