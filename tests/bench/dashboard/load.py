"""A sender in a process of its own: posts so many spans a second, and tells how it went."""

import http.client
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own

HEADERS: Final = {"Content-Type": "application/x-protobuf"}
WORDS: Final = ("the", "of", "answer", "customer", "order", "please", "invoice", "shipping", "retry", "stream", "token")
TRACE: Final = 5
"""Spans of a trace."""
MADE: Final = 2_000
"""Spans that are made before, whose ids are then given anew."""
ORIGIN: Final = {
    "resource": Resource({"service.name": "bench", oi.OPENINFERENCE_PROJECT_NAME: "bench", "telemetry.sdk.name": "x"}),
    "instrumentation_scope": InstrumentationScope("spanglass", "0.1.0"),
}


def _text(size: int) -> str:
    words = " ".join(random.choices(WORDS, k=size // 5))  # noqa: S311 - no secret
    return words[:size]


def _span(number: int) -> ReadableSpan:
    """Return a call of a chat of six messages: 50 attributes, and some 5 kB."""
    attributes = {
        oi.OPENINFERENCE_SPAN_KIND: "LLM",
        oi.LLM_MODEL_NAME: "gpt-4o-mini",
        oi.SESSION_ID: f"session {number // TRACE}",
        oi.INPUT_VALUE: json.dumps({"messages": [{"role": "user", "content": _text(700)}]}),
        oi.OUTPUT_VALUE: json.dumps({"choices": [{"message": {"content": _text(700)}}]}),
        oi.LLM_TOKEN_COUNT_TOTAL: number % 1000,
        own.SPANGLASS_ATTEMPT_COUNT: 1 + (number % 50 == 0),
        **{f"spanglass.other.{place}": (place, f"value {place}", place / 7)[place % 3] for place in range(29)},
    }
    for place in range(6):
        said = f"{oi.LLM_INPUT_MESSAGES}.{place}."
        attributes |= {said + oi.MESSAGE_ROLE: "user", said + oi.MESSAGE_CONTENT: _text(300)}
    said = f"{oi.LLM_OUTPUT_MESSAGES}.0."
    attributes |= {said + oi.MESSAGE_ROLE: "assistant", said + oi.MESSAGE_CONTENT: _text(500)}
    now = time.time_ns()
    return ReadableSpan(
        name="ChatCompletion",
        context=SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
        attributes=attributes,
        start_time=now - 400_000_000,
        end_time=now,
        status=Status(StatusCode.OK),
        **ORIGIN,  # type: ignore[arg-type]  # each of its own type
    )


def requests(batch: int) -> Iterator[bytes]:
    """Yield requests of so many spans, none of which comes twice."""
    made = [encode_spans([_span(number)]).resource_spans[0].scope_spans[0].spans[0] for number in range(MADE)]
    whole = encode_spans([_span(0)])
    spans = whole.resource_spans[0].scope_spans[0].spans
    place, trace = 0, b""
    while True:
        del spans[:]
        for _ in range(batch):
            span = made[place % MADE]
            if place % TRACE == 0:
                trace = random.randbytes(16)  # noqa: S311 - no secret
            span.trace_id, span.span_id = trace, random.randbytes(8)  # noqa: S311 - no secret
            span.end_time_unix_nano = time.time_ns()
            span.start_time_unix_nano = span.end_time_unix_nano - 400_000_000
            spans.append(span)
            place += 1
        yield whole.SerializeToString()


def main(port: int, batch: int, rate: float, seconds: float) -> None:
    """Send `rate` spans a second, as many as can be where that is 0; print answers, and their times in ms, as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    bodies = requests(batch)
    next(bodies)
    times: list[float] = []
    statuses: dict[int, int] = {}
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        due = begun + sum(statuses.values()) * batch / rate if rate else now
        body = next(bodies)
        time.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        connection.request("POST", "/v1/traces", body, HEADERS)
        response = connection.getresponse()
        response.read()
        times.append((time.perf_counter() - sent) * 1e3)
        statuses[response.status] = statuses.get(response.status, 0) + 1
    took = time.perf_counter() - begun
    told = {
        "spans": statuses.get(200, 0) * batch,
        "seconds": took,
        "statuses": statuses,
        "times": times,
        "body": len(body),
    }
    print(json.dumps(told))  # noqa: T201 - what is read


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
