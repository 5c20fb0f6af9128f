"""An API in memory: the SDK's own clients, over a transport that answers at once."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import openai

from spanglass.testing import chunks, completion, embeddings, error, response, response_events

# The family of HTTP client that the SDK takes by itself.
http: Final[Any] = import_module("httpx2" if find_spec("httpx2") else "httpx")
OPTIONS: Final[dict[str, Any]] = {"api_key": "test", "base_url": "https://api.openai.com/v1", "max_retries": 0}
HEADERS: Final = {
    "x-request-id": "req_1",
    "openai-processing-ms": "412",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999976",
}
USAGE: Final = {
    "prompt_tokens": 24,
    "completion_tokens": 9,
    "total_tokens": 33,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}

Answers = Callable[[Any], Any]


def whole(told: Mapping[str, Any] | None = None) -> Answers:
    """Return what answers each request with this, or with a chat completion."""
    chat = completion("Paris.", model="gpt-4o-mini-2024-07-18", usage=USAGE, system_fingerprint="fp_44709d6fcb")
    body = json.dumps(chat if told is None else told).encode()
    headers = {**HEADERS, "content-type": "application/json"}
    return lambda _: http.Response(200, headers=headers, content=body)


def answered() -> Answers:
    """Return what answers each request with a response."""
    return whole(response("Paris.", model="gpt-4o-mini-2024-07-18"))


def embedded() -> Answers:
    """Return what answers each request with a vector, as the SDK asks for it."""
    return whole(embeddings([[0.5] * 1_536], base64_encoded=True))


def refused() -> Answers:
    """Return what refuses each request."""
    body = json.dumps(error("Incorrect API key provided.", code="invalid_api_key")).encode()
    headers = {"x-request-id": "req_1", "content-type": "application/json"}
    return lambda _: http.Response(401, headers=headers, content=body)


Streaming = Callable[[int], Answers]
"""Returns what answers each request with a stream of so many pieces of text."""


def streamed(pieces: int) -> Answers:
    """Return what answers each request with a streamed chat, each piece sent by itself."""
    return _events([*chunks([" word"] * pieces, usage=USAGE)], b"data: [DONE]\n\n")


def responding(pieces: int) -> Answers:
    """Return what answers each request with a streamed response, likewise."""
    return _events(response_events([" word"] * pieces))


def _events(told: Sequence[Mapping[str, Any]], *last: bytes) -> Answers:
    events = [*(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in told), *last]
    # An iterator: bytes at hand would be read, and closed, before the SDK has the response.
    return lambda _: http.Response(200, headers={**HEADERS, "content-type": "text/event-stream"}, content=iter(events))


def for_async(answers: Answers) -> Answers:
    """Return what does the same for an async client."""

    async def sent(response: Any) -> AsyncIterator[bytes]:
        for event in response.stream:
            yield event

    def answer(request: Any) -> Any:
        response = answers(request)
        return http.Response(200, headers=response.headers, content=sent(response))

    return answer


def client(answers: Answers) -> openai.OpenAI:
    """Return a client of the SDK that gets these answers."""
    return openai.OpenAI(**OPTIONS, http_client=http.Client(transport=http.MockTransport(answers)))


def async_client(answers: Answers) -> openai.AsyncOpenAI:
    """Return an async client of the SDK that gets these answers."""
    return openai.AsyncOpenAI(**OPTIONS, http_client=http.AsyncClient(transport=http.MockTransport(answers)))
