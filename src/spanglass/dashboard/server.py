"""The dashboard's server: on a port that is free, until it is told to end."""

import errno
import socket
import threading
from typing import Final

import uvicorn

from spanglass.dashboard.app import application
from spanglass.dashboard.connections import OPTIONS
from spanglass.dashboard.safety import Access
from spanglass.dashboard.store import Store

GRACE: Final = 3
"""Seconds that requests have to end when the server does."""


class Server:
    """Serves a store until `stop`; `url` is where."""

    def __init__(self, store: Store, access: Access, port: int) -> None:
        """Take the port; OSError of one sentence where that cannot be, 0 is any that is free."""
        self._socket = _bound(access.host, port)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://{'localhost' if access.host == '127.0.0.1' else access.host}:{self.port}"
        config = uvicorn.Config(
            application(store, access),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            **OPTIONS,
            timeout_graceful_shutdown=GRACE,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until Ctrl-C."""
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Serve in the background."""
        self._thread = threading.Thread(target=self.run, name="spanglass dashboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        message = f"Port {port} of {host} {why}: choose another by --port, or port= of launch_app()."
        raise OSError(message) from None
    return taken
