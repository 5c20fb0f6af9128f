"""What the server receives, and the answers it can be told to give."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import Any, Final

LONGEST_STALL: Final = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server received it: `path` with its query, header names in lower case, the body's bytes."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON; raises ValueError where it is not."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Stall:
    """A pause of at most `seconds`, which ends early when `until` is set, the client leaves or the server closes."""

    seconds: float = 30.0
    until: threading.Event | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= LONGEST_STALL:
            message = f"A stall lasts 0 to {LONGEST_STALL:g} seconds, not {self.seconds!r}."
            raise ValueError(message)


Step = bytes | Stall
"""What an answer is made of: bytes to send, and pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """No answer: the connection closes, after the pause `before`."""

    before: Stall | None = None

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection can serve another request afterwards."""
        return False

    def steps(self) -> Iterator[Step]:
        """Yield what goes over the wire, in order."""
        if self.before is not None:
            yield self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What `Reply` and `Stream` share.

    `headers` win over what the answer would send by itself; `before` is a pause before the status line; after `cut_at`
    bytes of a body that promised more, the connection closes.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    before: Stall | None = None
    cut_at: int | None = None

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection can serve another request afterwards."""
        return self.cut_at is None

    def _head(self, own: Mapping[str, str]) -> bytes:
        headers = {**own, **{name.lower(): value for name, value in self.headers.items()}}
        phrase = responses.get(self.status, "")
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(frozen=True, slots=True)
class Reply(_Answer):
    """A whole answer: bytes are sent as given, anything else as JSON. Nothing given is an empty body."""

    body: Any = b""

    def steps(self) -> Iterator[Step]:
        """Yield what goes over the wire, in order."""
        given = isinstance(self.body, bytes)
        body: bytes = self.body if given else json.dumps(self.body).encode()
        length = len(body) if self.cut_at is None else max(len(body), self.cut_at + 1)
        if self.before is not None:
            yield self.before
        kind = "application/octet-stream" if given else "application/json"
        yield self._head({"content-type": kind, "content-length": str(length)})
        yield body[: self.cut_at]


@dataclass(frozen=True, slots=True)
class Stream(_Answer):
    """An answer as server-sent events, each chunk sent by itself.

    A dict becomes one `data:` event, str and bytes are sent as given, a `Stall` is a pause. `delay` is the pause before
    each chunk, in seconds; `done` adds the closing `[DONE]`. Bytes that `cut_at` counts are those of the events.
    """

    chunks: Iterable[Mapping[str, Any] | str | bytes | Stall]
    done: bool = field(default=True, kw_only=True)
    delay: float = field(default=0.0, kw_only=True)

    def steps(self) -> Iterator[Step]:
        """Yield what goes over the wire, in order."""
        if self.before is not None:
            yield self.before
        yield self._head({"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        for step in _cut(self._events(), self.cut_at):
            if isinstance(step, Stall):
                yield step
            elif step:  # an empty chunk would end the body
                yield b"%x\r\n%b\r\n" % (len(step), step)
        if self.cut_at is None:
            yield b"0\r\n\r\n"

    def _events(self) -> Iterator[Step]:
        pause = Stall(self.delay)
        for chunk in self.chunks:
            if isinstance(chunk, Stall):
                yield chunk
                continue
            yield pause
            if isinstance(chunk, str | bytes):
                yield chunk.encode() if isinstance(chunk, str) else chunk
            else:
                yield b"data: %b\n\n" % json.dumps(chunk).encode()
        if self.done:
            yield b"data: [DONE]\n\n"


Answer = Reply | Stream | HangUp
"""What the server can do with a request."""


def _cut(steps: Iterable[Step], at: int | None) -> Iterator[Step]:
    for step in steps:
        if at is None or isinstance(step, Stall):
            yield step
            continue
        yield step[:at]
        at -= len(step)
        if at <= 0:
            return
