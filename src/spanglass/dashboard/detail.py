"""One span, as a person looks at it: what was said, and all that is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.snippet import snippet


@dataclass(frozen=True, slots=True)
class Detail:
    """What the page shows of a span beside the waterfall."""

    name: str
    snippet: str | None


def detail(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> Detail:  # noqa: ARG001 - to come
    """Return what is shown of a span, which is one of the `spans` of its trace."""
    return Detail(span.name, snippet(span))
