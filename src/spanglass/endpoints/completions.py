"""Completions, the API before chat: prompts, and the texts that they were completed with."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from spanglass.endpoints.accumulator import Accumulator, merge
from spanglass.endpoints.bodies import without_credentials
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import as_text, count, is_json, items, text
from spanglass.endpoints.usage import read_usage
from spanglass.plain import encode, fields, whole
from spanglass.record import Choice, Record

READ = {"prompt": "prompts"}
HEAD = (
    ("id", "response_id"),
    ("model", "response_model"),
    ("system_fingerprint", "fingerprint"),
)


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the SDK built it; `sent` is the JSON that goes over the wire, or None where it is not known."""
    clean = without_credentials(body)
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    given: Any = clean.get("prompt")
    # Tokens are not decoded: what they say is known to the model alone.
    record.prompts = [one for one in map(as_text, items(given) or (given,)) if one is not None]


def read_response(record: Record, response: Any, received: str | None) -> None:
    """Read a response; `received` is the text of its body, or None where it came as a stream."""
    raw = whole(response)  # an older SDK's model does not declare all of the head
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    for key, field in HEAD:
        if raw.get(key).__class__ is str:
            setattr(record, field, raw[key] or None)
    record.choices = [_read_choice(choice) for choice in _ordered([*map(fields, items(raw.get("choices")))])]
    if raw.get("usage") is not None:
        record.usage = read_usage(whole(raw["usage"]))


def _ordered(choices: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Put them in the order of the prompts, each with all of its own; those of any other server stay as they came."""
    known = all(count(choice.get("index")) is not None for choice in choices)
    return sorted(choices, key=itemgetter("index")) if known else choices


def _read_choice(choice: Mapping[str, Any]) -> Choice:
    return Choice(text(choice.get("text")), text(choice.get("finish_reason")))


class CompletionAccumulator(Accumulator):
    """Of several prompts and choices, whose chunks come in any order."""

    __slots__ = ()
    word = "text_completion"

    def take(self, chunk: Any) -> None:
        """Take one more chunk. The common one, a piece of one choice's text, is taken without a single call."""
        try:
            own = chunk.__dict__
            (choice,) = own["choices"]
            inner = choice.__dict__
            pieces = self._choices[inner["index"]]["text"]
            if (
                inner["text"].__class__ is str
                and own["usage"] is None
                and inner["finish_reason"] is None
                and inner["logprobs"] is None
            ):
                pieces += [inner["text"]]
                self.bearing += inner["text"] != ""
                return
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # not the common one
        self._take(chunk)

    def _merge(self, state: dict[str, Any], choice: Mapping[str, Any]) -> bool:
        return merge(state, {"text": choice.get("text")})


ENDPOINT = Endpoint("Completion", "LLM", "text_completion", read_request, read_response, CompletionAccumulator)
