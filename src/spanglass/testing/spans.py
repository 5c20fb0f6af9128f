"""The spans of what ran in a block, without a collector."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON


class CapturedSpans:
    """The spans that ended in a `captured_spans()` block, and the provider that they went to.

    A client that is traced by itself, not by the instrumentor, has a provider of its own: a test gives it this one, by
    `wrap_openai(client, tracer_provider=captured.provider)`, with or without the block.
    """

    def __init__(self) -> None:
        from spanglass import projects  # noqa: PLC0415 - the server alone needs no instrumentor

        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        projects.able.add(self.provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The finished spans in the order in which they ended.

        Those of streams that were dropped unread are among them as soon as Python has collected the stream, which for
        a stream of the SDK (it is in a reference cycle) may take a `gc.collect()`.
        """
        from spanglass.calls.unfinished import drain  # noqa: PLC0415 - the server alone needs no instrumentor

        drain()
        return list(self._exporter.get_finished_spans())


@contextmanager
def captured_spans(**options: Any) -> Generator[CapturedSpans]:
    """Instrument OpenAI for a `with` block, and give the spans that end in it.

    `options` go to `OpenAIInstrumentor.instrument`. Where it is instrumented already, it keeps its own options in the
    block, but for the provider and those given here, and has them all back afterwards.
    """
    from spanglass import OpenAIInstrumentor  # noqa: PLC0415 - the server alone needs no instrumentor

    instrumentor = OpenAIInstrumentor()
    before: dict[str, Any] | None = None
    if instrumentor.is_instrumented_by_opentelemetry:
        before = dict(instrumentor.instrumented_with)
        instrumentor.uninstrument()
    captured = CapturedSpans()
    try:
        instrumentor.instrument(**{**(before or {}), **options, "tracer_provider": captured.provider})
        yield captured
    finally:
        _ = captured.spans  # brings in what was dropped, while there is an instrumentor to end it
        instrumentor.uninstrument()
        if before is not None:
            instrumentor.instrument(**before)
