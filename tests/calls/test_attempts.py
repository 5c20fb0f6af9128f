"""Each HTTP attempt of a call: what it was, why another followed, and how long that took."""

import time
from email.utils import formatdate
from typing import Any

import openai
import pytest
from asks import ASKS, CHAT, STREAMED, Ask, each
from stories import streamed
from stories import told as story
from told import ANSWERED, COUNTED, GOOD, attempt, call, refused, retried, told

from asking import HTTP, hasten, wait_for
from flavours import Flavour
from spanglass.testing import (
    CapturedSpans,
    HangUp,
    OpenAIServer,
    Reply,
    Request,
    Stall,
    completion,
    error,
)

SOON = {"retry-after": "0.001"}
TWICE = {"spanglass.attempt.count": 2}
HTTP_CLIENTS: dict[type[Any], type[Any]] = {openai.OpenAI: HTTP.Client, openai.AsyncOpenAI: HTTP.AsyncClient}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK's own backoff begin with 40 ms."""
    hasten(monkeypatch, 0.04)


OTHERS = [ask for ask in ASKS if ask is not CHAT]
"""The endpoints for which one row of a table is enough."""


def rows(*table: tuple[Any, ...], other: int = 0) -> list[Any]:
    """Return each row of a table for a chat, and one of them for every other endpoint."""
    asked = [*((CHAT, *row) for row in table), *((ask, *table[other]) for ask in OTHERS)]
    return [pytest.param(*row, id="-".join([row[0].name, *map(str, row[1:])])) for row in asked]


@pytest.mark.parametrize(
    ("ask", "status", "headers", "reason"),
    rows(
        (429, {}, "status_429"),
        (408, {}, "status_408"),
        (409, {}, "status_409"),
        (500, {}, "status_5xx"),
        (503, {}, "status_5xx"),
        (529, {}, "status_5xx"),
        (429, {"x-should-retry": "true"}, "status_429"),
        (400, {"x-should-retry": "true"}, "x-should-retry"),
        (404, {"X-Should-Retry": "true"}, "x-should-retry"),
    ),
)
def test_status_that_is_retried(  # noqa: PLR0913, PLR0917 - the row, and the fixtures
    ask: Ask,
    status: int,
    headers: dict[str, str],
    reason: str,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """A status that the SDK retries leaves a failed attempt with its reason, then a good one, under an OK call."""
    server.script(Reply(error("No"), status=status, headers={**SOON, **headers}), ask.answer)

    ask.create(flavour, flavour.client(server))

    again = retried(reason, "retry-after", "0.001")
    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, refused(status), again, description=f"HTTP {status}", ask=ask),
        attempt(server, 2, GOOD, ask=ask),
        call(server, ask.answered, ask.counted, TWICE, ask=ask),
    ]


