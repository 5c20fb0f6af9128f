"""Spans as OTLP/JSON, and back: what OpenTelemetry's own encoder says, and the same spans again."""

import base64
import gzip
import json
import math
import os
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]  # no annotations
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from denied import denied
from spanglass import read_jsonl, spans_to_jsonl
from spanglass.export.otlp_json import lines
from spanglass.export.otlp_spans import SpanReader

IDS = frozenset({"traceId", "spanId", "parentSpanId"})
STATE = TraceState([("vendor", "t61rcWkgMzE"), ("other", "1")])
ELSEWHERE = SpanContext(1 << 120, 2, is_remote=True, trace_flags=TraceFlags(0x03), trace_state=STATE)
HERE = SpanContext(3, 4, is_remote=False, trace_flags=TraceFlags(0x01))
VALUES: dict[str, Any] = {
    "text": 'Grüße, 世界 🌍 "quoted" {"resourceSpans":[{"spans":[',
    "empty": "",
    "breaks": "a\nb\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00\x7f",
    "true": True,
    "false": False,
    "zero": 0,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "whole double": 1.0,
    "double": -0.1,
    "not a number": math.nan,
    "infinite": math.inf,
    "minus infinite": -math.inf,
    "texts": ("a", "ü"),
    "truths": (True, False),
    "ints": (1, 2**53 + 1),
    "doubles": (1.0, math.inf),
    "no items": (),
    "bytes": b"\x00\xff",
    "none": None,
    "mapping": {"a": {"b": (None, 1, {"c": b""})}, "empty": {}},
}


