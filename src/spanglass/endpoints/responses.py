"""The Responses API: what is asked of it, and its responses, or what a stream of events settled into."""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from spanglass.credentials import without_credentials, without_echoed
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.events import ResponseAccumulator
from spanglass.endpoints.items import read_item
from spanglass.endpoints.shapes import count, is_json, items, text
from spanglass.endpoints.usage import read_usage
from spanglass.plain import NOTHING, encode, fields, whole
from spanglass.record import Failure, Message, Record, Usage

# Read into fields of their own, by these names; every other parameter of the body is an invocation parameter.
READ = {"input": "input_messages", "instructions": "input_messages", "tools": "tools"}

HEAD = (
    ("id", "response_id"),
    ("model", "response_model"),
    ("service_tier", "service_tier"),
    ("status", "status"),
    ("previous_response_id", "previous_response"),  # of a retrieved one the request says none
)
# What the API says of how far it is; what is not named here has not succeeded, and is no failure either.
SUCCEEDED = frozenset({"completed", "queued", "in_progress"})
FAILED = "failed"
# A code that tells the kind of a failure, which metrics may count by: no sentence, which may quote anything.
_is_word = re.compile(r"[a-z][\w.-]{0,63}", re.ASCII | re.IGNORECASE).fullmatch
# A response that has ended: with which reason, where it says no other.
ENDED = frozenset({"completed", "incomplete", FAILED, "cancelled"})


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the SDK built it, or the query; `sent` is the JSON that goes over the wire, where known."""
    clean = without_credentials(body)
    record.echoes = True
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    record.background = "background" in clean and clean["background"] is True
    if "previous_response_id" in clean:
        record.previous_response = text(clean["previous_response_id"])
    if "conversation" in clean:
        record.conversation = _conversation(clean["conversation"])
    messages = _instructions(record, clean["instructions"]) if "instructions" in clean else []
    if "input" in clean:
        given = clean["input"]
        if given.__class__ is not str and isinstance(given, str):  # a subclass
            given = str.__str__(given)
        messages += [Message("user", given)] if given.__class__ is str else [read_item(item) for item in items(given)]
    record.input_messages = messages or None
    if "tools" in clean:
        record.tools = [*items(clean["tools"])]
        # It may be long until they are written: they are the caller's.
        if record.background or ("stream" in clean and clean["stream"]):
            record.tools = json.loads(encode(record.tools))


def _conversation(held: Any) -> str | None:
    return held if held.__class__ is str else text(fields(held).get("id"))


def _instructions(record: Record, given: Any) -> list[Message]:
    """Return the message that is the instructions; where they are items, these, which say their own roles."""
    if given.__class__ is list:
        return [read_item(item) for item in given]
    if given is None:
        return []
    record.instructed = True
    return [Message("system", text(given))]


def read_response(record: Record, response: Any, received: str | None, *, settles: bool = True) -> None:
    """Read a response; `received` is the text of its body, or None where it came as a stream.

    What `settles` decides by its status whether the call has succeeded.
    """
    given = whole(response)
    raw = without_echoed(given)
    record.output_value = received if received is not None and raw is given else _told(received, raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    for key, field in HEAD:
        if key in raw and raw[key].__class__ is str:
            setattr(record, field, raw[key] or None)
    if "output" in raw:
        record.output_messages = [read_item(item) for item in items(raw["output"])]
    tools = NOTHING if "tool_usage" not in raw or raw["tool_usage"] is None else whole(raw["tool_usage"])
    usage = raw["usage"] if "usage" in raw else None
    if tools or usage is not None:
        record.usage = read_usage(whole(usage), tools)
    if "conversation" in raw and raw["conversation"] is not None:
        record.conversation = _conversation(raw["conversation"])
    if record.status in ENDED:
        details = raw["incomplete_details"] if "incomplete_details" in raw else None
        reason = None if details is None else fields(details).get("reason")
        record.finish_reason = record.status if reason is None else text(reason)
    if settles and record.status is not None:
        record.succeeded = record.succeeded and record.status in SUCCEEDED
    if record.status == FAILED and record.failure is None:
        record.failure = _failure(whole(raw.get("error")))


def _told(received: str | None, raw: Mapping[str, Any]) -> str:
    """Return the text of a response without credentials."""
    try:
        parsed = json.loads(received or "")  # the SDK's model has fields that nobody sent
    except (ValueError, RecursionError):
        return encode(raw)
    return encode(without_echoed(fields(parsed)))


def _failure(error: Mapping[str, Any]) -> Failure:
    code = text(error.get("code")) or FAILED
    return Failure(
        code if _is_word(code) else FAILED,
        text(error.get("message")) or "",
        code=code,
        param=text(error.get("param")),
        api_type=text(error.get("type")),
        raised=False,
    )


def read_count(record: Record, response: Any, received: str | None) -> None:
    """Read how many tokens an input has: nobody pays for them."""
    raw = whole(response)
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    counted = count(raw.get("input_tokens"))
    record.usage = None if counted is None else Usage(prompt=counted, counted=False)


CREATE = Endpoint("Response", "LLM", "chat", read_request, read_response, ResponseAccumulator)
COMPACT = CREATE._replace(name="CompactResponse", operation="compact")
COUNT = CREATE._replace(name="CountInputTokens", kind="CHAIN", operation="count_tokens", read_response=read_count)
RETRIEVE = CREATE._replace(
    name="RetrieveResponse", kind="CHAIN", operation="fetch_response", addressed=True, fetches=True
)
CANCEL = RETRIEVE._replace(
    name="CancelResponse", operation="cancel_response", read_response=partial(read_response, settles=False)
)
