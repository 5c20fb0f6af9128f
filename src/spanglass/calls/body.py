"""A body that the caller reads as bytes, past the SDK's streams: gathered as it is taken, and read at the end."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

EVENTS = "text/event-stream"
DATA = "data:"


class Body:
    """The bytes of a response as they came over the wire; `whole` once its end was seen."""

    __slots__ = ("_headers", "_kind", "_pieces", "whole")

    def __init__(self, response: Any) -> None:
        # Its class and its headers, which know how the bytes are encoded; not itself, which knows us.
        self._kind: Callable[..., Any] = response.__class__
        self._headers = response.headers
        self._pieces: list[bytes] = []
        self.whole = False

    def take(self, piece: bytes) -> None:
        """Take some more bytes."""
        self._pieces.append(piece)

    def clear(self) -> None:
        """Forget the bytes."""
        self._pieces.clear()

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events."""
        return EVENTS in self._headers.get("content-type", "")

    def text(self) -> str:
        """Return what has come, decoded."""
        text: str = self._kind(200, headers=self._headers, content=b"".join(self._pieces)).text
        return text

    def chunks(self) -> list[Any]:
        """Return the data of the events that have come whole."""
        found: list[Any] = []
        for line in self.text().splitlines():
            if line.startswith(DATA):
                try:
                    found.append(json.loads(line[len(DATA) :]))
                except ValueError:  # [DONE], or cut off
                    continue
        return found


class Gathered:
    """Hands on the bytes of a sync response, and takes note of them."""

    def __init__(self, inner: Iterator[bytes], body: Body, fail: Callable[[BaseException], None]) -> None:
        self._inner = inner
        self._body = body
        self._fail = fail

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._inner)
        except StopIteration:
            self._body.whole = True
            raise
        except BaseException as error:
            self._fail(error)
            raise
        self._body.take(piece)
        return piece


class AsyncGathered:
    """Hands on the bytes of an async response, and takes note of them."""

    def __init__(self, inner: AsyncIterator[bytes], body: Body, fail: Callable[[BaseException], None]) -> None:
        self._inner = inner
        self._body = body
        self._fail = fail

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._inner.__anext__()
        except StopAsyncIteration:
            self._body.whole = True
            raise
        except BaseException as error:
            self._fail(error)
            raise
        self._body.take(piece)
        return piece
