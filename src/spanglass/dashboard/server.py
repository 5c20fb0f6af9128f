"""The dashboard's server: on a port of its own, in the background, until it is told to end."""

import asyncio
import logging
import os
import threading
import weakref
from contextlib import closing, suppress
from email.utils import formatdate
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from starlette.concurrency import run_in_threadpool
from uvicorn import Config
from uvicorn.server import ServerState

from spanglass.dashboard.app import application
from spanglass.dashboard.connections import OPTIONS, Connection
from spanglass.dashboard.listening import listening, url_of
from spanglass.dashboard.safety import Access
from spanglass.dashboard.store import Store

GRACE: Final = 2.0
"""Seconds that requests which are under way have to end when the server does."""
TICK: Final = 0.01
"""Seconds between looks whether they have."""

UNSEEN: Final = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags()))
"""Under it nothing is sampled: the dashboard's own work is no part of the program that it shows."""

log = logging.getLogger("spanglass.dashboard")
log.setLevel(logging.ERROR)  # what somebody else's request has wrong is told to them
log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)))


class Server:
    """Serves a store from `start` to `stop`; `url` is where, `port` the port."""

    def __init__(self, store: Store, access: Access, port: int) -> None:
        """Take the port; OSError of one sentence where that cannot be. 0 is any that is free."""
        self._sockets = listening(access.host, port)
        self.port = int(self._sockets[0].getsockname()[1])
        self.url = url_of(access.host, self.port)
        self._app = application(store, access)
        self._ready = threading.Event()
        self._failed: OSError | RuntimeError | None = None
        self._thread = threading.Thread(target=self._run, name="spanglass dashboard", daemon=True)
        _listening.add(self)

    def start(self) -> None:
        """Serve in the background; OSError of one sentence where that cannot begin."""
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            self._thread.join()
            self.let_go()
            message = f"The dashboard cannot be started ({self._failed}): have fewer files open, or other limits."
            raise OSError(message)

    def wait(self) -> None:
        """Return when it has ended; a signal may come meanwhile."""
        while self._thread.is_alive():
            self._thread.join(0.5)  # without a limit Windows lets no Ctrl-C through

    def stop(self) -> None:
        """End, once what is under way has been answered, and wait for that."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self.let_go()

    def let_go(self) -> None:
        """Let go of the port."""
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        with suppress_instrumentation(), trace.use_span(UNSEEN), closing(self._serve()) as serving:
            try:
                asyncio.run(serving)
            except (OSError, RuntimeError) as error:  # no descriptors, or no threads
                if self._ready.is_set():
                    raise
                self._failed = error
            finally:
                self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        config, state = _Config(self._app, lifespan="off", **OPTIONS), ServerState()
        config.load()
        servers = [
            await self._loop.create_server(lambda: _Connection(config, state, {}), sock=each) for each in self._sockets
        ]
        await run_in_threadpool(int)  # at its exit Python starts no more threads, and last spans may come then
        self._ready.set()
        while not self._stopping.is_set():
            state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)
        for server in servers:
            server.close()
        await asyncio.sleep(TICK)  # in which those are connections that have just been accepted
        for connection in [*state.connections]:
            connection.shutdown()
        end = self._loop.time() + GRACE
        while state.connections and self._loop.time() < end:  # noqa: ASYNC110 - nobody tells when they have gone
            await asyncio.sleep(TICK)
        for connection in [*state.connections]:
            connection.transport.abort()
        await asyncio.sleep(TICK)  # in which they close


class _Config(Config):
    """What uvicorn's protocol is told: the program's logging stays as it is."""

    def configure_logging(self) -> None:
        """Configure none."""


class _Connection(Connection):
    """Logs where we do."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = log
        self.access_log = False


_listening: "weakref.WeakSet[Server]" = weakref.WeakSet()


def _let_go() -> None:
    """In a forked process: it serves nothing, and would keep the port when this one has ended."""
    for server in [*_listening]:
        server.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
