"""What one client carries of its own: what it is traced with, and the retries that a single call asks for.

`max_retries=` travels from a resource's method to `request` as a header, which `request` takes off again: it goes with
this call and no other, through raw responses and stream managers, and names nothing of the SDK's inside.
"""

from contextvars import ContextVar
from typing import Any

from spanglass.calls.begin import SENTINELS
from spanglass.calls.tracing import Tracing

# Under which a client holds its Tracing.
OWN = "_spanglass"
HEADER = "x-spanglass-max-retries"
# What the client has that is being copied: its copy, which is made by the same constructor, needs none of its own.
handed: ContextVar[Tracing | None] = ContextVar("spanglass_handed", default=None)
RAW = ("with_raw_response", "with_streaming_response")


def with_retries(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a resource's method as the SDK takes them, `max_retries` put into a header.

    Raises TypeError or ValueError, in the SDK's own words, for what is no whole number of 0 or more.
    """
    if "max_retries" not in given:
        return given
    passed = dict(given)
    asked = passed.pop("max_retries")
    if asked is None or asked.__class__.__name__ in SENTINELS:
        return passed
    wrong = TypeError if not isinstance(asked, int) else ValueError if asked < 0 else None
    if wrong is not None:
        message = "max_retries must be a non-negative integer"
        raise wrong(message)
    passed["extra_headers"] = {**(passed.get("extra_headers") or {}), HEADER: str(int(asked))}
    return passed


def take_retries(options: Any) -> None:
    """Turn that header, where a request has it, into the request's own option."""
    headers = options.headers
    if headers.__class__ is dict and HEADER in headers:
        options.max_retries = int(headers[HEADER])
        options.headers = {name: headers[name] for name in headers if name != HEADER}


def renew(client: Any) -> None:
    """Make anew what a client and its resources keep for raw responses: it has the methods as they were."""
    _renew(client, client)


def _renew(client: Any, owner: Any) -> None:
    kept = owner.__dict__
    for name in RAW:
        if name in kept:
            kept[name] = type(kept[name])(owner)
    for value in list(kept.values()):
        if getattr(value, "__dict__", {}).get("_client") is client:  # a resource
            _renew(client, value)
