"""Requests as no library would send them."""

import socket
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Reply(NamedTuple):
    """What came back over a connection: the first answer, its headers by their names in small letters, and the rest."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def connected(url: str) -> socket.socket:
    """Return a connection to the server of a URL."""
    place = urlsplit(url)
    return socket.create_connection(("127.0.0.1", place.port or 80), timeout=30)


def sent(url: str, request: bytes) -> Reply:
    """Send bytes to the server of a URL, and return its answer, which ends with the connection."""
    with connected(url) as connection:
        connection.sendall(request)
        return answered(connection)


def answered(connection: socket.socket) -> Reply:
    """Return all that comes until the other side closes; status 0 where nothing comes."""
    received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Reply(int(first.split()[1]) if first else 0, {name.lower(): value for name, value in pairs}, body)


def asked(
    url: str, path: str = "/", *headers: str, host: str | None = "localhost", method: str = "GET", body: bytes = b""
) -> Reply:
    """Ask for a path with the headers as they are given, by HTTP 1.1."""
    given = [*([] if host is None else [f"Host: {host}"]), *headers, "Connection: close"]
    return sent(url, "\r\n".join((f"{method} {path} HTTP/1.1", *given, "", "")).encode("latin-1") + body)
