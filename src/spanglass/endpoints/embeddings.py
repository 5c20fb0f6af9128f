"""Embeddings: the inputs, and the vectors that came, as numbers or as the base64 that the SDK asks for."""

from collections.abc import Mapping
from typing import Any

from spanglass.endpoints.accumulator import copied
from spanglass.endpoints.bodies import without_credentials
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import as_text, count, is_json, items
from spanglass.endpoints.usage import read_usage
from spanglass.endpoints.vectors import parsed, take_vectors
from spanglass.plain import encode, fields, whole
from spanglass.record import Embedding, Record

READ = {"input": "embeddings"}
HEAD = (("id", "response_id"), ("model", "response_model"))


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the program asked for it."""
    clean = without_credentials(body)
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    record.dimensions = count(clean.get("dimensions"))
    record.embeddings = [Embedding(as_text(one)) for one in _inputs(clean.get("input"))]


def _inputs(given: Any) -> "list[Any] | tuple[Any, ...]":
    """Return the inputs, one for each vector to come: texts, or lists of tokens, which are not decoded."""
    several = items(given)
    alone = isinstance(given, str) or (several and several[0].__class__ is int)
    return [given] if alone else several


def extract(record: Record, response: Any, received: str) -> tuple[Any, str]:
    """Take the vectors out of a response before it is cut to its limits: they have one of their own."""
    found = parsed(received) if response is None else response
    told = take_vectors(record, found)
    return (found, received) if told is None else (told, encode(told))


def read_response(record: Record, response: Any, received: str | None) -> None:
    """Read a response, and the vectors if they are in it still; `received` is its text, where known."""
    if record.vectors is None:
        told = take_vectors(record, response)
        response, received = (response, received) if told is None else (told, None)
    raw = whole(response)
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    for key, field in HEAD:
        if raw.get(key).__class__ is str:
            setattr(record, field, raw[key] or None)
    if raw.get("usage") is not None:
        record.usage = read_usage(whole(raw["usage"]))


class EmbeddingAccumulator:
    """There are no streams of embeddings; where a server makes one all the same, its last chunk is the response."""

    __slots__ = ("_response", "bearing")

    def __init__(self) -> None:
        self.bearing = 0
        self._response: Mapping[str, Any] = {}

    @property
    def end(self) -> str | None:
        """`completed` where anything has come."""
        return "completed" if self._response else None

    def take(self, chunk: Any) -> None:
        """Take one more chunk, and keep a copy of it."""
        if fields(chunk):
            self._response = copied(chunk)

    def settle(self) -> Mapping[str, Any]:
        """Return the response."""
        return self._response


ENDPOINT = Endpoint(
    "CreateEmbeddings",
    "EMBEDDING",
    "embeddings",
    read_request,
    read_response,
    EmbeddingAccumulator,
    added=frozenset({"encoding_format"}),
    extract=extract,
)
