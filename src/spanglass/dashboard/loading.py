"""Saved spans on their way into a store: a batch at a time, however many there are."""

from collections.abc import Iterable, Iterator
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.entry import Entry, entry
from spanglass.dashboard.store import Store

MOST: Final = 500
"""Spans of a batch."""
LARGEST: Final = 8 * 2**20
"""Characters of the spans of a batch, but for the last of them."""


class Loading:
    """Puts spans into a store: `spans` are there, and `left_out` are those that could not be kept."""

    def __init__(self, spans: Iterable[ReadableSpan], store: Store) -> None:
        self.spans = 0
        self.left_out = 0
        self._store = store
        self._entries = self._made(spans)

    def batch(self) -> bool:
        """Load one more batch, and tell whether more may come.

        Raises what reading the spans raises, once what came before is there, and Unavailable where the store's file
        takes no more.
        """
        batch: list[Entry] = []
        size = 0
        try:
            for each in self._entries:
                batch.append(each)
                size += len(each.line)
                if size >= LARGEST or len(batch) >= MOST:
                    return True
            return False
        finally:
            self._store.add(batch)
            self.spans += len(batch)

    def _made(self, spans: Iterable[ReadableSpan]) -> Iterator[Entry]:
        for span in spans:
            made = _entry(span)
            if made is None:
                self.left_out += 1
            else:
                yield made


def _entry(span: ReadableSpan) -> Entry | None:
    try:
        return entry(span)
    except (ValueError, RecursionError):  # it has no ids, or values that are too deep
        return None