def made() -> tuple[ReadableSpan, ...]:
    """Return spans with all that a span can have, of two scopes, one of them with more than there was room for."""
    kept = InMemorySpanExporter()
    limits = SpanLimits(max_events=1, max_links=1)
    provider = TracerProvider(resource=Resource({"service.name": "ü", **VALUES}, "https://r"), span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    full = provider.get_tracer("full", "1.0", "https://s", {"a": 1, "b": ("c",)})
    links = [Link(HERE, {"x": 1}), Link(ELSEWHERE, VALUES)]
    root = full.start_span(
        "root", set_span_in_context(NonRecordingSpan(ELSEWHERE)), SpanKind.SERVER, VALUES, links, start_time=1
    )
    for kind in SpanKind:
        provider.get_tracer("").start_span("", set_span_in_context(root), kind, start_time=2**63).end(2**63 + 1)
    root.add_event("first", {"a": 1}, timestamp=4)
    root.add_event("", VALUES, timestamp=5)
    root.set_status(Status(StatusCode.ERROR, "no\nü"))
    root.end(end_time=6)
    full.start_span("bare").end()
    ok = full.start_span("ok")
    ok.set_status(StatusCode.OK)
    ok.end()
    provider.shutdown()
    scope = InstrumentationScope("", "")
    alone = ReadableSpan("alone", HERE, resource=Resource({}), start_time=1, end_time=2, instrumentation_scope=scope)
    return (*kept.get_finished_spans(), alone)


def dropping() -> ReadableSpan:
    """Return a span that had no room for attributes, and events and links that had none."""
    [span] = read(
        {
            "traceId": "01" * 16,
            "spanId": "02" * 8,
            "droppedAttributesCount": 3,
            "droppedEventsCount": 4,
            "droppedLinksCount": 5,
            "attributes": [{"key": "k", "value": {"intValue": "1"}}],
            "events": [{"name": "e", "droppedAttributesCount": 6}],
            "links": [{"traceId": "01" * 16, "spanId": "02" * 8, "droppedAttributesCount": 7}],
        }
    )
    return span


def read(*spans: dict[str, Any]) -> list[ReadableSpan]:
    """Return spans of the JSON of their fields."""
    return [*SpanReader().read({"resourceSpans": [{"scopeSpans": [{"spans": [*spans]}]}]})]


def officially(span: ReadableSpan) -> bytes:
    """Return what OpenTelemetry's encoder makes of a span, with the two things that it leaves out."""
    request = encode_spans([span])
    encoded = request.resource_spans[0].scope_spans[0].spans[0]
    assert span.context is not None
    encoded.flags |= span.context.trace_flags
    for there, link in zip(encoded.links, span.links, strict=True):
        there.trace_state = link.context.trace_state.to_header()
        there.flags |= link.context.trace_flags
    return serialised(request)


def serialised(request: ExportTraceServiceRequest) -> bytes:
    """Return a message as bytes, which are the same where it is: a NaN is not itself."""
    return bytes(request.SerializeToString(deterministic=True))


def message(line: str) -> bytes:
    """Return what a line says, as protobuf's own reader of JSON takes it once ids are as it has them."""
    return serialised(ParseDict(with_base64(json.loads(line)), ExportTraceServiceRequest()))


def with_base64(value: Any) -> Any:
    """Return OTLP/JSON with its ids as protobuf's own JSON has them."""
    if isinstance(value, list):
        return [with_base64(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode() if key in IDS else with_base64(inner)
            for key, inner in value.items()
        }
    return value


def test_what_is_written_is_what_opentelemetry_sends() -> None:
    """Each line is the request that OpenTelemetry's encoder makes of the span, with the flags and the link's state."""
    spans = (
        *made(),
        dropping(),
        ReadableSpan("without a scope", HERE, resource=Resource({}), start_time=1, end_time=2),
    )

    assert [officially(span) for span in spans] == [message(line) for line in spans_to_jsonl(spans).splitlines()]


def test_a_line() -> None:
    """A line has the spelling of OTLP/JSON: hex ids, numbers for enums, texts for large numbers."""
    span = ReadableSpan(
        "ü",
        SpanContext(0xA, 0xB, is_remote=False, trace_flags=TraceFlags(1)),
        SpanContext(0xA, 0xC, is_remote=True),
        Resource({"service.name": "s"}, "https://r"),
        {"n": 1, "x": math.nan, "t": "a\u2028世"},
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, "e"),
        start_time=10**18,
        end_time=10**18 + 1,
        instrumentation_scope=InstrumentationScope("i", "1", "https://s"),
    )

    assert spans_to_jsonl([span]) == (
        '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},'
        '"scopeSpans":[{"scope":{"name":"i","version":"1"},"spans":[{"traceId":"0000000000000000000000000000000a",'
        '"spanId":"000000000000000b","parentSpanId":"000000000000000c","flags":769,"name":"ü","kind":3,'
        '"startTimeUnixNano":"1000000000000000000","endTimeUnixNano":"1000000000000000001","attributes":['
        '{"key":"n","value":{"intValue":"1"}},{"key":"x","value":{"doubleValue":"NaN"}},'
        '{"key":"t","value":{"stringValue":"a\\u2028世"}}],"status":{"code":2,"message":"e"}}],'
        '"schemaUrl":"https://s"}],"schemaUrl":"https://r"}]}\n'
    )


def test_no_spans() -> None:
    """Of no spans nothing is written."""
    assert spans_to_jsonl([]) == ""


class _Colour(IntEnum):
    RED = 2


class _Other:
    def __str__(self) -> str:
        return "other"


UNFIT = [
    ("a\ud83d\ude00b", {"stringValue": "a😀b"}),
    ("a\ud83db\udc00", {"stringValue": "a�b�"}),
    (2**63, {"stringValue": "9223372036854775808"}),
    (_Colour.RED, {"intValue": "2"}),
    (_Other(), {"stringValue": "other"}),
    (["a"], {"arrayValue": {"values": [{"stringValue": "a"}]}}),
]


@pytest.mark.parametrize(("value", "expected"), UNFIT)
def test_what_does_not_fit(value: Any, expected: dict[str, Any]) -> None:
    """What OTLP has no place for, or no UTF-8 for, becomes what it is nearest to, and the line is good."""
    span = ReadableSpan("", HERE, attributes={"k": value}, start_time=-1)
    [line] = spans_to_jsonl([span]).encode().splitlines()
    written = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    assert ([{"key": "k", "value": expected}], "0") == (written["attributes"], written["startTimeUnixNano"])


def everything(spans: Iterable[ReadableSpan]) -> list[Any]:
    """Return all that spans say, NaN as a text since it is not itself."""
    return [
        [
            *(span.name, span.context, span.parent, span.kind, span.start_time, span.end_time),
            *(span.status.status_code, span.status.description, repr(span.attributes)),
            [(e.name, e.timestamp, repr(e.attributes), e.dropped_attributes) for e in span.events],
            [(link.context, repr(link.attributes), link.dropped_attributes) for link in span.links],
            *(span.dropped_attributes, span.dropped_events, span.dropped_links),
            *(repr(span.resource.attributes), span.resource.schema_url, repr(span.instrumentation_scope)),
        ]
        for span in spans
    ]


def test_round_trip(tmp_path: Path) -> None:
    """What is read is what was written, in every field."""
    spans = (*made(), dropping())
    file = tmp_path / "trace.jsonl"
    file.write_text(spans_to_jsonl(spans), "utf-8")

    assert everything(spans) == everything(read_jsonl(file))


def test_many_resources(tmp_path: Path) -> None:
    """Each span has its own resource and scope, however many there are, and whichever are gone by then."""
    numbers = [*range(200), *range(100)]
    spans = (
        ReadableSpan(
            str(number),
            HERE,
            resource=Resource({"number": number}),
            instrumentation_scope=InstrumentationScope(f"scope {number}"),
        )
        for number in numbers
    )
    file = tmp_path / "trace.jsonl"
    file.write_text(spans_to_jsonl(spans), "utf-8")
    found = [(s.name, s.resource.attributes["number"], s.instrumentation_scope) for s in read_jsonl(file)]

    assert found == [(str(number), number, InstrumentationScope(f"scope {number}", "")) for number in numbers]


def test_resources_go_by() -> None:
    """However many resources there are, few spans are held for them."""
    alive: WeakSet[ReadableSpan] = WeakSet()

    def spans() -> Iterator[ReadableSpan]:
        for number in range(300):
            span = ReadableSpan("", HERE, resource=Resource({"number": number}))
            alive.add(span)
            yield span

    assert max(len(alive) for _ in lines(spans())) < 100


LINK = {"traceId": "01" * 16, "spanId": "02" * 8}
SPELLINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"startTimeUnixNano": 1, "endTimeUnixNano": "2"}, {"start_time": 1, "end_time": 2}),
    ({"kind": "SPAN_KIND_SERVER"}, {"kind": SpanKind.SERVER}),
    ({"kind": 0}, {"kind": SpanKind.INTERNAL}),
    ({"attributes": [{"key": "k", "value": {"intValue": 1}}]}, {"attributes": {"k": 1}}),
    ({"attributes": [{"key": "k", "value": {"doubleValue": 1}}]}, {"attributes": {"k": 1.0}}),
    ({"attributes": [{"key": "k", "value": {"doubleValue": "-Infinity"}}]}, {"attributes": {"k": -math.inf}}),
    ({"attributes": [{"key": "k", "value": {"bytesValue": "_-8"}}]}, {"attributes": {"k": b"\xff\xef"}}),
    ({"attributes": [{"key": "k", "value": {"stringValue": None, "intValue": 1}}]}, {"attributes": {"k": 1}}),
    ({"attributes": [{"key": "k", "value": {"newValue": 1}}]}, {"attributes": {"k": None}}),
    ({"attributes": [{"key": "k", "value": {"arrayValue": {}}}, {"key": "l"}]}, {"attributes": {"k": (), "l": None}}),
    ({"attributes": None, "events": None, "links": [], "status": None, "parentSpanId": ""}, {}),
    ({"newField": 1}, {}),
]


