"""What a span that is no call was given and returned, and the results of tools that such spans have."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.dashboard.attributes import OF_SPAN
from spanglass.dashboard.cards import Card, Piece, Result, Said
from spanglass.export.notes import id_of
from spanglass.reading.spans import text, trace_of
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi

VALUES: Final = (
    ("Input", "input", (oi.INPUT_VALUE, ai.GEN_AI_TOOL_CALL_ARGUMENTS)),
    ("Output", "output", (oi.OUTPUT_VALUE, ai.GEN_AI_TOOL_CALL_RESULT)),
)


class Value(NamedTuple):
    """What went in, or came out."""

    title: str
    key: str
    said: Said


def values(span: ReadableSpan) -> Iterator[Value]:
    """Yield what went in and came out."""
    of = format_span_id(id_of(span)), format_trace_id(trace_of(span))
    for title, key, names in VALUES:
        for name in names:
            said = text(span, name)
            if said is not None:
                yield Value(title, key, Said(said, f"{OF_SPAN}{name}", *of))
                break


def bring(cards: Sequence[Card], spans: Iterable[ReadableSpan]) -> None:
    """Put into calls that have no result what a tool's span returned that ran for them, by the id of the call."""
    waiting = {call.id: call for card in cards for call in card.calls if call.id and not call.results}
    for span in spans if waiting else ():
        call = waiting.get(text(span, oi.TOOL_ID, ai.GEN_AI_TOOL_CALL_ID) or "")
        returned = None if call is None else next((value for value in values(span) if value.key == "output"), None)
        if call is not None and returned is not None:
            call.results.append(Result([Piece("text", returned.said)], f"span {span.name}"))
            call.note = ""
