"""What a receiver answers: time that it asks for, spans that it takes back, another place; and how batches travel."""

from http import HTTPStatus
from typing import Any

import pytest

from exporting import RECEIVERS, sending
from otlp_receivers import Answer, Busy, http_receiver, partial, relay, unreached
from spanglass.export.endpoint import GRPC, HTTP, resolve

LONG = 3600
"""Seconds that a receiver asks for, and no exporter waits by itself."""


BUSY = [
    (HTTP, Answer(429, {"Retry-After": str(LONG)}), "429 Too Many Requests"),
    (HTTP, Answer(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}), "503 Service Unavailable"),
    (GRPC, Busy(LONG), "UNAVAILABLE"),
]


@pytest.mark.parametrize(("protocol", "answer", "why"), BUSY)
def test_time_asked_for(protocol: str, answer: Any, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that asks for time is not asked before it, has everything at the end, and is told of once."""
    with RECEIVERS[protocol](answer) as received, sending(received.url, protocol) as (processor, tracer):
        tracer.start_span("a").end()
        flushed = [processor.force_flush(1500), processor.force_flush(100)]
        early = list(received.spans)
        tracer.start_span("b").end()
        processor.hurry(last=True)
        flushed.append(processor.force_flush())
    place = received.url + ("/v1/traces" if protocol == HTTP else "")
    said = [unreached(place, protocol, why)]

    assert (flushed, early, received.spans, processor.dropped, caplog.messages) == (
        [False, False, True],
        [],
        ["a", "b"],
        0,
        said,
    )


def test_no_date(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that asks for a time which cannot be read is asked again after the usual one."""
    with (
        http_receiver(Answer(503, {"Retry-After": "soon"})) as received,
        sending(received.url, HTTP) as (processor, tracer),
    ):
        tracer.start_span("a").end()
        flushed = processor.force_flush()

    assert (flushed, received.spans, processor.dropped, caplog.messages) == (True, ["a"], 0, [])


PROTOBUF = {"Content-Type": "application/x-protobuf"}
MESSAGE = "too old, says Bearer sk-abcdefghijklmnop"
PARTIAL = [
    (HTTP, Answer(200, PROTOBUF, partial(1, MESSAGE).SerializeToString())),
    (GRPC, partial(1, MESSAGE)),
]


@pytest.mark.parametrize(("protocol", "answer"), PARTIAL)
def test_partial_success(protocol: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Spans that a receiver takes back out of a batch are counted as lost, told once, and not sent again."""
    with RECEIVERS[protocol](answer, answer) as received, sending(received.url, protocol) as (processor, tracer):
        for name in ("a", "b", "c", "d"):
            tracer.start_span(name).end()
            if name != "a":
                processor.force_flush()
    place = received.url + ("/v1/traces" if protocol == HTTP else "")
    said = (
        f"spanglass: {place} took a batch but not all of its spans, 1 are lost (too old, says Bearer __REDACTED__): "
        "this is said once."
    )

    assert (received.spans, dict(processor.losses), caplog.messages) == (
        ["a", "b", "c", "d"],
        {"refused out of a batch that was taken": 2},
        [said],
    )


def test_warning(caplog: pytest.LogCaptureFixture) -> None:
    """What a receiver warns of while it takes everything is told, and nothing counts as lost."""
    answer = Answer(200, PROTOBUF, partial(0, "this endpoint is old").SerializeToString())
    with http_receiver(answer) as received, sending(received.url, HTTP) as (processor, tracer):
        tracer.start_span("a").end()
        flushed = processor.force_flush()
    said = (
        f"spanglass: {received.url}/v1/traces took a batch, 0 spans of it are lost, and warns (this endpoint is old): "
        "this is said once."
    )

    assert (flushed, processor.dropped, caplog.messages) == (True, 0, [said])


@pytest.mark.parametrize("status", [302, 308])
def test_moved(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that leads elsewhere, as a login does, has not taken the spans, whatever that other place answers."""
    answer = Answer(status, {"Location": "/login"})
    with http_receiver(answer) as received, sending(received.url, HTTP) as (processor, tracer):
        tracer.start_span("a").end()
        flushed = processor.force_flush()
        tracer.start_span("b").end()
        processor.force_flush()
    why = f"{status} {HTTPStatus(status).phrase}"
    told = [why in line for line in caplog.messages]

    assert (flushed, received.spans, dict(processor.losses), told) == (False, ["b"], {why: 1}, [True])


def test_page(caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that answers with a page, as a login without a redirect does, has not taken the spans."""
    page = Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"\n<!doctype html><title>Log in</title>")
    with http_receiver(page) as received, sending(received.url, HTTP) as (processor, tracer):
        tracer.start_span("a").end()
        flushed = processor.force_flush()

    assert (flushed, dict(processor.losses), len(caplog.messages)) == (False, {"an HTML page": 1}, 1)


def test_too_large_a_batch(caplog: pytest.LogCaptureFixture) -> None:
    """Spans that a receiver refuses together arrive in smaller batches, and nobody says anything."""
    with http_receiver(413) as received, sending(received.url, HTTP) as (processor, tracer):
        for name in ("a", "b", "c"):
            tracer.start_span(name).end()
        flushed = processor.force_flush()

    assert (flushed, received.spans, len(received.paths), processor.dropped, caplog.messages) == (
        True,
        ["a", "b", "c"],
        2,
        0,
        [],
    )


COMPRESSED = [("none", False), ("gzip", True), ("deflate", True), (" GZip ", True)]


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
@pytest.mark.parametrize(("compression", "small"), COMPRESSED)
def test_compression(protocol: str, compression: str, small: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Batches are as small on the wire as the variable says, and arrive."""
    with (
        RECEIVERS[protocol]() as received,
        relay(received.port) as wire,
        sending(wire.url, protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression) as (processor, tracer),
    ):
        tracer.start_span("a", attributes={"text": "a" * 100_000}).end()
        flushed = processor.force_flush()

    assert (flushed, received.spans, wire.sent < 20_000) == (True, ["a"], small)


MALFORMED = [
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "cannot be 'brotli': use one of none, gzip, deflate."),
    (
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "soon",
        "cannot be 'soon': use a number of seconds above 0, and of no more than a day.",
    ),
    (
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "nan",
        "cannot be 'nan': use a number of seconds above 0, and of no more than a day.",
    ),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "cannot be '0': use a number of seconds above 0, and of no more than a day."),
    (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "/nowhere.pem",
        "names a file that cannot be read (FileNotFoundError): give the path of a PEM file.",
    ),
    (
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
        "/",
        "names a file that cannot be read (IsADirectoryError): give the path of a PEM file.",
    ),
]


@pytest.mark.parametrize(("variable", "value", "says"), MALFORMED)
@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_malformed(protocol: str, variable: str, value: str, says: str) -> None:
    """A variable that makes no sense is told by its name at once, and not after the first batch."""
    with pytest.raises(ValueError, match="OTEL_") as raised:
        resolve(protocol=protocol, environ={variable: value})

    assert str(raised.value) == f"{variable} {says}"
