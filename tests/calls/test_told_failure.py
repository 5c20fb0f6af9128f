"""A failure that a response tells of, and that nobody raises: how it is told, counted and hidden."""

from typing import Any

import pytest
from asks import RESPONSES, RETRIEVE
from opentelemetry.sdk.trace import ReadableSpan

from flavours import Flavour
from metered import DURATION, Counting
from spanglass.credentials import REDACTED
from spanglass.testing import OpenAIServer, Reply, Stream, captured_spans, response, response_events

# A client's key that has no form of its own: only the client knows that it is one.
KEY = "plainly-a-key"
SAYS = f"You sent {KEY}."


def act(flavour: Flavour, server: OpenAIServer, counting: Counting, error: Any, **options: Any) -> ReadableSpan:
    """Make a call whose response tells of this error, and return its span."""
    server.script(Reply(response([], status="failed", error=error)))
    with captured_spans(meter_provider=counting.provider, **options) as captured:
        RESPONSES.create(flavour, flavour.client(server, api_key=KEY))
    (span,) = captured.spans
    return span


def types(counting: Counting) -> list[Any]:
    """Return by what the metrics tell failures apart."""
    return [point.attributes.get("error.type") for point in counting.points()[DURATION]]


@pytest.mark.parametrize("settings", [{}, {"content": "off"}, {"redactor": lambda _: None}], ids=["all", "off", "own"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", "server_error"),
        ("gpt-4.1.down", "gpt-4.1.down"),
        (SAYS, "failed"),
        ({"a": SAYS}, "failed"),
        ("", "failed"),
        (None, "failed"),
        (503, "failed"),
        ("x" * 65, "failed"),
    ],
    ids=["word", "dots", "sentence", "object", "empty", "nothing", "number", "long"],
)
def test_kind_of_a_failure(
    code: Any, kind: str, settings: dict[str, Any], flavour: Flavour, server: OpenAIServer, counting: Counting
) -> None:
    """The API's code is the kind of the failure where it is a word, whole; metrics get no text, whatever it quotes."""
    span = act(flavour, server, counting, {"code": code, "message": "No."}, **settings)

    said = REDACTED if settings.get("content") == "off" else "No."
    told = (span.status.description, (span.attributes or {})["error.type"], types(counting))
    assert (f"{kind}: {said}", kind, [kind]) == told


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_secret_that_is_told_again(stream: bool, flavour: Flavour, server: OpenAIServer) -> None:  # noqa: FBT001 - pytest's
    """A key of the client's that the API tells again is told nowhere, even as the code itself."""
    error = {"code": KEY, "message": SAYS, "param": KEY, "type": KEY}
    ends: dict[str, Any] = {"status": "failed", "error": error}
    client = flavour.client(server, api_key=KEY)
    with captured_spans(conventions=("openinference", "spanglass", "gen_ai")) as captured:
        for ask in (RESPONSES, RETRIEVE):
            server.script(Stream(response_events([], **ends), done=False) if stream else Reply(response([], **ends)))
            flavour.take(ask.open(flavour, client)) if stream else ask.create(flavour, client)

    assert [f"{REDACTED}: You sent {REDACTED}."] * 2 == [span.status.description for span in captured.spans]
    assert not any(KEY in span.to_json() for span in captured.spans)
