"""A dashboard in a program or a notebook: `launch_app`, and the session that it returns."""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.store import Unavailable
from spanglass.export.dataframe_spans import spans_of_frame
from spanglass.export.jsonl import read_jsonl

if TYPE_CHECKING:
    import pandas as pd

    from spanglass.dashboard.running import Running

    Trace: TypeAlias = str | os.PathLike[str] | Iterable[ReadableSpan] | pd.DataFrame
    """What a session can be of: the path of a file, spans, or a table of them."""

log = logging.getLogger("spanglass")

HEIGHT: Final = 800
EXTRA: Final = frozenset({"anyio", "h11", "jinja2", "markdown_it", "nh3", "starlette", "uvicorn"})
"""What `spanglass[dashboard]` brings."""
TAKES: Final = (
    "give the path of a saved file, finished spans as of Pipeline.spans(), or a DataFrame as of to_dataframe() or of "
    "Phoenix's get_spans_dataframe()"
)


class Session:
    """A dashboard that runs in the background of this process.

    `url` is where its pages are, and where `configure(endpoint=)` sends spans. A `with` block ends it.
    """

    url: str

    def __init__(self, running: "Running") -> None:
        """Take over a dashboard that runs, and load the rest of its spans in the background."""
        self.url = running.server.url
        self._running = running
        self._owner = os.getpid()
        self._ended = False
        self._loading = threading.Thread(target=self._load, name="spanglass loading", daemon=True)
        self._loading.start()

    @property
    def active(self) -> bool:
        """Whether it runs, in this process: in one that was forked it does not."""
        return not self._ended and os.getpid() == self._owner

    def count(self) -> int:
        """Return how many spans it has."""
        ((count,),) = self._running.store.read("SELECT count(*) FROM spans")
        return cast("int", count)

    def view(self, height: int = HEIGHT) -> Any:
        """Return the dashboard as a frame of so many pixels, which a notebook shows as the result of its cell.

        Raises RuntimeError where there is no IPython to show it, and where the session has ended.
        """
        ipython: Any = sys.modules.get("IPython")
        if not self.active or ipython is None or ipython.get_ipython() is None:
            what = f"open {self.url} in a browser" if self.active else "this one has ended, launch_app() starts another"
            message = f"view() shows a dashboard that runs in the cells of a notebook: {what}."
            raise RuntimeError(message)
        return ipython.display.IFrame(self.url, "100%", height)

    def loaded(self) -> None:
        """Return when all spans of `trace=` are there, of a large file too."""
        self._loading.join()

    def wait(self) -> None:
        """Return when it has ended, as by Ctrl-C, which raises KeyboardInterrupt here as anywhere."""
        if self.active:
            self._running.server.wait()

    def end(self) -> None:
        """End it: what is under way is answered, and spans of `trace=` are gone; nothing where it has ended before."""
        if self.active:
            self._ended = True
            self._running.end()
            atexit.unregister(self.end)

    def __enter__(self) -> "Session":  # noqa: PYI034 - `Self` is newer than the oldest Python that runs this
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        return f"<spanglass dashboard at {self.url}{'' if self.active else ', ended'}>"

    def _load(self) -> None:
        try:
            self._running.load()
        except (OSError, ValueError, Unavailable) as error:
            if self.active:
                log.warning("spanglass: the dashboard has %d spans and no more: %s", self._running.loading.spans, error)


_lock = threading.Lock()
_sessions: list[Session] = []


def launch_app(trace: "Trace | None" = None, port: int = 3000) -> Session:
    """Start the dashboard in the background of this process, and return its session; one that runs is ended first.

    It takes spans by OTLP over HTTP at `port` of this machine, 0 being any port that is free, and shows them as pages.
    Without `trace` they are kept where `spanglass dashboard` keeps them, in the user's data directory. With it the
    dashboard shows these spans, and what it takes besides, until it ends: `trace` is the path of a saved file as
    `read_jsonl` reads it, finished spans, or a pandas DataFrame of `to_dataframe` or of Phoenix's client.

    It ends with the process, or by `Session.end()`. Raises OSError of one sentence where the port is in use, TypeError
    or ValueError for a `trace` that is none, and ImportError without the extra `spanglass[dashboard]`.
    """
    running = running_class()
    from spanglass.dashboard.safety import Access  # noqa: PLC0415 - an extra

    spans = None if trace is None else _spans(trace)
    with _lock:
        while _sessions:
            _sessions.pop().end()
        session = Session(running(Access(), port, spans=spans))
        _sessions.append(session)
        if trace is not None:
            atexit.register(session.end)  # else it goes on until the last spans of the program have come
    if not isinstance(trace, str | os.PathLike):
        session.loaded()
    return session


def active_session() -> Session | None:
    """Return the session of `launch_app` that runs in this process, or None where none does."""
    return next((session for session in _sessions if session.active), None)


def running_class() -> "type[Running]":
    """Return what runs a dashboard; ImportError of one sentence without the extra that it needs."""
    try:
        from spanglass.dashboard.running import Running  # noqa: PLC0415 - an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        message = "The dashboard needs what is not installed: pip install 'spanglass[dashboard]'."
        raise ImportError(message, name=error.name) from error
    return Running


def _spans(trace: "Trace") -> Iterable[ReadableSpan]:
    """Return the spans, of which a file's first one has been read, and of all else each."""
    pandas: Any = sys.modules.get("pandas")  # without it there is no DataFrame
    if isinstance(trace, str | os.PathLike):
        spans = read_jsonl(Path(trace))
        first = next(spans, None)
        return chain([first] if first else [], spans)
    if pandas is not None and isinstance(trace, pandas.DataFrame):
        return [*spans_of_frame(cast("pd.DataFrame", trace))]
    return [*_checked(trace)]


def _checked(spans: object) -> Iterator[ReadableSpan]:
    if not isinstance(spans, Iterable):
        message = f"trace= cannot be of type {type(spans).__name__}: {TAKES}."
        raise TypeError(message)
    for span in cast("Iterable[object]", spans):
        if not isinstance(span, ReadableSpan):
            message = f"trace= cannot have a {type(span).__name__} in it: {TAKES}."
            raise TypeError(message)
        yield span
