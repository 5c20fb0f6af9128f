"""The calls of a model in a trace, each once, however many spans stand for it."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.notes import id_of, parent_of
from spanglass.reading.spans import in_framework, is_call, is_ours, trace_of


def calls(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Return the calls: of one that a framework's span is around, the call itself and not that span."""
    found = [span for span in spans if is_call(span)]
    around = {(trace_of(span), parent_of(span)) for span in found if in_framework(span)}
    return [span for span in found if is_ours(span) or (trace_of(span), id_of(span)) not in around]
