"""Which spans can be encoded at all: an exporter drops a batch for one that cannot."""

from collections.abc import Sequence
from importlib import import_module

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.guard import foreign

ENCODER = "opentelemetry.exporter.otlp.proto.common.trace_encoder"


def encodable(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Return those that protobuf takes: half a character in a name, or a time before 1970, is not for it."""
    encode = import_module(ENCODER).encode_spans  # there where an exporter is, which is loaded when one is wanted
    return [span for span in spans if foreign(encode, [span]) is not None]
