"""An OpenAI-compatible server that does what a test tells it, over real HTTP."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import parse_headers
from types import TracebackType
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from spanglass.testing.answers import Answer, Reply, Request, Stall, Step, Stream
from spanglass.testing.bodies import MODEL, USAGE, chunks, completion, error
from spanglass.testing.responses import (
    EMBEDDING_MODEL,
    TEXT_MODEL,
    embeddings,
    response,
    response_events,
    text_chunks,
    text_completion,
)

HOST: Final = "127.0.0.1"

_POLL: Final = 0.005  # seconds between two looks at a stall's event


def default_answer(request: Request) -> Answer:
    """Return what an unscripted server says: a small answer of the endpoint, its stream if asked for, or 404 elsewhere.

    It knows chat completions, responses, embeddings and the completions before chat.
    """
    path = urlsplit(request.path).path
    answer = next((ANSWERS[end] for end in ANSWERS if path.endswith(end)), None)
    if request.method != "POST" or answer is None:
        return Reply(error(f"Nothing is served at {request.method} {path}", code="unknown_url"), status=404)
    return answer(request.json())


def _chat(asked: dict[str, Any]) -> Answer:
    model = asked.get("model", MODEL)
    return Stream(chunks(model=model, usage=_usage(asked))) if asked.get("stream") else Reply(completion(model=model))


def _text(asked: dict[str, Any]) -> Answer:
    model = asked.get("model", TEXT_MODEL)
    if asked.get("stream"):
        return Stream(text_chunks(model=model, usage=_usage(asked)))
    return Reply(text_completion(*["Hello"] * _inputs(asked.get("prompt")), model=model))


def _response(asked: dict[str, Any]) -> Answer:
    model = asked.get("model", MODEL)
    return Stream(response_events(model=model), done=False) if asked.get("stream") else Reply(response(model=model))


def _embeddings(asked: dict[str, Any]) -> Answer:
    vectors, encoded = [VECTOR] * _inputs(asked.get("input")), asked.get("encoding_format") == "base64"
    return Reply(embeddings(vectors, base64_encoded=encoded, model=asked.get("model", EMBEDDING_MODEL)))


def _inputs(given: Any) -> int:
    """Return how many inputs there are: a list has one each, unless it is the tokens of one."""
    several = given.__class__ is list and not all(one.__class__ is int for one in given)
    return len(given) if several else 1


def _usage(asked: dict[str, Any]) -> dict[str, Any] | None:
    options: dict[str, Any] = asked.get("stream_options") or {}
    return USAGE if options.get("include_usage") else None


ANSWERS: Final[dict[str, Callable[[dict[str, Any]], Answer]]] = {
    "/chat/completions": _chat,
    "/completions": _text,
    "/embeddings": _embeddings,
    "/responses": _response,
}
VECTOR: Final = (0.25, -0.5)


class OpenAIServer:
    """A server that speaks the OpenAI API's HTTP on 127.0.0.1, from its construction to `close()`.

    Each request takes the next answer of the script, or calls it when it is a function; with none left it takes
    `default_answer`. `journal` lists the requests received, in the order in which they took their answers.
    `port` 0 is any free one; afterwards it holds the real one.
    """

    def __init__(self, port: int = 0) -> None:
        self.journal: list[Request] = []
        self._script: deque[Answer | Callable[[Request], Answer]] = deque()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._closed = False
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name="OpenAIServer", daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """The server's root, as Azure's `azure_endpoint` wants it."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url`."""
        return f"{self.url}/v1"

    def script(self, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Queue answers, one for each request to come; a function gets the request and returns its answer."""
        with self._lock:
            self._script.extend(answers)

    def close(self) -> None:
        """Drop every connection, whatever it waits for, and return when all threads have ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = [self._accepting, *self._connections.values()]
            for connection in self._connections:
                with suppress(OSError):  # the client may have left first
                    connection.shutdown(socket.SHUT_RDWR)
        socket.create_connection((HOST, self.port)).close()  # closing the listener would not wake its accept()
        for thread in threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> "OpenAIServer":  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                thread = threading.Thread(target=self._converse, args=(connection,), name="OpenAIServer", daemon=True)
                self._connections[connection] = thread
                thread.start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with suppress(ConnectionError), connection, connection.makefile("rb") as incoming:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := _read(incoming)) is not None:
                    answer = self._answer(request)
                    _perform(answer.steps(), connection)
                    if not answer.keeps_alive:
                        break
        finally:
            with self._lock:
                del self._connections[connection]

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            self.journal.append(request)
            scripted = self._script.popleft() if self._script else default_answer
        return scripted(request) if callable(scripted) else scripted


def _perform(steps: Iterable[Step], connection: socket.socket) -> None:
    for step in steps:
        if isinstance(step, Stall):
            _wait(step, connection)
        else:
            connection.sendall(step)


def _wait(stall: Stall, connection: socket.socket) -> None:
    """Return when the stall is over; raise ConnectionAbortedError as soon as either side has shut the connection."""
    end = time.monotonic() + stall.seconds
    while (left := end - time.monotonic()) > 0 and not (stall.until is not None and stall.until.is_set()):
        connection.settimeout(left if stall.until is None else min(left, _POLL))
        with suppress(TimeoutError):
            connection.recv(1, socket.MSG_PEEK)  # no client sends more before its answer: this is the end of its side
            raise ConnectionAbortedError
    connection.settimeout(None)


def _read(incoming: BinaryIO) -> Request | None:
    """Return the next request of a connection, or None when the client has left."""
    words = incoming.readline().decode("latin-1").split()
    if not words:
        return None
    headers = {name.lower(): value for name, value in parse_headers(incoming).items()}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(iter(lambda: _read_chunk(incoming), b""))
    else:
        body = _read_exactly(incoming, int(headers.get("content-length", 0)))
    return Request(words[0], words[1], headers, body)


def _read_chunk(incoming: BinaryIO) -> bytes:
    size = int(incoming.readline().partition(b";")[0] or b"0", 16)
    return _read_exactly(incoming, size + len(b"\r\n"))[:size]


def _read_exactly(incoming: BinaryIO, size: int) -> bytes:
    data = incoming.read(size)
    if len(data) < size:
        raise ConnectionAbortedError
    return data