@pytest.mark.parametrize(("said", "expected"), SPELLINGS)
def test_spellings(said: dict[str, Any], expected: dict[str, Any]) -> None:
    """What other writers say in other ways is understood, and what OTLP may say one day is left out."""
    whole: dict[str, Any] = {"name": "", "start_time": 0, "end_time": 0, "resource": Resource({})}

    assert everything(read({**LINK, **said})) == everything(
        [
            ReadableSpan(
                context=SpanContext(int("01" * 16, 16), int("02" * 8, 16), is_remote=False, trace_flags=TraceFlags(1)),
                instrumentation_scope=InstrumentationScope("", ""),
                **{**whole, **expected},
            )
        ]
    )


def test_what_a_status_says(caplog: pytest.LogCaptureFixture) -> None:
    """Only an error has a message: another one's is left out, and OpenTelemetry has nothing to say of it."""
    codes = (0, 1, 2, "STATUS_CODE_OK", "STATUS_CODE_ERROR")
    spans = read(*({"status": {"code": code, "message": "m"}} for code in codes))

    assert ([(span.status.status_code.name, span.status.description) for span in spans], caplog.messages) == (
        [("UNSET", None), ("OK", None), ("ERROR", "m"), ("OK", None), ("ERROR", "m")],
        [],
    )


