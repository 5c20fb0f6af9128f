"""The bound on a span's size, beside what the exporters' encoder makes of it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from random import Random

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.types import AnyValue

from spanglass.export.sizes import origin_bytes, span_bytes

STATE = trace.TraceState([("vendor", "a" * 200), ("other", "1")])
FAR = trace.SpanContext(2**128 - 1, 2**64 - 1, is_remote=True, trace_flags=trace.TraceFlags(1), trace_state=STATE)
LETTERS = "a", "é", "“", "漢", "😀", "\0"
LENGTHS = 0, 1, 20, 127, 128, 16_383, 16_384
SCALARS = True, 0, -1, 2**63 - 1, -(2**63), 2**70, 0.5, float("nan"), None


def value(random: Random, depth: int = 2) -> AnyValue:
    """Return one of all kinds of values that an attribute can have."""
    text = random.choice(LETTERS) * random.choice(LENGTHS)
    below: list[AnyValue] = [value(random, depth - 1) for _ in range(random.randrange(4))] if depth else []
    kinds: list[AnyValue] = [
        text,
        text + "a",
        text.encode(),
        random.choice(SCALARS),
        [text] * 3,
        [random.choice(SCALARS)] * random.randrange(300),
        below,
        {f"{text[:20]}{number}": each for number, each in enumerate(below)},
    ]
    return random.choice(kinds)


def attributes(random: Random) -> dict[str, AnyValue]:
    """Return some attributes."""
    return {f"{random.choice(LETTERS)}.{number}": value(random) for number in range(random.randrange(12))}


def varied(random: Random, tracer: trace.Tracer) -> None:
    """End a span that has some of everything."""
    span = tracer.start_span(random.choice(LETTERS) * 30, attributes=attributes(random))
    for _ in range(random.randrange(3)):
        span.add_event(random.choice(LETTERS) * 200, attributes(random))
        span.add_link(FAR, attributes(random))
    span.end()


def bare(_: Random, tracer: trace.Tracer) -> None:
    """End a span that has nothing."""
    tracer.start_span("").end()


def full(_: Random, tracer: trace.Tracer) -> None:
    """End a span whose own fields are as large as they get."""
    parent = trace.set_span_in_context(trace.NonRecordingSpan(FAR))
    span = tracer.start_span("a" * 20_000, parent, trace.SpanKind.CLIENT)
    span.set_status(trace.StatusCode.ERROR, "é" * 20_000)
    span.end()


def numbers(_: Random, tracer: trace.Tracer) -> None:
    """End a span of numbers that take as many bytes as they can."""
    tracer.start_span("", attributes={"b": [-1] * 5000, **{f"c{number}": -1 for number in range(100)}}).end()


def texts(_: Random, tracer: trace.Tracer) -> None:
    """End a span of texts, one kept in a list and one in a mapping."""
    text = "a" * 20_000
    nested: dict[str, AnyValue] = {"list": [text] * 100, "mapping": {str(number): text for number in range(100)}}
    tracer.start_span("", attributes={**nested, **{str(number): text for number in range(100)}}).end()


def events(_: Random, tracer: trace.Tracer) -> None:
    """End a span of events."""
    span = tracer.start_span("")
    for _time in range(100):
        span.add_event("a" * 20_000)
    span.end()


def links(_: Random, tracer: trace.Tracer) -> None:
    """End a span of links."""
    tracer.start_span("", links=[trace.Link(FAR)] * 100).end()


def ended(end: Callable[[Random, trace.Tracer], None], seed: int = 0) -> list[ReadableSpan]:
    """Return the spans that `end` ends."""
    kept = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=200)
    resource = Resource({"service.name": "漢" * 1000, "host": "h"}, "https://schema")
    provider = TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    end(Random(seed), provider.get_tracer("scope", "1.0", "https://schema", {"é": "é" * 500}))  # noqa: S311 - no secret
    return list(kept.get_finished_spans())


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the SDK and the encoder from telling of the values that they do not take."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("end", [varied, bare, full, numbers, texts, events, links])
def test_bound(end: Callable[[Random, trace.Tracer], None]) -> None:
    """No span is larger, encoded, than its bound, whatever is in it."""
    spans = [span for seed in range(200 if end is varied else 1) for span in ended(end, seed)]
    encoded = [encode_spans([span]).resource_spans[0].scope_spans[0] for span in spans]
    for one in encoded:
        one.ClearField("scope")
        one.ClearField("schema_url")

    assert [] == [span for span, one in zip(spans, encoded, strict=True) if one.ByteSize() > span_bytes(span)]


def test_origin() -> None:
    """The resource and the scope are no larger, encoded, than their bound, which is told apart from the span's."""
    (span,) = ended(bare)
    request = encode_spans([span])
    request.resource_spans[0].scope_spans[0].ClearField("spans")

    assert request.ByteSize() <= origin_bytes(span) < request.ByteSize() * 1.5


@pytest.mark.parametrize("letter", LETTERS)
def test_close(letter: str) -> None:
    """The bound on a span of texts is less than a twentieth above its size."""
    messages = {f"message.{number}": letter * 400 for number in range(50)}
    span = ReadableSpan("a", trace.SpanContext(1, 1, is_remote=False), attributes=messages)
    encoded = encode_spans([span]).ByteSize()

    assert encoded <= span_bytes(span) + origin_bytes(span) < encoded * 1.05


def test_lone_surrogate() -> None:
    """A text that is no Unicode is measured, though no encoder takes it."""
    plain, lone = (ReadableSpan("a", attributes={"b": text}) for text in ("abc", "\ud800"))

    assert span_bytes(plain) == span_bytes(lone)


class Lookup(Mapping[str, AnyValue]):
    """A mapping that has nothing but what every mapping has."""

    def __init__(self, values: dict[str, AnyValue]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> AnyValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def test_any_mapping() -> None:
    """Attributes in a mapping of another kind are measured as those in a dict."""
    plain: dict[str, AnyValue] = {"text": "a" * 300, "漢": "漢", "number": 1, "list": ["a", 2]}

    assert span_bytes(ReadableSpan("a", attributes=Lookup(plain))) == span_bytes(ReadableSpan("a", attributes=plain))
