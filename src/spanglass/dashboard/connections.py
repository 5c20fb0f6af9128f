"""Connections to the dashboard, of which none may wait for ever, nor all that there are be taken."""

import asyncio
import socket
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from spanglass.dashboard.safety import HEADERS

HEAD: Final = 10.0
"""Seconds in which a request has to come, but for its body, once there is a connection."""


class Connection(H11Protocol):
    """A connection that is closed where its next request does not come in time: uvicorn itself waits for ever."""

    seconds = HEAD
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        # Else the second half of an answer waits for a word about the first, some 40 ms on a connection that is kept.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, and wait for the rest of its head, or of a body that was answered before."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._wait_no_more()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, if an answer is awaited, with the headers of all answers."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = [*HEADERS.items(), ("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
            answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (answer, h11.Data(data=msg.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        # After an answer the rest of a body may come, which nobody reads.
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._wait_no_more()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


OPTIONS: Final[dict[str, Any]] = {
    "http": Connection,
    "ws": "none",
    "proxy_headers": False,  # anyone may write them
    "limit_concurrency": 256,  # one more is told by 503 to come again
    "h11_max_incomplete_event_size": 32 * 2**10,
}
"""What uvicorn is told besides."""
