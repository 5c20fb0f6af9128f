"""OTLP over HTTP, as any sender speaks it: what is kept, what is refused, and how that is said."""

import gzip
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from kept import ended, ids
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.trace import ReadableSpan
from processes import wait_until
from serving import Answer, Dashboard

from spanglass.dashboard import bodies, protobuf, receiver
from spanglass.dashboard.bodies import BODY
from spanglass.dashboard.entry import NO_IDS, TOO_DEEP, TOO_LARGE

pytest_plugins = ["served"]

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
GZIP = {"content-encoding": "gzip"}
TRACE = f"{1:032x}"


def pressed(body: bytes) -> bytes:
    """Return a body as gzip makes it, at no time: tests are called by it."""
    return gzip.compress(body, mtime=0)


def wire(*spans: ReadableSpan) -> bytes:
    """Return a request as protobuf."""
    return bytes(encode_spans(spans).SerializeToString())


def told(*spans: Mapping[str, Any]) -> bytes:
    """Return a request as JSON."""
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def json_span(span: str, **fields: Any) -> dict[str, Any]:
    """Return a span of the first trace as JSON."""
    return {"traceId": TRACE, "spanId": span, "name": "work", **fields}


def post(dashboard: Dashboard, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a request."""
    return dashboard.ask("/v1/traces", body, headers)


def said(answer: Answer) -> tuple[int, int, str]:
    """Return an answer that spans were taken: the status, how many were not, and why."""
    response = ExportTraceServiceResponse.FromString(answer.body).partial_success
    return answer.status, response.rejected_spans, response.error_message


def why(answer: Answer) -> tuple[int, str]:
    """Return an answer that nothing was taken: the status, and why."""
    message: Message = Status.FromString(answer.body)
    return answer.status, message.message


def kept(dashboard: Dashboard) -> list[tuple[int, int]]:
    """Return the ids of the spans of the first trace."""
    return ids(*dashboard.store.trace(TRACE, 99))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (PROTOBUF, wire(ended(1, 1))),
        ({"content-type": "Application/X-Protobuf; charset=utf-8", "content-encoding": "identity"}, wire(ended(1, 1))),
        (PROTOBUF | GZIP, pressed(wire(ended(1, 1)))),
        (PROTOBUF | GZIP, pressed(wire(ended(1, 1))[:9]) + pressed(wire(ended(1, 1))[9:])),
        (JSON, told(json_span(f"{1:016x}"))),
        ({"content-type": "application/json; charset=utf-8"} | GZIP, pressed(told(json_span(f"{1:016x}")))),
    ],
)
def test_what_is_taken(dashboard: Dashboard, headers: dict[str, str], body: bytes) -> None:
    """Protobuf and JSON are taken, compressed or not, and answered by an empty response of the same type."""
    answer = post(dashboard, body, headers)
    kind = headers["content-type"].partition(";")[0].lower()

    assert (200, kind, b"{}" if kind == JSON["content-type"] else b"", [(1, 1)]) == (
        answer.status,
        answer.headers["content-type"],
        answer.body,
        kept(dashboard),
    )


@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_nothing_sent(dashboard: Dashboard, headers: dict[str, str]) -> None:
    """A request without spans is one."""
    bodies = [b"", wire()] if headers is PROTOBUF else [b"{}", b'{"resourceSpans":[]}', told()]

    assert {200} == {post(dashboard, body, headers).status for body in bodies}


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"\xff\xff", PROTOBUF, (400, receiver.MALFORMED_BODY)),
        (wire(ended(1, 1))[:-1], PROTOBUF, (400, receiver.MALFORMED_BODY)),
        (told(json_span("1")), PROTOBUF, (400, receiver.MALFORMED_BODY)),
        (
            pressed(wire(ended(1, 1)))[:-9],
            PROTOBUF | GZIP,
            (400, "The body ends in the middle of what gzip has compressed."),
        ),
        (wire(ended(1, 1)), PROTOBUF | GZIP, (400, "The body is not what gzip compresses.")),
        (wire(ended(1, 1)), PROTOBUF | {"content-encoding": "zstd"}, (415, receiver.OTHER_ENCODING)),
        (wire(ended(1, 1)), PROTOBUF | {"content-encoding": "gzip, gzip"}, (415, receiver.OTHER_ENCODING)),
        (bytes(BODY + 1), PROTOBUF, (413, bodies.TOO_LARGE)),
        (pressed(bytes(BODY + 1)), PROTOBUF | GZIP, (413, bodies.TOO_LARGE)),
        (wire(*(ended(1, 1),) * (receiver.MOST_SPANS + 1)), PROTOBUF, (413, receiver.TOO_MANY)),
        (b"\x0a\0" * (protobuf.MOST + 1), PROTOBUF, (413, receiver.TOO_MANY)),
        (b"\x08\0" * (protobuf.MOST + 1), PROTOBUF, (413, receiver.TOO_MANY)),
        (pressed(b"") * (bodies.MOST_MEMBERS + 1), PROTOBUF | GZIP, (400, bodies.MANY_MEMBERS)),
        (b"\x0a\x06\x12\0\x12\0\x12\0" * (protobuf.MOST // 4 + 1), PROTOBUF, (413, receiver.TOO_MANY)),
    ],
)
def test_what_is_refused(dashboard: Dashboard, body: bytes, headers: dict[str, str], expected: tuple[int, str]) -> None:
    """What is malformed, of another kind or too large is refused by a status that says why, and none of it is kept."""
    answer = post(dashboard, body, headers)

    assert (expected, "application/x-protobuf", []) == (why(answer), answer.headers["content-type"], kept(dashboard))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b"\xff",
        b'{"resourceSpans":5}',
        b'{"resourceLogs":[]}',
        b"[" * 100_000,
        told()[:-1],
    ],
)
def test_refused_as_json(dashboard: Dashboard, body: bytes) -> None:
    """JSON that is no request for traces is refused in JSON."""
    answer = post(dashboard, body, JSON)

    assert (400, "application/json", {"code": 3, "message": receiver.MALFORMED_BODY}) == (
        answer.status,
        answer.headers["content-type"],
        json.loads(answer.body),
    )


@pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-type": ""}])
def test_other_kinds(dashboard: Dashboard, headers: dict[str, str]) -> None:
    """Another content type is refused in JSON, which a person can read."""
    answer = post(dashboard, wire(ended(1, 1)), headers)

    assert (415, {"code": 3, "message": receiver.OTHER_KIND}) == (answer.status, json.loads(answer.body))


def test_other_methods(dashboard: Dashboard) -> None:
    """Another method is answered by the one that there is."""
    answers = [dashboard.ask("/v1/traces", method=method) for method in ("GET", "PUT", "DELETE")]

    assert [(405, "POST")] * 3 == [(answer.status, answer.headers["allow"]) for answer in answers]


def raw(dashboard: Dashboard, head: str, chunks: Iterator[bytes]) -> bytes:
    """Send a request piece by piece as it stands, and return what is answered."""
    port = int(dashboard.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(f"POST /v1/traces HTTP/1.1\r\nHost: localhost:{port}\r\n{head}\r\n\r\n".encode())
        with suppress(ConnectionError):
            for chunk in chunks:
                sender.sendall(chunk)
        return sender.recv(65536)


def endless(size: int) -> Iterator[bytes]:
    """Yield chunks of an encoded body of so many bytes, and its end."""
    chunk = bytes(2**20)
    for _ in range(size // len(chunk)):
        yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"


def test_no_length(dashboard: Dashboard) -> None:
    """A body that does not say how long it is is refused as soon as it is too long, and its sender hears of it."""
    head = "Content-Type: application/x-protobuf\r\nTransfer-Encoding: chunked"

    assert b"HTTP/1.1 413 " == raw(dashboard, head, endless(2 * BODY))[:13]


def test_a_sender_that_leaves(dashboard: Dashboard, caplog: pytest.LogCaptureFixture) -> None:
    """A sender that leaves in the middle of its body leaves nothing behind, no place taken and no word in the log."""
    head = "Content-Type: application/x-protobuf\r\nContent-Length: 1000\r\nConnection: close"
    port = int(dashboard.url.rpartition(":")[2])
    for _ in range(bodies.PLACES + 1):
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(f"POST /v1/traces HTTP/1.1\r\nHost: localhost:{port}\r\n{head}\r\n\r\n".encode() + bytes(9))

    wait_until(lambda: post(dashboard, wire(ended(1, 1)), PROTOBUF).status == 200, "a place", seconds=30)

    assert [] == caplog.messages


def test_spans_that_are_not_kept(dashboard: Dashboard) -> None:
    """Spans without ids, that are malformed or too deep are rejected with why; the others of the batch are kept."""
    request = encode_spans([ended(1, number) for number in range(1, 9)])
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].trace_id = bytes(16)
    spans[1].trace_id = b"short"
    spans[2].span_id = b""
    spans[3].attributes.append(KeyValue(key="deep", value=deep(33)))
    spans[5].name = "invalid"
    spans[6].attributes.append(KeyValue(key="as deep as can be", value=deep(32)))
    deeper = b"".join((spans[4].SerializeToString(), field(9, field(1, b"deep") + field(2, nested(200)))))
    del spans[4]
    body = request.SerializeToString().replace(b"invalid", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9")
    body += field(1, field(2, field(2, deeper)))
    answer = said(post(dashboard, body, PROTOBUF))

    assert (
        (
            200,
            6,
            f"{NO_IDS} (3); {TOO_DEEP} (1); {receiver.MALFORMED_SPAN} (2)",
        ),
        [(1, 7), (1, 8)],
    ) == (answer, kept(dashboard))


def deep(levels: int) -> AnyValue:
    """Return a value that is in so many lists."""
    value = AnyValue(string_value="here")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def test_spans_of_json_that_are_not_kept(dashboard: Dashboard) -> None:
    """The same of JSON."""
    deepest: Any = {"stringValue": "here"}
    for _ in range(40):
        deepest = {"kvlistValue": {"values": [{"key": "in", "value": deepest}]}}
    answer = post(
        dashboard,
        told(
            json_span("0" * 16),
            json_span("xyz"),
            json_span(f"{3:016x}", attributes=5),
            json_span(f"{4:016x}", attributes=[{"key": "deep", "value": deepest}]),
            json_span(f"{5:016x}", startTimeUnixNano="soon"),
            json_span(f"{6:016x}"),
            5,  # type: ignore[arg-type]  # as a sender may
        ),
        JSON,
    )
    partial = json.loads(answer.body)["partialSuccess"]

    assert (200, "6", [(1, 6)]) == (answer.status, partial["rejectedSpans"], kept(dashboard))


def test_a_span_that_is_too_large(dashboard: Dashboard) -> None:
    """A span beyond all measure is rejected alone."""
    answer = post(dashboard, wire(ended(1, 1, text="x" * 17_000_000), ended(1, 2)), PROTOBUF)

    assert ((200, 1, f"{TOO_LARGE} (1)"), [(1, 2)]) == (
        said(answer),
        kept(dashboard),
    )


def test_a_span_that_is_crowded(dashboard: Dashboard) -> None:
    """A span with more events and links than anybody has is rejected alone: each costs far more than its two bytes."""
    request = ExportTraceServiceRequest.FromString(wire(ended(1, 1)))
    crowded = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    crowded += b"\x5a\0" * (protobuf.MOST // 2) + b"\x6a\0" * (protobuf.MOST // 2)
    answer = post(dashboard, wire(ended(1, 2)) + field(1, field(2, field(2, crowded))), PROTOBUF)

    assert ((200, 1, f"{protobuf.CROWDED} (1)"), [(1, 2)]) == (said(answer), kept(dashboard))


def test_json_that_is_crowded(dashboard: Dashboard) -> None:
    """JSON of more objects than so many spans have is refused before they are made."""
    answer = post(dashboard, b'{"resourceSpans":[%b{}]}' % (b"{}," * receiver.MOST_OBJECTS), JSON)

    assert (413, receiver.TOO_MANY) == (answer.status, json.loads(answer.body)["message"])


def test_json_of_any_language(dashboard: Dashboard) -> None:
    """JSON is read with numbers as texts or not, enums by name or number, ids in hex or base64, and unknown fields."""
    post(
        dashboard,
        told(
            json_span(
                f"{1:016x}", kind="SPAN_KIND_CLIENT", startTimeUnixNano="5", endTimeUnixNano="7", news={"a": [1]}
            ),
            json_span(
                "AAAAAAAAAAI=", kind=3, startTimeUnixNano=6, endTimeUnixNano=9, status={"code": "STATUS_CODE_OK"}
            ),
        ),
        JSON,
    )
    post(
        dashboard,
        b'{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"%b","span_id":"%b"}]}]}]}'
        % (TRACE.encode(), b"0" * 15 + b"3"),
        JSON,
    )

    assert [(3, 0, None, "INTERNAL", "UNSET"), (1, 5, 7, "CLIENT", "UNSET"), (2, 6, 9, "CLIENT", "OK")] == [
        (
            span.context and span.context.span_id,
            span.start_time,
            span.end_time or None,
            span.kind.name,
            span.status.status_code.name,
        )
        for span in dashboard.store.trace(TRACE, 9)
    ]


def test_unknown_fields(dashboard: Dashboard) -> None:
    """Fields that OTLP does not have yet are passed over, at each level, of each kind."""
    unknown = b"\x98\x3f\x05" + b"\x9d\x3f\1\2\3\4" + b"\x99\x3f\1\2\3\4\5\6\7\x08" + b"\x9a\x3f\x02hi"
    request = ExportTraceServiceRequest.FromString(wire(ended(1, 1)))
    group = request.resource_spans[0]
    span = group.scope_spans[0].spans[0].SerializeToString() + unknown
    body = field(1, field(2, field(2, span) + unknown) + unknown) + unknown

    assert ((200, 0, ""), [(1, 1)]) == (
        said(post(dashboard, body, PROTOBUF)),
        kept(dashboard),
    )


def field(number: int, value: bytes) -> bytes:
    """Return a field of a message as protobuf has it."""
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def nested(levels: int) -> bytes:
    """Return a value that is in so many lists, as protobuf has it, which makes no such message."""
    value = field(1, b"here")
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


def varint(number: int) -> bytes:
    """Return a number as protobuf has it."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


HOSTILE: list[dict[str, Any]] = [
    {},
    {"name": ""},
    {"name": "\0"},
    {"name": "\ud800 half"},
    {"parentSpanId": f"{77:016x}"},
    {"parentSpanId": f"{7:016x}"},
    {"startTimeUnixNano": "2000000000000000000", "endTimeUnixNano": "1000000000000000000"},
    {"startTimeUnixNano": "2000000000000000000", "endTimeUnixNano": 0},
    {"startTimeUnixNano": str(2**64 - 1), "endTimeUnixNano": str(2**64 - 1)},
    {"startTimeUnixNano": -5, "endTimeUnixNano": 2**70},
    {"kind": 3, "status": {"code": 2, "message": "\udfff\0"}},
    {"traceState": "==,;=", "flags": 2**32 - 1},
    {"links": [{"traceId": "", "spanId": ""}, {}], "events": [{}, {"name": "\0", "timeUnixNano": str(2**64 - 1)}]},
    {"droppedAttributesCount": 3, "droppedEventsCount": 3, "droppedLinksCount": 3},
]
VALUES: list[Any] = [
    {},
    None,
    {"bytesValue": "/w=="},
    {"doubleValue": "NaN"},
    {"doubleValue": "-Infinity"},
    {"intValue": str(2**80)},
    {"intValue": -5},
    {"stringValue": "\ud83d"},
    {"stringValue": "\x1f\0\x1f"},
    {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": 1}, {}, {"bytesValue": "AA=="}, {"arrayValue": {}}]}},
    {"kvlistValue": {"values": [{"key": "", "value": {"boolValue": True}}, {"key": "\0"}]}},
    {"valueOfTomorrow": 5},
]
NAMES = [
    "session.id",
    "openinference.span.kind",
    "gen_ai.request.model",
    "llm.input_messages.0.message.role",
    "input.value",
    "metadata",
]


def test_hostile_spans(dashboard: Dashboard) -> None:
    """Whatever a span says, it is kept, its batch too, and the pages show it."""
    said_by = [{"attributes": [{"key": name, "value": value} for name in NAMES]} for value in VALUES]
    spans = [json_span(f"{number:016x}", **fields) for number, fields in enumerate([*HOSTILE, *said_by], 1)]
    attributes = [{"key": name, "value": value} for name in ("service.name", "") for value in VALUES]
    resource = {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}]}
    answer = post(dashboard, json.dumps(resource).encode(), JSON)
    alone = [post(dashboard, told({**span, "traceId": f"{number:032x}"}), JSON) for number, span in enumerate(spans, 2)]
    pages = ["/", *(f"/traces/{number:032x}" for number in range(1, len(spans) + 2))]

    assert ((200, b"{}"), {(200, b"{}")}, len(spans), {200}) == (
        answer[::2],
        {each[::2] for each in alone},
        len(kept(dashboard)),
        {dashboard.ask(page).status for page in pages},
    )
