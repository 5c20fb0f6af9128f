"""A call, as the Python that makes it again."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.asking import body_of, told_of
from spanglass.dashboard.clients import Client, client_of
from spanglass.dashboard.literals import NEEDED, STEP, WIDTH, Named, Shown, laid_out
from spanglass.dashboard.methods import CHAT, COMPLETION, METHODS, RESPONSE, Method
from spanglass.reading.spans import endpoint_of, is_attempt, is_call, is_ours, text
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi

OPENAI: Final = ("openai", "azure")
"""How the names begin of whom the SDK is for; other APIs are asked by SDKs of their own."""


def snippet(span: ReadableSpan, near: Iterable[ReadableSpan] = ()) -> str | None:
    """Return a program that repeats the call of a span; None of a span that is no call by the SDK.

    `near` are the spans beside it, of which its attempts tell the server's whole URL. The program is valid Python
    whatever the span holds. What the span does not hold, or holds too much of, is a comment in its place.
    """
    body = body_of(span)
    method = _method(span, body or {})
    if method is None:
        return None
    whole = body is not None and not ("messages" in body and method.path.startswith(RESPONSE.path))  # else told anew
    if body is None:
        said = {name: value for name, value in method.said(span).items() if value}
        if not said and not is_ours(span):
            return None
        body = {**{name: value for name, value in told_of(span).items() if name in method.takes}, **said}
    elif not whole:
        body = {**{name: body[name] for name in body if name != "messages"}, **method.said(span)}
    shown = Shown()
    body = shown.of({**_needed(span, method, body, whole=whole), **body})
    call = _call(method, body)
    client = client_of(span, near, method.path, body.get("model"))
    constants = [f'{name} = "…"  # {comment}' for name, comment in shown.constants.items()]
    blocks = [_imports(client), constants, _constructed(client), call]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _method(span: ReadableSpan, body: Mapping[str, Any]) -> Method | None:
    """Return the method that made a call; None where it was none of the SDK's."""
    if is_attempt(span):
        return None
    operation = text(span, ai.GEN_AI_OPERATION_NAME)
    if is_ours(span):
        called = operation or text(span, oi.LLM_SYSTEM) or is_call(span)
        method = METHODS.get(endpoint_of(span)) if called else None
    else:
        maker = text(span, oi.LLM_SYSTEM, oi.LLM_PROVIDER, ai.GEN_AI_PROVIDER_NAME)
        if not is_call(span) or not (maker or OPENAI[0]).startswith(OPENAI):
            return None
        kind = text(span, oi.OPENINFERENCE_SPAN_KIND)
        method = METHODS.get(operation or "") or METHODS.get(endpoint_of(span)) or METHODS.get(kind or "", CHAT)
    if method is CHAT and "messages" not in body:
        responds = "input" in body or text(span, ai.OPENAI_API_TYPE) == "responses"
        return RESPONSE if responds else COMPLETION if "prompt" in body else CHAT
    return method


def _needed(span: ReadableSpan, method: Method, body: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return what the method needs and the body has not."""
    if method.first != CHAT.first and "model" not in method.first:
        return {name: value or NEEDED for name, value in method.said(span).items() if name not in body}
    told = told_of(span)
    if method in {CHAT, COMPLETION, METHODS["EMBEDDING"]}:
        needed = method.first
    else:
        needed = () if whole or "prompt" in body else ("model", "input")
    return {name: told.get(name, NEEDED) for name in needed if name not in body}


def _imports(client: Client) -> list[str]:
    return [*(["import os", ""] if client.key else []), f"from openai import {client.kind}"]


def _constructed(client: Client) -> list[str]:
    key = {} if client.key is None else {"api_key": Named(f'os.environ["{client.key}"]')}
    return _called(f"client = {client.kind}", {**client.arguments, **key})


def _call(method: Method, body: Mapping[str, Any]) -> list[str]:
    names = [*(name for name in method.first if name in body), *(name for name in body if name not in method.first)]
    arguments = {name: body[name] for name in names if name in method.takes}
    extra = {name: body[name] for name in names if name not in method.takes}
    if extra:
        arguments[method.extra] = extra
    if body.get("stream"):
        loop = ["for chunk in stream:", f"{' ' * STEP}print(chunk)"]
        return [*_called(f"stream = client.{method.name}", arguments), *loop]
    return [*_called(f"response = client.{method.name}", arguments), "print(response)"]


def _called(function: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return the lines of a call, one for each argument where they do not fit in one."""
    lines = [line for name, value in arguments.items() for line in laid_out(value, f"{name}=", ",", STEP)]
    flat = f"{function}({', '.join(line.strip().removesuffix(',') for line in lines)})"
    if len(lines) == len(arguments) and len(flat) <= WIDTH and "#" not in flat:
        return [flat]
    return [f"{function}(", *lines, ")"]