@pytest.mark.parametrize(
    ("ask", "status", "headers", "raised"),
    rows(
        (400, {}, "BadRequestError"),
        (401, {}, "AuthenticationError"),
        (403, {}, "PermissionDeniedError"),
        (404, {}, "NotFoundError"),
        (422, {}, "UnprocessableEntityError"),
        (500, {"x-should-retry": "false"}, "InternalServerError"),
        (429, {"x-should-retry": "false"}, "RateLimitError"),
    ),
)
def test_status_that_is_not_retried(  # noqa: PLR0913, PLR0917 - the row, and the fixtures
    ask: Ask,
    status: int,
    headers: dict[str, str],
    raised: str,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """A status that the SDK does not retry leaves one failed attempt, under a call that failed of it."""
    server.script(Reply(error("No", code="c", param="p"), status=status, headers={**headers, "x-request-id": "req"}))

    with pytest.raises(getattr(openai, raised)) as info:
        ask.create(flavour, flavour.client(server))

    failure = {
        "error.type": f"openai.{raised}",
        "http.response.status_code": status,
        "spanglass.error.code": "c",
        "spanglass.error.type": "invalid_request_error",
        "spanglass.error.param": "p",
        "spanglass.response.request_id": "req",
    }
    assert [told(span) for span in captured.spans] == [
        attempt(
            server, 1, refused(status), {"spanglass.response.request_id": "req"}, description=f"HTTP {status}", ask=ask
        ),
        call(server, failure, ask=ask, status="ERROR", description=f"{raised}: {info.value}", events=("exception",)),
    ]


@pytest.mark.parametrize(
    ("headers", "told_of_it", "least"),
    [
        ({"retry-after-ms": "30"}, ("retry-after-ms", "30ms"), 0.03),
        ({"retry-after-ms": "30.5"}, ("retry-after-ms", "30.5ms"), 0.0305),
        ({"retry-after": "0.06"}, ("retry-after", "0.06"), 0.06),
        ({"retry-after-ms": "10", "retry-after": "5"}, ("retry-after-ms", "10ms"), 0.01),
        ({"retry-after-ms": "soon", "retry-after": "0.06"}, ("retry-after", "0.06"), 0.06),
        ({}, ("sdk", None), 0.03),
        ({"retry-after": "0"}, ("sdk", "0"), 0.03),
        ({"retry-after": "-1"}, ("sdk", "-1"), 0.03),
        ({"retry-after": "nan"}, ("sdk", "nan"), 0.03),
        ({"retry-after": "soon"}, ("sdk", "soon"), 0.03),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, ("sdk", "Wed, 21 Oct 2015 07:28:00 GMT"), 0.03),
    ],
)
def test_who_chose_the_backoff(
    headers: dict[str, str],
    told_of_it: tuple[str, str | None],
    least: float,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """The backoff is the server's where the SDK obeyed its header, and the SDK's own where it could not."""
    server.script(Reply(status=429, headers=headers))

    flavour.create(flavour.client(server))

    first, second, whole = captured.spans
    assert [told(first), told(second), told(whole)] == [
        attempt(server, 1, refused(429), retried("status_429", *told_of_it), description="HTTP 429"),
        attempt(server, 2, GOOD),
        call(server, ANSWERED, COUNTED, TWICE),
    ]
    backoff = (first.attributes or {})["spanglass.attempt.backoff"]
    assert backoff == (whole.attributes or {})["spanglass.time.backoff"]
    assert isinstance(backoff, float)
    assert backoff >= least
    assert backoff == pytest.approx(((second.start_time or 0) - (first.end_time or 0)) / 1e9, abs=1e-9)


def test_milliseconds_of_nothing_hide_the_seconds(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """The SDK reads no `retry-after` next to `retry-after-ms: 0`, so the backoff was its own."""
    server.script(Reply(status=429, headers={"retry-after-ms": "0", "retry-after": "0.001"}))

    flavour.create(flavour.client(server))

    assert (captured.spans[0].attributes or {})["spanglass.attempt.backoff_source"] == "sdk"


def test_retry_after_a_date(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A `retry-after` that is a date is a wait until then."""
    if wait_for({"retry-after": formatdate(time.time() + 2.9, usegmt=True)}).is_integer():
        pytest.skip("this SDK waits whole seconds, and so not until the date")
    sent: list[str] = []

    def later(_: Request) -> Reply:
        sent.append(formatdate(time.time() + 1.3, usegmt=True))
        return Reply(status=429, headers={"retry-after": sent[0]})

    server.script(later)

    flavour.create(flavour.client(server))

    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, refused(429), retried("status_429", "retry-after", sent[0]), description="HTTP 429"),
        attempt(server, 2, GOOD),
        call(server, ANSWERED, COUNTED, TWICE),
    ]


def test_wait_that_the_sdk_refuses(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A wait that is too long for the SDK ends the call, or is made short; the attempt tells what was asked for."""
    server.script(Reply(status=429, headers={"retry-after": "3600"}))

    try:
        flavour.create(flavour.client(server))
    except openai.RateLimitError:
        followed = {"spanglass.attempt.retry_after": "3600"}
    else:
        followed = retried("status_429", "sdk", "3600")

    assert told(captured.spans[0]) == attempt(server, 1, refused(429), followed, description="HTTP 429")


@each(ASKS)
def test_exhausted(ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call that failed to the last has a span for each attempt; the last one has no reason and no backoff."""
    server.script(*[Reply(error("No"), status=503, headers=SOON)] * 3)

    with pytest.raises(openai.InternalServerError) as info:
        ask.create(flavour, flavour.client(server))

    again = retried("status_5xx", "retry-after", "0.001")
    failure = {
        "spanglass.attempt.count": 3,
        "error.type": "openai.InternalServerError",
        "http.response.status_code": 503,
        "spanglass.error.type": "invalid_request_error",
    }
    last = {"spanglass.attempt.retry_after": "0.001"}
    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, refused(503), again, description="HTTP 503", ask=ask),
        attempt(server, 2, refused(503), again, description="HTTP 503", ask=ask),
        attempt(server, 3, refused(503), last, description="HTTP 503", ask=ask),
        call(
            server,
            failure,
            ask=ask,
            status="ERROR",
            description=f"InternalServerError: {info.value}",
            events=("exception",),
        ),
    ]


@pytest.mark.parametrize("where", ["client", "with_options"])
def test_no_retries(where: str, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """With `max_retries=0` there is one attempt, whatever the status."""
    server.script(Reply(status=503, headers=SOON))
    client = flavour.client(server, max_retries=0 if where == "client" else 2)

    with pytest.raises(openai.InternalServerError):
        flavour.create(client if where == "client" else client.with_options(max_retries=0))

    assert [(span.name, (span.attributes or {}).get("spanglass.attempt.count")) for span in captured.spans] == [
        ("attempt", None),
        ("ChatCompletion", 1),
    ]


def unanswered(kind: str) -> dict[str, Any]:
    """Return what an attempt's span says where no answer came."""
    return {"error.type": f"{HTTP.__name__}.{kind}"}


@pytest.mark.parametrize(
    ("ask", "answer", "kind", "reason"),
    rows(
        (HangUp(), "RemoteProtocolError", "connection"),
        (Reply(before=Stall()), "ReadTimeout", "timeout"),
        (Reply(completion(), cut_at=20), "RemoteProtocolError", "connection"),
    ),
)
def test_no_answer_is_retried(  # noqa: PLR0913, PLR0917 - the row, and the fixtures
    ask: Ask,
    answer: Reply | HangUp,
    kind: str,
    reason: str,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """An attempt that got no answer, or not the whole of one, has the transport's exception and no status."""
    server.script(answer, ask.answer)

    ask.create(flavour, flavour.client(server, timeout=0.5))

    first, *others = [told(span) for span in captured.spans]
    assert (first.description or "").startswith(f"{kind}: ")
    assert [first, *others] == [
        attempt(server, 1, unanswered(kind), retried(reason), description=first.description, ask=ask),
        attempt(server, 2, GOOD, ask=ask),
        call(server, ask.answered, ask.counted, TWICE, ask=ask),
    ]


def test_no_answer_at_last(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call that timed out to the last failed of the SDK's exception, its attempts of the transport's."""
    server.script(*[Reply(before=Stall())] * 2)

    with pytest.raises(openai.APITimeoutError):
        flavour.create(flavour.client(server, timeout=0.2, max_retries=1))

    failure = {**TWICE, "error.type": "openai.APITimeoutError"}
    first, second, whole = (told(span) for span in captured.spans)
    assert [first, second, whole] == [
        attempt(server, 1, unanswered("ReadTimeout"), retried("timeout"), description=first.description),
        attempt(server, 2, unanswered("ReadTimeout"), description=second.description),
        call(server, failure, status="ERROR", description="APITimeoutError: Request timed out.", events=("exception",)),
    ]


def test_nobody_listens(flavour: Flavour, captured: CapturedSpans) -> None:
    """A call to where nobody listens fails with an attempt span for each time it was tried."""
    with OpenAIServer() as gone:
        pass

    with pytest.raises(openai.APIConnectionError):
        flavour.create(flavour.client(gone, max_retries=1))

    failure = {**TWICE, "error.type": "openai.APIConnectionError"}
    first, second, whole = (told(span) for span in captured.spans)
    assert (first.description or "").startswith("ConnectError: ")
    assert [first, second, whole] == [
        attempt(gone, 1, unanswered("ConnectError"), retried("connection"), description=first.description),
        attempt(gone, 2, unanswered("ConnectError"), description=first.description),
        call(gone, failure, status="ERROR", description="APIConnectionError: Connection error.", events=("exception",)),
    ]


@each(STREAMED)
def test_stream_is_retried(ask: Ask, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream that was refused at first is one call with both attempts, which ends with the stream."""
    server.script(Reply(error("Slow down"), status=429, headers=SOON), ask.stream)

    flavour.take(ask.open(flavour, flavour.client(server)))

    *attempts, whole = captured.spans
    again = retried("status_429", "retry-after", "0.001")
    asked = {"url.full": f"{server.base_url}{ask.path}{'?stream=true' if ask.verb == 'GET' else ''}"}
    assert [told(span) for span in attempts] == [
        attempt(server, 1, asked, refused(429), again, description="HTTP 429", ask=ask),
        attempt(server, 2, asked, GOOD, ask=ask),
    ]
    assert story(whole) == streamed(server, "completed", ask.all, TWICE, ask=ask, status="OK")


def test_redirect_is_followed_within_an_attempt(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A redirect that the HTTP client follows is no attempt of its own."""
    server.script(Reply(status=307, headers={"location": f"{server.base_url}/chat/completions"}))
    client = flavour.client(server, http_client=HTTP_CLIENTS[flavour.kind](follow_redirects=True))

    flavour.create(client)

    assert len(server.journal) == 2
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_redirect_is_not_followed(
    *, stream: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A redirect that the SDK takes for an error is a failed attempt of a failed call."""
    server.script(Reply(status=307, headers={"location": f"{server.base_url}/chat/completions"}))
    client = flavour.client(server, http_client=HTTP_CLIENTS[flavour.kind](follow_redirects=False))

    with pytest.raises(openai.APIStatusError) as info:
        flavour.create(client, stream=stream)

    asked = {
        "input.value": server.journal[0].body.decode(),
        "llm.invocation_parameters": f'{{"model":"gpt-4o-mini","stream":{str(stream).lower()}}}',
    }
    failure = {"error.type": "openai.APIStatusError", "http.response.status_code": 307}
    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, refused(307), description="HTTP 307"),
        call(
            server, asked, failure, status="ERROR", description=f"APIStatusError: {info.value}", events=("exception",)
        ),
    ]
