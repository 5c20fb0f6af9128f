"""The spans of attempts: when there are any, where they stand, what they add up to, what the server said in each."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from asks import ASKS, Ask, each
from opentelemetry.sdk.trace import ReadableSpan
from told import ANSWERED, COUNTED, GOOD, attempt, call, refused, retried, told

from asking import HTTP
from flavours import Flavour
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, chunks, completion, error

AGAIN = Reply(error("Slow down"), status=429, headers={"retry-after": "0.005"})
REFUSED = Reply(error("No"), status=400)
SPLIT = ("attempts", "backoff", "body", "rest")


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def nanoseconds(span: ReadableSpan) -> int:
    """Return how long a span took."""
    return (span.end_time or 0) - (span.start_time or 0)


@pytest.mark.parametrize(
    ("setting", "answers", "attempts"),
    [
        ("retries", [], 0),
        ("retries", [AGAIN], 2),
        ("retries", [AGAIN, AGAIN], 3),
        ("retries", [REFUSED], 1),
        ("always", [], 1),
        ("always", [AGAIN], 2),
        ("always", [REFUSED], 1),
        ("off", [], 0),
        ("off", [AGAIN], 0),
        ("off", [REFUSED], 0),
    ],
)
def test_setting(
    setting: str,
    answers: list[Reply],
    attempts: int,
    flavour: Flavour,
    server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`attempt_spans`, given in code or as a variable, says which calls have attempt spans; all are counted."""
    seen = {}
    for way, options in (("code", {"attempt_spans": setting}), ("variable", {})):
        server.script(*answers)
        monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "off" if options else setting)
        with captured_spans(**options) as captured:
            try:
                flavour.create(flavour.client(server))
            except openai.BadRequestError:
                assert REFUSED in answers
            *children, whole = captured.spans
            seen[way] = ([span.name for span in children], attributes(whole)["spanglass.attempt.count"])

    took = len(answers) if REFUSED in answers else len(answers) + 1
    assert seen == dict.fromkeys(("code", "variable"), (["attempt"] * attempts, took))


@each(ASKS)
def test_only_attempt_of_a_good_call(ask: Ask, flavour: Flavour, server: OpenAIServer) -> None:
    """Where wanted always, the one attempt of a call that succeeded says as much as any other."""
    server.script(ask.answer)
    with captured_spans(attempt_spans="always") as captured:
        ask.create(flavour, flavour.client(server))

    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, GOOD, ask=ask),
        call(server, ask.answered, ask.counted, ask=ask),
    ]


def test_openinference_alone(flavour: Flavour, server: OpenAIServer) -> None:
    """With OpenInference as the only convention, attempts have the HTTP convention's names and none of ours."""
    server.script(AGAIN)

    with captured_spans(conventions=("openinference",)) as captured:
        flavour.create(flavour.client(server))

    first, second, whole = (told(span) for span in captured.spans)
    assert [first, second] == [
        attempt(server, 1, refused(429), description="HTTP 429"),
        attempt(server, 2, GOOD),
    ]
    assert [key for key in whole.attributes if key.startswith(("spanglass", "server"))] == []


def plain(flavour: Flavour, client: Any) -> None:
    """Make a call."""
    flavour.create(client)


def streamed(flavour: Flavour, client: Any) -> None:
    """Make a call and read its stream."""
    flavour.take(flavour.create(client, stream=True))


def left(flavour: Flavour, client: Any) -> None:
    """Make a call and leave its stream after a chunk."""
    flavour.take(flavour.create(client, stream=True), 1, entered=True)


def failing(flavour: Flavour, client: Any) -> None:
    """Make a call that fails."""
    with pytest.raises(openai.OpenAIError):
        flavour.create(client)


