"""An API in memory: the SDK's own clients, over a transport that answers at once."""

import json
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import openai

from spanglass.testing import chunks, completion, error

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


def whole() -> Answers:
    """Return what answers each request with a chat completion."""
    told = completion("Paris.", model="gpt-4o-mini-2024-07-18", usage=USAGE, system_fingerprint="fp_44709d6fcb")
    body = json.dumps(told).encode()
    headers = {**HEADERS, "content-type": "application/json"}
    return lambda _: http.Response(200, headers=headers, content=body)


def refused() -> Answers:
    """Return what refuses each request."""
    body = json.dumps(error("Incorrect API key provided.", code="invalid_api_key")).encode()
    headers = {"x-request-id": "req_1", "content-type": "application/json"}
    return lambda _: http.Response(401, headers=headers, content=body)


def streamed(pieces: int) -> Answers:
    """Return what answers each request with a stream of so many pieces of text, each sent by itself."""
    events = [b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks([" word"] * pieces, usage=USAGE)]
    events += [b"data: [DONE]\n\n"]
    # An iterator: bytes at hand would be read, and closed, before the SDK has the response.
    return lambda _: http.Response(200, headers={**HEADERS, "content-type": "text/event-stream"}, content=iter(events))


def streamed_async(pieces: int) -> Answers:
    """Return what does as `streamed` does, for an async client."""
    answers = streamed(pieces)

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
