"""A dashboard at work: a file in which it keeps spans, what is loaded into it, and the server."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.keeping import data_file, temporary_file
from spanglass.dashboard.loading import Loading
from spanglass.dashboard.retention import Limits
from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store


class Running:
    """Serves until `end`: the spans that are given, in a temporary file, or those of a file that stays."""

    def __init__(
        self,
        access: Access,
        port: int,
        *,
        spans: Iterable[ReadableSpan] | None = None,
        data: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Begin, with the first batch of the spans loaded; `load` goes on with the rest.

        `limits` say when spans leave a file that stays; what is given stays in any case.

        Raises OSError or ValueError of one sentence where the port or the file cannot be had, and what reading the
        spans raises.
        """
        self._ended = False
        with ExitStack() as parts:
            path = data or data_file() if spans is None else parts.enter_context(temporary_file())
            max_age, max_bytes = limits or Limits() if spans is None else Limits(None, None)
            self.store = Store(path, max_age=max_age, max_bytes=max_bytes)
            parts.callback(self.store.close)
            self.loading = Loading(spans or (), self.store)
            self._more = self.loading.batch()
            self.server = Server(self.store, access, port)
            parts.callback(self.server.stop)
            self.server.start()
            self._parts = parts.pop_all()

    def load(self) -> None:
        """Load what is left of the spans; raises what `Loading.batch` does."""
        while self._more and not self._ended:
            self._more = self.loading.batch()

    def end(self) -> None:
        """End, once what is under way has been answered; a file that is still being loaded finds the store closed."""
        self._ended = True
        self._parts.close()
