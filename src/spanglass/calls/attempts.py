"""What each HTTP attempt of a call was, why another followed, and how the call's time is split among them."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from spanglass.record import Attempt, Split

MS = 1_000_000
SECOND = 1_000_000_000
SERVER_ERROR = 500
# The statuses that the SDK retries by itself, next to all of 500 and above.
RETRIED = frozenset({408, 409, 429})
TOLERANCE = 5 * MS


def _number(value: str) -> float | None:
    try:
        found = float(value)
    except ValueError:
        return None
    return found if isfinite(found) and found >= 0 else None


def _request_id(attempt: Attempt, _: str, value: str) -> None:
    attempt.request_id = attempt.request_id or value


def _processing(attempt: Attempt, _: str, value: str) -> None:
    attempt.processing_ms = _number(value)


def _limit(attempt: Attempt, name: str, value: str) -> None:
    if attempt.limits is None:
        attempt.limits = {}
    attempt.limits[name] = value


def _retry_after_ms(attempt: Attempt, name: str, value: str) -> None:
    try:
        wait = float(value)
    except ValueError:
        return
    attempt.retry_after = f"{value}ms"
    if isfinite(wait) and wait > 0:
        attempt.wait, attempt.wait_source = int(wait * MS), name


def _retry_after(attempt: Attempt, name: str, value: str) -> None:
    if attempt.retry_after is not None:  # the one in milliseconds goes before, as in the SDK, whatever it says
        return
    attempt.retry_after = value
    seconds = _number(value)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return
    if seconds > 0:
        attempt.wait, attempt.wait_source = int(seconds * SECOND), name


def _should_retry(attempt: Attempt, name: str, value: str) -> None:
    if value == "true":
        attempt.reason = name


HEADERS: dict[bytes, Callable[[Attempt, str, str], None]] = {
    b"x-request-id": _request_id,
    b"apim-request-id": _request_id,
    b"openai-processing-ms": _processing,
    b"retry-after-ms": _retry_after_ms,
    b"retry-after": _retry_after,
    b"x-should-retry": _should_retry,
    b"x-ratelimit-limit-requests": _limit,
    b"x-ratelimit-limit-tokens": _limit,
    b"x-ratelimit-remaining-requests": _limit,
    b"x-ratelimit-remaining-tokens": _limit,
    b"x-ratelimit-reset-requests": _limit,
    b"x-ratelimit-reset-tokens": _limit,
}


def answered(attempt: Attempt, response: Any) -> None:
    """Note what the response says of its attempt: the status and a few headers."""
    attempt.status = response.status_code
    # The raw list in one pass: each look-up by name would walk all of them, in Python.
    found: dict[bytes, bytes] = {}
    for given, value in response.headers.raw:
        name = given.lower()
        if name in HEADERS:
            found[name] = value
    if found:
        for name, read in HEADERS.items():
            if name in found:
                read(attempt, name.decode(), found[name].decode("latin-1"))


def link(attempts: list[Attempt]) -> None:
    """Give each attempt but the last its backoff, who chose it, and the reason why another followed."""
    for number in range(len(attempts) - 1):
        attempt = attempts[number]
        attempt.backoff = attempts[number + 1].start - attempt.end
        asked = attempt.wait is not None and attempt.backoff + TOLERANCE >= attempt.wait
        attempt.backoff_source = attempt.wait_source if asked else "sdk"
        attempt.reason = _reason(attempt)
    attempts[-1].reason = None


def _reason(attempt: Attempt) -> str:
    if attempt.status is None:
        timed_out = attempt.failure is not None and "Timeout" in attempt.failure.type
        return "timeout" if timed_out else "connection"
    if attempt.status >= SERVER_ERROR:
        return "status_5xx"
    if attempt.status in RETRIED or attempt.reason is None:
        return f"status_{attempt.status}"
    return attempt.reason


def split(attempts: list[Attempt], duration: int, *, streamed: bool) -> Split:
    """Return where the call's nanoseconds went.

    A stream's body is what came after the headers of its last attempt; otherwise the attempt has it. The rest is the
    SDK's own work.
    """
    sent = waited = 0
    for attempt in attempts:
        sent += attempt.end - attempt.start
        waited += attempt.backoff or 0
    body = duration - attempts[-1].end if streamed else 0
    return Split(sent, waited, body, duration - sent - waited - body)
