"""The Responses API: what is asked of it, and its responses, or what a stream of events settled into."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from spanglass.credentials import without_credentials
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.events import ResponseAccumulator
from spanglass.endpoints.items import read_item
from spanglass.endpoints.shapes import count, is_json, items, text
from spanglass.endpoints.usage import read_usage
from spanglass.plain import encode, fields, whole
from spanglass.record import Failure, Message, Record, Usage

# Read into fields of their own, by these names; every other parameter of the body is an invocation parameter.
READ = {"input": "input_messages", "instructions": "input_messages", "tools": "tools"}

HEAD = (
    ("id", "response_id"),
    ("model", "response_model"),
    ("service_tier", "service_tier"),
    ("status", "status"),
)
# What the API says of how far it is; what is not named here has not succeeded, and is no failure either.
SUCCEEDED = frozenset({"completed", "queued", "in_progress"})
FAILED = "failed"


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the SDK built it, or the query; `sent` is the JSON that goes over the wire, where known."""
    clean = without_credentials(body)
    record.echoes = True
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    record.background = "background" in clean and clean["background"] is True
    record.previous_response = text(clean.get("previous_response_id"))
    held = clean.get("conversation")
    record.conversation = held if held.__class__ is str else text(fields(held).get("id"))
    messages: list[Message] = []
    if clean.get("instructions") is not None:
        record.instructed = True
        messages += [Message("system", text(clean["instructions"]))]
    given = clean.get("input")
    messages += [Message("user", given)] if given.__class__ is str else [*map(read_item, items(given))]
    record.input_messages = messages or None
    if "tools" in clean:
        record.tools = [*items(clean["tools"])]


def read_response(record: Record, response: Any, received: str | None, *, settles: bool = True) -> None:
    """Read a response; `received` is the text of its body, or None where it came as a stream.

    What `settles` decides by its status whether the call has succeeded.
    """
    raw = whole(response)
    clean = without_credentials(raw)
    record.output_value = received if received is not None and clean is raw else encode(clean)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    for key, field in HEAD:
        if raw.get(key).__class__ is str:
            setattr(record, field, raw[key] or None)
    if "output" in raw:
        record.output_messages = [read_item(item) for item in items(raw["output"])]
    if raw.get("usage") is not None:
        record.usage = read_usage(whole(raw["usage"]))
    record.finish_reason = text(fields(raw.get("incomplete_details")).get("reason")) or record.status
    if settles and record.status is not None:
        record.succeeded = record.succeeded and record.status in SUCCEEDED
    if record.status == FAILED and record.failure is None:
        error = fields(raw.get("error"))
        code = text(error.get("code")) or FAILED
        record.failure = Failure(code, text(error.get("message")) or "", code=code, raised=False)


def read_count(record: Record, response: Any, received: str | None) -> None:
    """Read how many tokens an input has: nobody pays for them."""
    raw = whole(response)
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    record.usage = Usage(prompt=count(raw.get("input_tokens")), counted=False)


CREATE = Endpoint("Response", "LLM", "chat", read_request, read_response, ResponseAccumulator)
COMPACT = CREATE._replace(name="CompactResponse", operation="compact")
COUNT = CREATE._replace(name="CountInputTokens", kind="CHAIN", operation="count_tokens", read_response=read_count)
RETRIEVE = CREATE._replace(
    name="RetrieveResponse", kind="CHAIN", operation="fetch_response", addressed=True, fetches=True
)
CANCEL = RETRIEVE._replace(
    name="CancelResponse", operation="cancel_response", read_response=partial(read_response, settles=False)
)