@pytest.mark.parametrize(
    ("answers", "act"),
    [
        ([], plain),
        ([AGAIN, AGAIN], plain),
        ([AGAIN, Stream(chunks())], streamed),
        ([Stream(chunks(), delay=0.005)], left),
        ([AGAIN, REFUSED], failing),
    ],
    ids=["plain", "retried", "stream", "left stream", "failed"],
)
def test_times_add_up(
    answers: list[Reply | Stream], act: Callable[[Flavour, Any], None], flavour: Flavour, server: OpenAIServer
) -> None:
    """Attempts, backoff, body and rest make up the call to the microsecond; the attempts and gaps, their shares."""
    server.script(*answers)

    with captured_spans(attempt_spans="always") as captured:
        act(flavour, flavour.client(server))

    *children, whole = captured.spans
    shares = {part: attributes(whole)[f"spanglass.time.{part}"] for part in SPLIT}
    gaps = [(after.start_time or 0) - (before.end_time or 0) for before, after in zip(children, children[1:])]  # noqa: B905, RUF007 - strict= would want equal lengths
    assert sum(shares.values()) == pytest.approx(nanoseconds(whole) / 1e9, abs=1e-6)
    assert {**shares, "attempts": sum(map(nanoseconds, children)) / 1e9, "backoff": sum(gaps) / 1e9} == pytest.approx(
        shares, abs=1e-6
    )
    assert [part for part, seconds in shares.items() if seconds < 0] == []
    assert (shares["body"] > 0) == (act in {streamed, left})


def test_place_of_attempts(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Attempts are children of their call, within its time, one after the other, and end before it."""
    server.script(AGAIN, AGAIN)

    flavour.create(flavour.client(server))

    *children, whole = captured.spans
    assert [span.parent for span in children] == [whole.context] * 3
    times = [time or 0 for span in children for time in (span.start_time, span.end_time)]
    assert [whole.start_time, *times, whole.end_time] == sorted([whole.start_time or 0, *times, whole.end_time or 0])


LIMITED = {
    "openai-processing-ms": "120",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "X-RateLimit-Remaining-Requests": "0",
    "x-ratelimit-remaining-tokens": "150",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6m0s",
    "retry-after": "0.001",
}
SAID = {
    "spanglass.processing_time": 0.12,
    "spanglass.ratelimit.limit_requests": 500,
    "spanglass.ratelimit.limit_tokens": 200000,
    "spanglass.ratelimit.remaining_requests": 0,
    "spanglass.ratelimit.remaining_tokens": 150,
    "spanglass.ratelimit.reset_requests": "120ms",
    "spanglass.ratelimit.reset_tokens": "6m0s",
}


def test_what_the_server_said(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Each attempt has its own request id, limits and processing time, and the call has those of its last."""
    later = {"x-request-id": "req_2", "openai-processing-ms": "80.5", "x-ratelimit-remaining-tokens": "plenty"}
    server.script(
        Reply(status=429, headers={**LIMITED, "x-request-id": "req_1"}),
        Reply(completion(), headers=later),
    )

    flavour.create(flavour.client(server))

    last = {"spanglass.response.request_id": "req_2", "spanglass.processing_time": 0.0805}
    assert [told(span) for span in captured.spans] == [
        attempt(
            server,
            1,
            refused(429),
            retried("status_429", "retry-after", "0.001"),
            SAID,
            {"spanglass.response.request_id": "req_1"},
            description="HTTP 429",
        ),
        attempt(server, 2, GOOD, last),
        call(server, ANSWERED, COUNTED, last, {"spanglass.attempt.count": 2}),
    ]


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"x-request-id": "req"}, "req"),
        ({"apim-request-id": "apim"}, "apim"),
        ({"apim-request-id": "apim", "X-Request-ID": "req"}, "req"),
    ],
)
def test_request_id(
    headers: dict[str, str], known: str, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """The id to ask the provider about is `x-request-id`, and Azure's gateway's where there is none."""
    server.script(Reply(completion(), headers=headers))

    flavour.create(flavour.client(server))

    assert [told(span) for span in captured.spans] == [
        call(server, ANSWERED, COUNTED, {"spanglass.response.request_id": known})
    ]


def test_requests_of_others_are_no_attempts(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A request that a token provider makes while the call is under way is not taken for an attempt of it."""

    def token() -> str:
        return HTTP.get(f"{server.url}/token").json()["error"]["code"]  # type: ignore[no-any-return]

    flavour.create(flavour.azure(server, api_key=None, azure_ad_token_provider=token), model="gpt-4o-mini")

    assert len(server.journal) == 2
    assert [attributes(span)["spanglass.attempt.count"] for span in captured.spans] == [1]