def test_what_a_collector_wrote(tmp_path: Path) -> None:
    """Requests of many resources, scopes and spans are read in their order, and logs and metrics are left out."""
    spans = made()
    request = with_hex(MessageToDict(encode_spans(spans), use_integers_for_enums=True))
    file = tmp_path / "trace.jsonl"
    lines = [{"resourceLogs": []}, request, {}, {"resourceMetrics": [{"x": 1}]}, request, {"resourceProfiles": []}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")

    assert 2 * [serialised(encode_spans(spans))] == [
        serialised(encode_spans(part)) for part in halves([*read_jsonl(file)])
    ]


def halves(spans: Sequence[ReadableSpan]) -> list[Sequence[ReadableSpan]]:
    """Return the first half and the second."""
    middle = len(spans) // 2
    return [spans[:middle], spans[middle:]]


def with_hex(value: Any) -> Any:
    """Return protobuf's own JSON with its ids as OTLP/JSON has them."""
    if isinstance(value, list):
        return [with_hex(item) for item in value]
    if isinstance(value, dict):
        return {key: base64.b64decode(inner).hex() if key in IDS else with_hex(inner) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("options", [{}, {"preserving_proto_field_name": True}])
def test_protobufs_own_json(tmp_path: Path, options: dict[str, bool]) -> None:
    """What protobuf prints is read too: the names of enums, base64 for ids, and its own names of the fields."""
    spans = (*made(), dropping())
    file = tmp_path / "trace.jsonl"
    file.write_text(json.dumps(MessageToDict(encode_spans(spans), **options)), "utf-8")

    assert [officially_alone(spans)] == [officially_alone([*read_jsonl(file)])]


def officially_alone(spans: Sequence[ReadableSpan]) -> bytes:
    """Return what OpenTelemetry's encoder makes of the spans together."""
    return serialised(encode_spans(spans))


def named(*names: str) -> list[str]:
    """Return a line for each name, of a span that has it."""
    return [spans_to_jsonl([ReadableSpan(name, HERE, resource=Resource({}), start_time=1)]) for name in names]


A, B, C = named("a{é", "b", "c")
FORMS = [
    ("one line without its end", A[:-1].encode()),
    ("Windows", ("\ufeff" + A.replace("\n", "\r\n") + "\r\n").encode()),
    ("a crash of the machine", f"\0\0{A}\0\0\0".encode()),
    ("gzip", gzip.compress(A.encode())),
    ("gzip, more than once", gzip.compress(A[:20].encode()) + gzip.compress(b"") + gzip.compress(A[20:].encode())),
]


@pytest.mark.parametrize(("form", "written"), FORMS, ids=lambda value: value if isinstance(value, str) else "")
def test_forms(tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str, written: bytes) -> None:
    """A file is read as it comes: by other editors, with zeros of a crash in it, compressed, compressed in pieces."""
    file = tmp_path / form
    file.write_bytes(written)

    assert (["a{é"], []) == ([span.name for span in read_jsonl(file)], caplog.messages)


def told(file: Path, line: int, count: int = 1) -> list[str]:
    """Return what is said of a file with lines that are not whole."""
    why = "as where a program was killed while it wrote"
    return [
        f"spanglass: {file} is cut short in line {line}, {why}; what is whole was read ({count} such lines in all)."
    ]


CUTS = range(1, len(A.encode()) - 1)


def test_last_line_cut_short(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever a file ends, what is whole is read, and a line of the log says that something is missing."""
    file = tmp_path / "trace.jsonl"
    found = []
    for cut in CUTS:
        file.write_bytes(B.encode() + A.encode()[:cut])
        found.append(([span.name for span in read_jsonl(file)], [*caplog.messages]))
        caplog.clear()

    assert found == [(["b"], told(file, 2)) for _ in CUTS]


@pytest.mark.parametrize("end", ["", "\n"])
def test_line_cut_short_within(tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str) -> None:
    """Wherever a writer was killed, what another added is read, be it on the same line."""
    file = tmp_path / "trace.jsonl"
    found = []
    for cut in CUTS:
        file.write_bytes(A.encode()[:cut] + f"{end}{B}{C}".encode())
        found.append(([span.name for span in read_jsonl(file)], [*caplog.messages]))
        caplog.clear()

    assert found == [(["b", "c"], told(file, 1)) for _ in CUTS]


def test_cut_short_often(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Many cuts are one line of the log, with the first of them and their count."""
    file = tmp_path / "trace.jsonl"
    file.write_text(f"{A}{B[:30]}{B[:50]}\n{C}{B[:60]}", "utf-8")

    assert (["a{é", "c"], told(file, 2, 2)) == ([span.name for span in read_jsonl(file)], caplog.messages)


def test_gzip_cut_short(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever a compressed file ends, the lines in it are read, and the log says that more is missing."""
    file = tmp_path / "trace.jsonl.gz"
    whole = gzip.compress("".join(named(*map(str, range(500)))).encode())
    counts = []
    for cut in range(3, len(whole), 7):
        file.write_bytes(whole[:cut])
        names = [span.name for span in read_jsonl(file)]
        counts.append(len(names))

        assert (names, caplog.messages) == ([*map(str, range(len(names)))], told(file, len(names) + 1))
        caplog.clear()

    assert (counts[0], counts[-1] > 400, counts) == (0, True, sorted(counts))


DIRECT = (
    "give a file that has one request in each line, as configure(file=) and the Collector's file exporter write it."
)
NOT_OTLP = [
    "no JSON at all",
    "[]",
    "1",
    '{"level":"info"}',
    '{"level":"in',
    "{]",
    '{"resourceSpans":{"a":1}}',
    '{"resourceSpans":[[]]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":99}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":[1]}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":{"a":1}}]}]}]}',
    '{"resourceSpans":' + "[" * 100_000 + "]" * 100_000 + "}",
]


@pytest.mark.parametrize("line", NOT_OTLP, ids=lambda line: line[:60])
def test_what_is_no_otlp(tmp_path: Path, line: str) -> None:
    """What is no OTLP/JSON is an error that says in which line, after what came before it."""
    file = tmp_path / "trace.jsonl"
    file.write_text(f"{A}\n{line}\n{A}", "utf-8")
    spans = read_jsonl(file)
    first = next(spans)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is compared
        next(spans)

    assert ("a{é", f"{file} has no OTLP/JSON in line 3: {DIRECT}") == (first.name, str(error.value))


WITHOUT = "decompress it, or have the Collector's file exporter write without compression."
ZSTD = b"\x28\xb5\x2f\xfd"
UNREADABLE = [
    (
        f"{{}} is compressed by zstd, which is not read here: {WITHOUT}",
        (ZSTD, b"\0\0\0\x09" + ZSTD),
    ),
    (
        "{} is damaged after line 0, and gzip reads no further: take what `gzip -dc` gives of it.",
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0\x07", b"\x1f\x8b\x09" + b"\0" * 20),
    ),
    (
        "{} is damaged after line 1, and gzip reads no further: take what `gzip -dc` gives of it.",
        (gzip.compress(A.encode()) + b"more", gzip.compress(A.encode())[:-8] + b"12345678"),
    ),
    (f"{{}} has no OTLP/JSON in line 1: {DIRECT}", (b"\0\0\0\x08\x0b\x07", b"\xff\xfe{\0", b"PK\x03\x04")),
]


@pytest.mark.parametrize(
    ("said", "content"), [(said, content) for said, contents in UNREADABLE for content in contents]
)
def test_unreadable_files(tmp_path: Path, said: str, content: bytes) -> None:
    """A file of another format is an error of one sentence that says what to do."""
    file = tmp_path / "trace"
    file.write_bytes(content)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is compared
        list(read_jsonl(file))

    assert said.format(file) == str(error.value)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    """A path that leads to no file is an error at once, of the kind that Python has for it, with one sentence."""
    file = tmp_path / "file"
    file.touch()
    paths = (tmp_path / "none", file / "in it", tmp_path)
    said = []
    for path in paths:
        with pytest.raises(OSError) as error:  # noqa: PT011 - its kind and its text are compared
            read_jsonl(path)
        said.append((error.type, str(error.value)))
    give = "give the path of a file with spans as OTLP/JSON."

    assert said == [
        (FileNotFoundError, f"{paths[0]} cannot be read (No such file or directory): {give}"),
        (NotADirectoryError, f"{paths[1]} cannot be read (Not a directory): {give}"),
        (IsADirectoryError, f"{paths[2]} is a directory: {give}"),
    ]


def test_file_that_may_not_be_read() -> None:
    """A file that the program may not read is an error at once, of the same words."""
    with denied() as folder, pytest.raises(PermissionError) as error:
        read_jsonl(folder / "file")

    assert str(error.value) == (
        f"{folder / 'file'} cannot be read (Permission denied): give the path of a file with spans as OTLP/JSON."
    )


def test_pipe() -> None:
    """Spans are read from a pipe as they come, before its end has come."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor has no path
        spans = read_jsonl(f"/dev/fd/{reading}")
        pipe.write(A)
        pipe.flush()
        first = next(spans).name
        pipe.write(B)
    rest = [span.name for span in spans]
    os.close(reading)

    assert (first, rest) == ("a{é", ["b"])


def test_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may begin with ~, and may be a text."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.jsonl").write_text(A, "utf-8")

    assert ["a{é"] == [span.name for span in read_jsonl("~/a.jsonl")]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_memory(tmp_path: Path, compress: Any) -> None:
    """A file of many megabytes is read in a small part of its size."""
    file = tmp_path / "trace.jsonl"
    size = 10_000_000
    [line] = named("x" * 10_000)
    file.write_bytes(compress((line * (size // len(line))).encode()))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_jsonl(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (count, peak < size / 10) == (size // len(line), True)
