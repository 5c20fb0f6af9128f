"""Many senders at once: what waits is bounded, and who finds no room is asked to come again."""

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Semaphore

import pytest
from kept import ended, ids
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from processes import wait_until
from serving import Answer, Dashboard

from spanglass.dashboard import bodies

pytest_plugins = ["served"]

PROTOBUF = {"content-type": "application/x-protobuf"}
MB = 2**20
THREADS = 40
"""Of anyio, in which pages are made."""


def test_pages_that_take_long(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are taken while as many pages as can be made at once are being made."""
    begun, go_on = Semaphore(0), Event()
    state = dashboard.store.state

    def slow() -> str:
        begun.release()
        go_on.wait(60)
        return state()

    monkeypatch.setattr(dashboard.store, "state", slow)
    with ThreadPoolExecutor(THREADS) as pool:
        pages = [pool.submit(dashboard.ask, "/") for _ in range(THREADS)]
        for _ in pages:
            begun.acquire(timeout=30)
        taken = dashboard.ask("/v1/traces", large(10), PROTOBUF)
        under_way = [page.done() for page in pages]
        go_on.set()

    assert (200, [False] * THREADS, {200}) == (taken.status, under_way, {page.result().status for page in pages})


def begin(stack: ExitStack, dashboard: Dashboard, body: bytes) -> socket.socket:
    """Send all of a request but for its last byte."""
    port = int(dashboard.url.rpartition(":")[2])
    sender = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
    head = f"POST /v1/traces HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/x-protobuf"
    sender.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
    return sender


def end(sender: socket.socket, body: bytes) -> bytes:
    """Send the last byte, and return the status."""
    sender.sendall(body[-1:])
    return sender.recv(65536)[9:12]


def large(size: int) -> bytes:
    """Return a request of one span that has so many bytes of what OTLP does not know."""
    body: bytes = encode_spans([ended(1, 1)]).SerializeToString()
    length, number = b"", size
    while number:
        length += bytes([number & 127 | (128 if number > 127 else 0)])
        number >>= 7
    return body + b"\x7a" + length + bytes(size)


def test_no_room_for_requests(dashboard: Dashboard) -> None:
    """Where as many requests wait as there are places, another is asked to come again, and pages answer."""
    answers: list[Answer] = []
    body = large(10)

    def refused() -> bool:
        answers.append(dashboard.ask("/v1/traces", body, PROTOBUF))
        return answers[-1].status == 503

    with ExitStack() as stack:
        senders = [begin(stack, dashboard, body) for _ in range(bodies.PLACES)]
        wait_until(refused, "a refusal", seconds=60)
        page = dashboard.ask("/").status
        ended_well = {end(sender, body) for sender in senders}

    assert ("1", 200, {b"200"}, 200, [(1, 1)]) == (
        answers[-1].headers["retry-after"],
        page,
        ended_well,
        dashboard.ask("/v1/traces", body, PROTOBUF).status,
        ids(*dashboard.store.trace(f"{1:032x}", 9)),
    )


def test_no_room_for_bytes(dashboard: Dashboard) -> None:
    """Of four large requests that wait at once two at most have room; the others are asked to come again."""
    body = large(31 * MB)
    with ExitStack() as stack:
        senders = [begin(stack, dashboard, body) for _ in range(4)]
        page = dashboard.ask("/").status
        statuses = Counter(end(sender, body) for sender in senders)

    assert (200, {b"200", b"503"}, True, 200) == (
        page,
        {*statuses},
        statuses[b"200"] <= bodies.ROOM // len(body),
        dashboard.ask("/v1/traces", body, PROTOBUF).status,
    )
