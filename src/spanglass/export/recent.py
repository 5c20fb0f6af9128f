"""The last finished spans, kept in memory for the program itself."""

import os
import weakref
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor


class Recent(SpanProcessor):
    """Keeps the last `most` spans that ended in this process."""

    def __init__(self, most: int) -> None:
        self._spans: deque[ReadableSpan] = deque(maxlen=most)
        if hasattr(os, "register_at_fork"):
            clear = weakref.WeakMethod(self._clear)
            os.register_at_fork(after_in_child=lambda: (alive := clear()) and alive())

    def on_end(self, span: ReadableSpan) -> None:
        """Keep one more, in place of the oldest where they are too many."""
        self._spans.append(span)

    def spans(self) -> list[ReadableSpan]:
        """Return them in the order in which they ended."""
        return list(self._spans)

    def keep(self, most: int) -> None:
        """Keep so many from here on, and none fewer than before."""
        if most > (self._spans.maxlen or 0):
            self._spans = deque(self._spans, maxlen=most)

    def _clear(self) -> None:
        self._spans.clear()
