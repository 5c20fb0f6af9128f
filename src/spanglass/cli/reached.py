"""The receiver that spans go to, and what it makes of one."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from spanglass.calls.rivals import OURS
from spanglass.cli.endpoint import advice, target_of
from spanglass.cli.finding import MORE, NOTE, OK, WRONG, Finding
from spanglass.export.endpoint import Target
from spanglass.export.hearing import NO_ANSWER
from spanglass.export.otlp import open_receiver
from spanglass.export.reporting import Sent
from spanglass.export.variables import first
from spanglass.export.words import one_line
from spanglass.semconv.openinference import OPENINFERENCE_PROJECT_NAME, OPENINFERENCE_SPAN_KIND
from spanglass.semconv.otel import SERVICE_NAME

NAME: Final = "spanglass-doctor"
PATIENCE: Final = 5.0
"""Seconds in which the test span must be acknowledged."""
DEFAULT: Final = "the default"
IN_CODE: Final = " (--endpoint names what a program gives in code)"
ENDPOINTS: Final = (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT)
PROTOCOLS: Final = (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL)


def reached(endpoint: str | None, protocol: str | None, headers: Iterable[str], *, send: bool) -> Iterator[Finding]:
    """Yield where the options and the variables lead, and what comes of a test span, where one is to be sent."""
    try:
        target = target_of(endpoint, protocol, headers)
    except ValueError as error:
        yield Finding(WRONG, str(error))
        return
    yield Finding(OK, f"{target.shown} over {target.protocol}")
    source = _source("--endpoint", endpoint, *ENDPOINTS)
    yield Finding(MORE, f"URL from {source}{IN_CODE if source == DEFAULT else ''}")
    yield Finding(MORE, f"protocol from {_source('--protocol', protocol, *PROTOCOLS)}")
    yield Finding(MORE, f"headers, without their values: {', '.join(target.headers) or 'none'}")
    if send:
        yield _sent(target)
    else:
        yield Finding(NOTE, "no test span is sent, since variables turn that off.")


def _source(option: str, given: str | None, *variables: str) -> str:
    chosen = first(os.environ, *variables)
    return option if given is not None else chosen.source if chosen else DEFAULT


def _sent(target: Target) -> Finding:
    began = time.monotonic()
    sent = _send(target)
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    said = f", and says: {one_line(sent.said)}" if sent.said else ""
    if sent.lost and sent.said:
        return Finding(WRONG, f"a test span was sent, and the receiver took the batch without it{said}.")
    if sent == Sent(said=sent.said):
        mark = NOTE if said else OK
        return Finding(mark, f"a test span was sent and acknowledged in {took} (project {NAME}){said}")
    return Finding(WRONG, f"a test span was not taken ({sent.why}): {advice(sent.why, target)}.")


def _send(target: Target) -> Sent:
    """Send the span by what `configure` sends by; in a thread, since looking up a name has no time limit."""
    timeout = min(target.transport.timeout, PATIENCE)
    results: list[Sent] = []

    def send() -> None:
        with suppress_instrumentation():
            receiver = open_receiver(replace(target, transport=target.transport._replace(timeout=timeout)))
            results.append(receiver.send([_span()]))
            receiver.close()

    thread = threading.Thread(target=send, name=NAME, daemon=True)
    thread.start()
    thread.join(PATIENCE + 1)
    return results[0] if results else Sent(1, NO_ANSWER)


def _span() -> ReadableSpan:
    """Return a span in a project of its own."""
    ids, now = RandomIdGenerator(), time.time_ns()
    return ReadableSpan(
        NAME,
        SpanContext(ids.generate_trace_id(), ids.generate_span_id(), is_remote=False, trace_flags=TraceFlags(1)),
        resource=Resource.create({SERVICE_NAME: NAME, OPENINFERENCE_PROJECT_NAME: NAME}),
        attributes={OPENINFERENCE_SPAN_KIND: "CHAIN"},
        instrumentation_scope=InstrumentationScope(OURS),
        start_time=now,
        end_time=now,
    )
