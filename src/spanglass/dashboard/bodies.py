"""The bodies of requests, within limits: of each one, and of all that wait."""

import zlib
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final

from spanglass.dashboard.answers import Refused

BODY: Final = 32 * 2**20
"""Bytes of a body, also when it is decompressed. The Collector's limit is 20 MiB, and spanglass itself sends 1 MB."""
ROOM: Final = 2 * BODY
"""Bytes of all bodies that have come and are not answered yet: more would wait for longer than a sender does."""
PLACES: Final = 128
"""Requests that are not answered yet: half of the connections that there may be, so that pages are still answered."""
UNREAD: Final = 8 * BODY
"""Bytes of a refused body that are passed over: who is still sending does not see an answer."""
MEMBER: Final = 16 + zlib.MAX_WBITS  # of gzip
MOST_MEMBERS: Final = 64
"""Of a body: nobody sends two, and for each one all that is behind it is copied."""

TOO_LARGE: Final = f"A request has at most {BODY:,} bytes, also when it is decompressed: send fewer spans at once."
MANY_MEMBERS: Final = "The body has too many members of gzip: compress it as one."
NO_ROOM: Final = "There are too many requests that wait: send this one again."


class Room:
    """How much is being worked on."""

    def __init__(self) -> None:
        self._places = PLACES
        self._bytes = ROOM

    @contextmanager
    def entered(self) -> Generator["Place"]:
        """Give a place for the block; Refused where there is none."""
        if not self._places:
            raise Refused(503, NO_ROOM, retry=1)
        self._places -= 1
        place = Place(self)
        try:
            yield place
        finally:
            self._places += 1
            place.clear()

    def take(self, size: int) -> None:
        """Have so many bytes less; Refused where there are not as many."""
        if size > self._bytes:
            raise Refused(503, NO_ROOM, retry=1)
        self._bytes -= size

    def give(self, size: int) -> None:
        """Have so many bytes more."""
        self._bytes += size


class Place:
    """One request's share of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0

    def take(self, size: int) -> None:
        """Have so many bytes; Refused where that is too much, or there is no room."""
        if self._taken + size > BODY:
            raise Refused(413, TOO_LARGE)
        self._room.take(size)
        self._taken += size

    def clear(self) -> None:
        """Give back what was taken."""
        self._room.give(self._taken)
        self._taken = 0


async def received(stream: AsyncIterator[bytes], place: Place) -> bytes:
    """Return the body of a request; Refused where it is too long."""
    chunks: list[bytes] = []
    async for chunk in stream:
        place.take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


async def passed_over(stream: AsyncIterator[bytes]) -> None:
    """Read the rest of a body without keeping it."""
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > UNREAD:
            break


def inflated(body: bytes) -> bytes:
    """Return what gzip has compressed, in one member or more; Refused for what is none, or is too much."""
    parts: list[bytes] = []
    room = BODY
    while body:
        if len(parts) == MOST_MEMBERS:
            raise Refused(400, MANY_MEMBERS)
        member = zlib.decompressobj(MEMBER)
        try:
            part = member.decompress(body, room + 1)
        except zlib.error:
            raise Refused(400, "The body is not what gzip compresses.") from None
        room -= len(part)
        if room < 0:
            raise Refused(413, TOO_LARGE)
        if not member.eof:
            raise Refused(400, "The body ends in the middle of what gzip has compressed.")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)
