"""The calls of a model in a trace, each once, however many spans stand for it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.notes import id_of, parent_of
from spanglass.reading.spans import TOKENS_IN, TOKENS_OUT, in_framework, is_call, is_ours, number, trace_of
from spanglass.semconv.spanglass import SPANGLASS_USAGE_ESTIMATED_COMPLETION_TOKENS as GUESS


def calls(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Return the calls: of one that a framework's span is around, the call itself and not that span."""
    found = [span for span in spans if is_call(span)]
    around = {(trace_of(span), parent_of(span)) for span in found if in_framework(span)}
    return [span for span in found if is_ours(span) or (trace_of(span), id_of(span)) not in around]


class Tokens(NamedTuple):
    """What calls took: tokens that were sent and that came back, None where none of them tells."""

    sent: int | None
    received: int | None
    estimated: bool
    """Whether some of those that came back are an estimate."""

    @property
    def told(self) -> str:
        """In words; nothing where nothing is known."""
        sent = [] if self.sent is None else [f"{self.sent:,} in"]
        received = [] if self.received is None else [f"{'~' if self.estimated else ''}{self.received:,} out"]
        return " + ".join((*sent, *received))


def tokens(made: Sequence[ReadableSpan]) -> Tokens:
    """Return the tokens of calls; where a provider has told none of a stream, what was estimated counts."""
    received = _sum(number(span, *TOKENS_OUT) for span in made)
    guessed = _sum(number(span, GUESS) for span in made if number(span, *TOKENS_OUT) is None)
    return Tokens(
        _sum(number(span, *TOKENS_IN) for span in made),
        received if guessed is None else (received or 0) + guessed,
        guessed is not None,
    )


def _sum(counts: Iterable[float | None]) -> int | None:
    known = [int(count) for count in counts if count is not None]
    return sum(known) if known else None
