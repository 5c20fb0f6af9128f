"""What an OTLP receiver was sent, as trees that a test can compare: names, kinds and how each span ended."""

from collections.abc import Iterator
from typing import Any, Final

from otlp_receivers import Received
from spanglass.semconv.openinference import OPENINFERENCE_SPAN_KIND
from spanglass.semconv.spanglass import SPANGLASS_STREAM_OUTCOME

SCOPE: Final = "spanglass"
STATUS: Final = ("unset", "OK", "ERROR")


def trees(received: Received) -> list[str]:
    """Return a line for each span of ours, in the order of their starts, indented under the one that it is in.

    It has the name, the kind, the status and a stream's outcome. The spans of a framework may stand between and around.
    """
    parents: dict[bytes, bytes] = {}
    ours: dict[bytes, Any] = {}
    for export in received.exports:
        for scope in (scope for group in export.resource_spans for scope in group.scope_spans):
            parents |= {span.span_id: span.parent_span_id for span in scope.spans}
            ours |= {span.span_id: span for span in scope.spans if scope.scope.name == SCOPE}

    def depth(span: bytes) -> Iterator[bytes]:
        while span := parents.get(span, b""):
            if span in ours:
                yield span

    ordered = sorted(ours.values(), key=lambda span: int(span.start_time_unix_nano))
    paths = {span.span_id: [*reversed([*depth(span.span_id)]), span.span_id] for span in ordered}
    place = {span.span_id: number for number, span in enumerate(ordered)}
    ordered.sort(key=lambda span: [place[each] for each in paths[span.span_id]])
    return ["  " * (len(paths[span.span_id]) - 1) + _told(span) for span in ordered]


def _told(span: Any) -> str:
    attributes = {pair.key: pair.value.string_value for pair in span.attributes}
    kind, outcome = attributes.get(OPENINFERENCE_SPAN_KIND, ""), attributes.get(SPANGLASS_STREAM_OUTCOME, "")
    return " ".join(filter(None, (span.name, kind, STATUS[span.status.code], outcome)))
