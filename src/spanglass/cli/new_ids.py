"""New ids for saved spans, so that a viewer which knows the old ones takes them once more."""

from copy import copy
from hashlib import blake2b
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext

TRACE: Final = 16  # bytes of a trace's id
SPAN: Final = 8  # bytes of a span's id


class NewIds:
    """Gives ids that are told by the seed and the old ones: who has the seed goes on where another has stopped."""

    def __init__(self, seed: str) -> None:
        self._seed = bytes.fromhex(seed)

    def renew(self, span: ReadableSpan) -> ReadableSpan:
        """Return a span with new ids; what it is a child of, and what it is linked to, have theirs changed alike."""
        links = BoundedList[Link](len(span.links))
        links.extend([Link(self._context(link.context), link.attributes) for link in span.links])
        links.dropped = span.dropped_links
        renewed = copy(span)  # with all that the SDK has no argument for
        renewed._context = span.context and self._context(span.context)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        renewed._parent = span.parent and self._context(span.parent)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        renewed._links = links  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        return renewed

    def _context(self, old: SpanContext) -> SpanContext:
        trace = old.trace_id.to_bytes(TRACE, "big")
        span = old.span_id.to_bytes(SPAN, "big")
        return SpanContext(
            self._id(trace, TRACE), self._id(trace + span, SPAN), old.is_remote, old.trace_flags, old.trace_state
        )

    def _id(self, old: bytes, size: int) -> int:
        return int.from_bytes(blake2b(old, digest_size=size, key=self._seed).digest(), "big")
