"""Where the dashboard listens: a port that is its own, at all addresses of a host."""

import errno
import os
import socket
import sys
from typing import Final

LOOPBACK: Final = {"localhost": ("127.0.0.1", "::1"), "127.0.0.1": ("127.0.0.1", "::1")}
"""Programs and browsers try one after the other for localhost, and nobody else should answer at either."""
ANYWHERE: Final = {"0.0.0.0", "::", ""}  # noqa: S104 - looked for, not listened at
BACKLOG: Final = 128
SILENT: Final = 1.0
"""Seconds after which nobody answers: of another machine's address the system itself waits for minutes."""
TRIES: Final = 20
"""Ports that are tried where any will do, and one family has what the other has not."""
NO_ADDRESS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What comes of ::1 on a machine without IPv6."""


def url_of(host: str, port: int) -> str:
    """Return where a browser finds what listens; where it listens at every address, where one on this machine does."""
    name = "localhost" if host in LOOPBACK or host in ANYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"


def listening(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen at a port of a host, 0 being any that is free.

    Raises OSError of one sentence where somebody else has the port, or where it cannot be had.
    """
    tries = 1 if port else TRIES
    while True:
        tries -= 1
        try:
            return _listening(_addresses(host), port)
        except OSError as error:
            if not tries or error.errno != errno.EADDRINUSE:
                raise OSError(_why(host, port, error)) from None


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: end what listens there, or choose another, as by port={port + 1}."
    return f"Port {port} of {host} cannot be had ({error.strerror}): choose another host or port, as by port=3000."


def _addresses(host: str) -> list[str]:
    if host in LOOPBACK:
        return [*LOOPBACK[host]]
    found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [*dict.fromkeys(str(address[0]) for *_, address in found)]


def _listening(addresses: list[str], port: int) -> list[socket.socket]:
    """Listen at all addresses but for those after the first that this machine does not have; else at none."""
    taken: list[socket.socket] = []
    try:
        for address in addresses:
            taken += _sockets(address, taken[0].getsockname()[1] if taken else port, optional=bool(taken))
    except OSError:
        for each in taken:
            each.close()
        raise
    return taken


def _sockets(address: str, port: int, *, optional: bool) -> list[socket.socket]:
    try:
        return [_socket(address, port)]
    except OSError as error:
        if optional and error.errno in NO_ADDRESS:
            return []
        raise


def _socket(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            _check_silent(family, address, port)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past what an earlier run has left closing
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _check_silent(family: socket.AddressFamily, address: str, port: int) -> None:
    """Raise OSError where somebody answers: macOS lets one take over an address of who listens at all of them."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(SILENT)
        if port and probe.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
