"""Spans as protobuf: all that OTLP says of one is in what is kept of it."""

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass.dashboard.protobuf import parts
from spanglass.export.otlp_json import lines
from spanglass.export.otlp_spans import SpanReader

VALUES = [
    {"stringValue": "text"},
    {"boolValue": False},
    {"intValue": "-5"},
    {"doubleValue": 0.5},
    {"bytesValue": "/w=="},
    {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}},
    {"kvlistValue": {"values": [{"key": "in", "value": {"stringValue": "it"}}]}},
    {},
]
ATTRIBUTES = [{"key": f"name {number}", "value": value} for number, value in enumerate(VALUES)]
WHOLE: Any = {
    "resourceSpans": [
        {
            "resource": {"attributes": ATTRIBUTES},
            "schemaUrl": "https://resource",
            "scopeSpans": [
                {
                    "scope": {"name": "scope", "version": "1", "attributes": ATTRIBUTES},
                    "schemaUrl": "https://scope",
                    "spans": [
                        {
                            "traceId": f"{1:032x}",
                            "spanId": f"{2:016x}",
                            "parentSpanId": f"{3:016x}",
                            "traceState": "a=b",
                            "flags": 769,
                            "name": "work",
                            "kind": 3,
                            "startTimeUnixNano": "5",
                            "endTimeUnixNano": "18446744073709551615",
                            "attributes": ATTRIBUTES,
                            "droppedAttributesCount": 1,
                            "events": [
                                {
                                    "timeUnixNano": "6",
                                    "name": "event",
                                    "attributes": ATTRIBUTES,
                                    "droppedAttributesCount": 2,
                                }
                            ],
                            "droppedEventsCount": 3,
                            "links": [
                                {
                                    "traceId": f"{4:032x}",
                                    "spanId": f"{5:016x}",
                                    "traceState": "c=d",
                                    "attributes": ATTRIBUTES,
                                    "droppedAttributesCount": 4,
                                    "flags": 257,
                                }
                            ],
                            "droppedLinksCount": 5,
                            "status": {"code": 2, "message": "failed"},
                        },
                    ],
                }
            ],
        }
    ]
}


def test_all_of_a_span() -> None:
    """A span that came as protobuf is written as one that came as JSON, with all that it had."""
    written = {
        line for span in (*(make() for make in parts(wire(WHOLE))), *SpanReader().read(WHOLE)) for line in lines([span])
    }

    assert [WHOLE] == [json.loads(line) for line in written]


def wire(request: Any) -> bytes:
    """Return a request of OTLP/JSON as protobuf, which has ids in base64 where that is written as JSON."""
    told = json.loads(json.dumps(request), object_hook=_in_base64)
    return bytes(ParseDict(told, ExportTraceServiceRequest()).SerializeToString())


def _in_base64(told: dict[str, Any]) -> dict[str, Any]:
    ids = {name: base64.b64encode(bytes.fromhex(told[name])).decode() for name in told if name.endswith("Id")}
    return {**told, **ids}


@pytest.mark.parametrize("cut", [1, 2, 3, 40])
def test_a_request_that_is_cut(cut: int) -> None:
    """A request that does not end where it says is none."""
    with pytest.raises(ValueError, match=r"^$"):
        list(parts(wire(WHOLE)[:-cut]))
