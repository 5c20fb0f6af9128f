"""What a span that is no call was given and returned, and the results of tools that such spans have."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.dashboard.attributes import OF_SPAN
from spanglass.dashboard.cards import Card, Piece, Result, Said
from spanglass.export.notes import id_of
from spanglass.export.words import one_line
from spanglass.reading.spans import number, text, trace_of
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import openinference as oi

VALUES: Final = (
    ("Input", "input", (oi.INPUT_VALUE, ai.GEN_AI_TOOL_CALL_ARGUMENTS)),
    ("Output", "output", (oi.OUTPUT_VALUE, ai.GEN_AI_TOOL_CALL_RESULT)),
)


DOCUMENTS: Final = (
    ("Document", "output", "retrieval.documents"),
    ("Document to rank", "input", "reranker.input_documents"),
    ("Ranked document", "output", "reranker.output_documents"),
)
"""Where OpenInference has what retrievers found and what rerankers put in order; spanglass writes none of them."""
MOST_DOCUMENTS: Final = 30
"""Documents of a sort that are shown; the attributes have all."""


class Value(NamedTuple):
    """What went in, or came out; `note` is what else is known of it."""

    title: str
    key: str
    said: Said
    note: str = ""


def values(span: ReadableSpan) -> Iterator[Value]:
    """Yield what went in and came out."""
    of = format_span_id(id_of(span)), format_trace_id(trace_of(span))
    for title, key, names in VALUES:
        for name in names:
            said = text(span, name)
            if said is not None:
                yield Value(title, key, Said(said, f"{OF_SPAN}{name}", *of))
                break


def documents(span: ReadableSpan) -> Iterator[Value]:
    """Yield the documents that a retriever has found, or a reranker was given and returned."""
    of = format_span_id(id_of(span)), format_trace_id(trace_of(span))
    for title, key, names in DOCUMENTS:
        for place in range(MOST_DOCUMENTS):
            begin = f"{names}.{place}.document."
            content = text(span, f"{begin}content")
            if content is None:
                break
            score, named = number(span, f"{begin}score"), text(span, f"{begin}id")
            told = (named, None if score is None else f"score {score:g}", text(span, f"{begin}metadata"))
            note = ", ".join(one_line(each) for each in told if each)
            yield Value(f"{title} {place + 1}", key, Said(content, f"{OF_SPAN}{begin}content", *of), note)


def bring(cards: Sequence[Card], spans: Iterable[ReadableSpan]) -> None:
    """Put into calls that have no result what other spans have, by the id of the call.

    It is what a tool's span returned that ran for them, or what a later call sent.
    """
    waiting = {call.id: call for card in cards for call in card.calls if call.id and not call.results}
    for span in spans if waiting else ():
        for called, said in _results(span):
            call = waiting.get(called)
            if call is not None and not call.results:
                call.results.append(Result([Piece("text", said)], f"span {span.name}", elsewhere=True))
                call.note = ""


def _results(span: ReadableSpan) -> Iterator[tuple[str, Said]]:
    """Yield the results of tools that a span has, each with the id of the call."""
    ran_for = text(span, oi.TOOL_ID, ai.GEN_AI_TOOL_CALL_ID)
    if ran_for is not None:
        yield from ((ran_for, value.said) for value in values(span) if value.key == "output")
    of = format_span_id(id_of(span)), format_trace_id(trace_of(span))
    end = f".{oi.MESSAGE_TOOL_CALL_ID}"
    for name, called in (span.attributes or {}).items():
        if name.endswith(end) and isinstance(called, str):
            content = f"{name.removesuffix(end)}.{oi.MESSAGE_CONTENT}"
            said = text(span, content)
            if said is not None:
                yield called, Said(said, f"{OF_SPAN}{content}", *of)
