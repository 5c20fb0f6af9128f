"""Embeddings: the inputs, and the vectors that came, as numbers or as the base64 that the SDK asks for."""

from collections.abc import Mapping
from typing import Any

from spanglass.credentials import without_credentials
from spanglass.endpoints.accumulator import ChatAccumulator
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import is_json, items
from spanglass.endpoints.usage import read_usage
from spanglass.plain import encode, whole
from spanglass.record import Embedding, Record

READ = {"input": "embeddings"}


def read_request(record: Record, body: Mapping[str, Any], sent: str | None) -> None:
    """Read the body as the program asked for it."""
    clean = without_credentials(body)
    record.input_value = sent if sent is not None and clean is body else encode(clean)
    record.input_mime = "application/json"
    record.parameters = {key: clean[key] for key in clean if key not in READ}
    given = clean.get("input")
    texts = [given] if given.__class__ is str else [one for one in items(given) if one.__class__ is str]
    record.embeddings = [Embedding(one) for one in texts]


def read_response(record: Record, response: Any, received: str | None) -> None:
    """Read the vectors."""
    raw = whole(response)
    record.output_value = received if received is not None else encode(raw)
    record.output_mime = "application/json" if raw or is_json(record.output_value) else "text/plain"
    if raw.get("usage") is not None:
        record.usage = read_usage(whole(raw["usage"]))


ENDPOINT = Endpoint(
    "CreateEmbeddings",
    "EMBEDDING",
    "embeddings",
    read_request,
    read_response,
    ChatAccumulator,
    added=frozenset({"encoding_format"}),
)
