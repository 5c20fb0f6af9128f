"""What is said of a trace as a whole, above its waterfall."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.export.summary import MOST_MODELS, summarize
from spanglass.export.words import one_line
from spanglass.reading.calls import Tokens, calls, tokens
from spanglass.reading.spans import (
    MODEL,
    SESSION,
    is_attempt,
    resource_text,
    text,
)
from spanglass.semconv import openinference as oi
from spanglass.semconv import otel

LONGEST: Final = 120
"""Characters of a name."""
UNFINISHED: Final = "UNFINISHED"
"""Where no call has come yet."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The facts of a trace; what is not known is None. `session` and `user` are as they came."""

    name: str
    status: str
    project: str | None
    environment: str | None
    session: str | None
    user: str | None
    models: str | None
    tokens: Tokens
    cost: Decimal | None
    partial: bool


def heading(spans: Sequence[ReadableSpan], outermost: Sequence[ReadableSpan]) -> Heading:
    """Return what is said of the trace of these spans; the `outermost` of them, at least one, are in no other."""
    summary = summarize(spans)
    # An attempt comes before its call, which alone knows whether the last one will do.
    status = UNFINISHED if all(map(is_attempt, outermost)) else summary.status
    first = min(outermost, key=lambda span: (span.parent is not None, is_attempt(span)))
    made = calls(spans)
    models = dict.fromkeys(filter(None, (text(span, *MODEL) for span in made)))
    return Heading(
        name=one_line(first.name, LONGEST) or "(no name)",
        status=status,
        project=_first(spans, lambda span: resource_text(span, oi.OPENINFERENCE_PROJECT_NAME))
        or _first(spans, lambda span: resource_text(span, otel.SERVICE_NAME)),
        environment=_first(spans, lambda span: resource_text(span, otel.DEPLOYMENT_ENVIRONMENT_NAME)),
        session=_first(spans, lambda span: text(span, *SESSION)),
        user=_first(spans, lambda span: text(span, oi.USER_ID)),
        models=", ".join(one_line(model) for model in list(models)[:MOST_MODELS]) or None,
        tokens=tokens(made),
        cost=summary.cost,
        partial=summary.partial,
    )


def _first(spans: Sequence[ReadableSpan], read: Callable[[ReadableSpan], str | None]) -> str | None:
    return next(filter(None, map(read, spans)), None)
