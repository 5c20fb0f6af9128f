"""Completions, the API before chat: prompts, and the texts that they were completed with."""

from collections.abc import Mapping
from typing import Any

from spanglass.credentials import without_credentials
from spanglass.endpoints.accumulator import ChatAccumulator
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import is_json, items, text
from spanglass.endpoints.usage import read_usage
from spanglass.plain import encode, whole
from spanglass.record import Choice, Record

READ = {"prompt": "prompts"}


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the SDK built it; `sent` is the JSON that goes over the wire, or None where it is not known."""
    clean = without_credentials(body)
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    given = clean.get("prompt")
    prompts: list[Any] = [given] if given.__class__ is str else [*items(given)]
    record.prompts = [prompt for prompt in prompts if prompt.__class__ is str]


def read_response(record: Record, response: Any, received: str | None) -> None:
    """Read a response; `received` is the text of its body, or None where it came as a stream."""
    raw = whole(response)
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    if "choices" in raw:
        record.choices = [
            Choice(text(whole(one).get("text")), text(whole(one).get("finish_reason"))) for one in items(raw["choices"])
        ]
    if raw.get("usage") is not None:
        record.usage = read_usage(whole(raw["usage"]))


ENDPOINT = Endpoint("Completion", "LLM", "text_completion", read_request, read_response, ChatAccumulator)
