"""Our own names: whole attribute dicts against literals."""

from typing import Any

import pytest

from spanglass.record import Attempt, Failure, Message, Part, Record, Split, StreamStats, Usage
from spanglass.writers import WRITERS
from spanglass.writers.extras import attempt_attributes

WRITER = WRITERS["spanglass"]
LIMITS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "plenty",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6m0s",
    "x-ratelimit-of-tomorrow": "1",
}
WRITTEN_LIMITS = {
    "spanglass.ratelimit.limit_requests": 500,
    "spanglass.ratelimit.limit_tokens": 200000,
    "spanglass.ratelimit.remaining_requests": 499,
    "spanglass.ratelimit.reset_requests": "120ms",
    "spanglass.ratelimit.reset_tokens": "6m0s",
}


def record(**more: Any) -> Record:
    """Return a record of a chat with what every one has."""
    return Record(name="ChatCompletion", kind="LLM", operation="chat", **more)


def written(source: Record) -> dict[str, Any]:
    """Return all that is written at the end."""
    out: dict[str, Any] = {}
    WRITER.write(source, out)
    return out


def test_start() -> None:
    """The server is known at the start."""
    source = record(address="api.openai.com", port=443)
    out: dict[str, Any] = {}

    WRITER.start(source, out)

    assert (WRITER.span_name(source), WRITER.marks_success) == ("ChatCompletion", True)
    assert out == {"server.address": "api.openai.com", "server.port": 443}


def test_nothing_known() -> None:
    """What is not known is not written."""
    assert written(record()) == {}


def test_call() -> None:
    """The call's span tells its attempts, its time split in seconds, the limits and what the server said."""
    source = record(
        helper="create",
        response_id="chatcmpl-1",
        service_tier="default",
        fingerprint="fp_1",
        attempts=[
            Attempt(1, 0, status=429, request_id="req_1"),
            Attempt(2, 2, status=200, request_id="req_2", processing_ms=250, limits=LIMITS),
        ],
        split=Split(attempts=1_000_000_000, backoff=500_000_000, body=250_000_000, rest=1),
        usage=Usage(1, 2, 3, details={"prompt.text_tokens": 1, "completion.text_tokens": 2}),
        output_messages=[Message("assistant", "Hi")],
    )

    assert written(source) == {
        "spanglass.sdk.helper": "create",
        "spanglass.response.id": "chatcmpl-1",
        "spanglass.response.service_tier": "default",
        "spanglass.response.system_fingerprint": "fp_1",
        "spanglass.response.request_id": "req_2",
        "spanglass.attempt.count": 2,
        "spanglass.time.attempts": 1.0,
        "spanglass.time.backoff": 0.5,
        "spanglass.time.body": 0.25,
        "spanglass.time.rest": 1e-9,
        "spanglass.processing_time": 0.25,
        "spanglass.usage.details.prompt.text_tokens": 1,
        "spanglass.usage.details.completion.text_tokens": 2,
        **WRITTEN_LIMITS,
    }


@pytest.mark.parametrize(
    ("usage", "estimate"), [(None, {"spanglass.usage.estimated_completion_tokens": 3}), (Usage(1, 2, 3), {})]
)
def test_stream(usage: Usage | None, estimate: dict[str, Any]) -> None:
    """A stream tells how it went, and estimates tokens only where the provider counted none."""
    source = record(
        stream=StreamStats(
            "closed",
            chunks=4,
            first=350_000_000,
            longest_gap=2_000_000_000,
            longest_gap_at=400_000_000,
            estimated_tokens=3,
        ),
        usage=usage,
    )

    assert written(source) == {
        "spanglass.stream.outcome": "closed",
        "spanglass.stream.chunk_count": 4,
        "spanglass.stream.time_to_first_chunk": 0.35,
        "spanglass.stream.longest_gap": 2.0,
        "spanglass.stream.longest_gap_at": 0.4,
        **estimate,
    }


def test_empty_stream() -> None:
    """A stream without chunks tells no times, and no estimate."""
    assert written(record(stream=StreamStats("truncated"))) == {
        "spanglass.stream.outcome": "truncated",
        "spanglass.stream.chunk_count": 0,
    }


@pytest.mark.parametrize(
    "refused",
    [Message("assistant", refusal="No."), Message("assistant", parts=[Part("text", "Well."), Part("refusal", "No.")])],
    ids=["alone", "beside a text"],
)
def test_refusal(refused: Message) -> None:
    """A refusal in any of the choices is told."""
    source = record(output_messages=[Message("assistant", "Hi"), refused])

    assert written(source) == {"spanglass.response.refusal": True}


def test_failure() -> None:
    """A failure tells the exception's qualified name, the status, and what the API said in the error."""
    source = record(
        failure=Failure(
            "openai.RateLimitError",
            "Slow down",
            status=429,
            code="rate_limit_exceeded",
            param="model",
            api_type="requests",
            request_id="req_1",
        )
    )

    assert written(source) == {
        "error.type": "openai.RateLimitError",
        "http.response.status_code": 429,
        "spanglass.error.code": "rate_limit_exceeded",
        "spanglass.error.type": "requests",
        "spanglass.error.param": "model",
        "spanglass.response.request_id": "req_1",
    }


def test_attempt() -> None:
    """An attempt's span has the HTTP convention's names, and beside them what we know of the retry where asked for."""
    attempt = Attempt(
        2,
        0,
        method="POST",
        url="https://user:pw@127.0.0.1:8080/v1/chat/completions?api-version=1&sig=abc",
        address="127.0.0.1",
        port=8080,
        status=429,
        failure=Failure("openai.RateLimitError", "Slow down"),
        request_id="req_2",
        retry_after="2",
        processing_ms=12.5,
        limits=LIMITS,
        backoff=2_000_000_000,
        backoff_source="retry-after",
        reason="status_429",
    )
    plain = {
        "openinference.span.kind": "CHAIN",
        "http.request.method": "POST",
        "url.full": "https://__REDACTED__@127.0.0.1:8080/v1/chat/completions?api-version=1&sig=__REDACTED__",
        "server.address": "127.0.0.1",
        "server.port": 8080,
        "http.response.status_code": 429,
        "http.request.resend_count": 1,
        "error.type": "429",
    }

    assert attempt_attributes(attempt, extras=False) == plain
    assert attempt_attributes(attempt, extras=True) == {
        **plain,
        "spanglass.response.request_id": "req_2",
        "spanglass.processing_time": 0.0125,
        "spanglass.attempt.retry_reason": "status_429",
        "spanglass.attempt.backoff": 2.0,
        "spanglass.attempt.backoff_source": "retry-after",
        "spanglass.attempt.retry_after": "2",
        **WRITTEN_LIMITS,
    }


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (Attempt(1, 0, status=200), {"http.response.status_code": 200}),
        (Attempt(1, 0, status=503), {"http.response.status_code": 503, "error.type": "503"}),
        (Attempt(1, 0, failure=Failure("httpx.ReadTimeout", "")), {"error.type": "httpx.ReadTimeout"}),
        (
            Attempt(1, 0, status=200, failure=Failure("httpx.ReadError", "")),
            {"http.response.status_code": 200, "error.type": "httpx.ReadError"},
        ),
    ],
    ids=["answered", "refused", "not answered", "broken off"],
)
def test_attempt_error_type(attempt: Attempt, expected: dict[str, Any]) -> None:
    """An attempt's error is the status that says so, or else the exception."""
    assert attempt_attributes(attempt, extras=True) == {"openinference.span.kind": "CHAIN", **expected}
