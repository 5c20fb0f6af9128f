"""What a caller meets, told so that a run with the bare SDK and an instrumented one can be compared whole."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from flavours import ASK, Flavour
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.testing import Answer, OpenAIServer, captured_spans

# Different from run to run, and of no interest here.
VOLATILE = ("spanglass.time.", "spanglass.stream.time_to_first_chunk", "spanglass.stream.longest_gap", "server.")
# On the span of every call that got as far as a request; a test says what is there besides.
SENT = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.model_name": "gpt-4o-mini",
    "llm.request.model_name": "gpt-4o-mini",
    "spanglass.sdk.helper": "create",
    "spanglass.attempt.count": 1,
}
# Of what is asked where a test is about something else.
ASKED = {
    "input.value": '{"messages":[{"role":"user","content":"hi"}],"model":"gpt-4o-mini"}',
    "input.mime_type": "application/json",
    "llm.invocation_parameters": '{"model":"gpt-4o-mini"}',
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "hi",
}

Asking = Callable[[Any], Any]


class Met(NamedTuple):
    """What came back or out of one call, told in full; the warnings on the way; the bodies that went over the wire."""

    told: list[str]
    raised: str
    warned: list[str]
    sent: list[bytes]


class Told(NamedTuple):
    """A span, without what differs from run to run."""

    name: str
    status: str
    description: str | None
    attributes: dict[str, Any]


def meet(flavour: Flavour, server: OpenAIServer, answer: Answer | None, asking: Asking) -> Met:
    """Make one call with a client of its own, and return what the caller meets; its results are told one by one."""
    before = len(server.journal)
    if answer is not None:
        server.script(answer)
    client = flavour.client(server, max_retries=0)
    told: list[str] = []
    raised = ""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            result = asking(client)
            told.append(f"{type(result)} {result!r}")
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what is compared
            raised = f"{type(error).__name__}: {error}"
    return Met(
        told,
        raised,
        [f"{one.category.__name__}: {one.message}" for one in warned],
        [request.body for request in server.journal[before:]],
    )


def both(flavour: Flavour, server: OpenAIServer, answer: Answer | None, asking: Asking) -> tuple[Met, Met, list[Told]]:
    """Make a call bare and again instrumented; return both, and the spans of the latter."""
    bare = meet(flavour, server, answer, asking)
    with captured_spans() as captured:
        instrumented = meet(flavour, server, answer, asking)
    return bare, instrumented, [told(span) for span in captured.spans]


def told(span: ReadableSpan) -> Told:
    """Tell a span."""
    attributes = {key: value for key, value in (span.attributes or {}).items() if not key.startswith(VOLATILE)}
    return Told(span.name, span.status.status_code.name, span.status.description, attributes)


def outcome(met: Met, attributes: dict[str, Any]) -> Told:
    """Return the span that a plain call must leave: an error where its caller met one."""
    if not met.raised:
        return Told("ChatCompletion", "OK", None, attributes)
    return Told("ChatCompletion", "ERROR", met.raised, attributes)


def create(flavour: Flavour, **asked: Any) -> Asking:
    """Return what asks for a chat completion."""
    return lambda client: flavour.create(client, **asked)


def create_raw(flavour: Flavour) -> Asking:
    """Return what asks for a chat completion's raw response."""
    return lambda client: flavour.wait(client.chat.completions.with_raw_response.create(**ASK)).http_response.content
