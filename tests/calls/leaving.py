"""What the programs of these tests begin with: OpenAI instrumented, errors let out, and each span told on a line."""

import faulthandler
import json
import sys
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

import spanglass
from spanglass import OpenAIInstrumentor
from spanglass.guard import guard

OURS = str(Path(spanglass.__file__).parent)
"""Where spanglass stands: it shows on stderr where spanglass complains."""

PATIENCE = 60
"""Seconds after which a program that hangs says where, and ends."""


def line(span: ReadableSpan) -> str:
    """Return what a span says of its stream, as a line of JSON."""
    said = span.attributes or {}
    told = [said[f"spanglass.stream.{name}"] for name in ("outcome", "chunk_count")]
    return json.dumps([*told, said.get("llm.output_messages.0.message.content")]) + "\n"


def watch() -> None:
    """Let spanglass's own errors out, and do not hang for ever."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    guard.strict = True


def instrument() -> str:
    """Instrument OpenAI, with spans told at the end of the program, and return the base URL that it was given."""
    watch()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=line)))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    return sys.argv[1]


def leave_bare() -> str:
    """Return the base URL, and instrument nothing: what such a program does by itself."""
    return sys.argv[1]
