"""The dashboard as a backend like the others, and what its pages let one download."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import awaited
from wire import Nested, arrived, from_json, traces_of

from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store


class Dashboard(NamedTuple):
    """A running dashboard: where it takes spans, and where its pages are."""

    endpoints: dict[str, str]
    url: str

    def headers(self, project: str) -> dict[str, str]:  # noqa: ARG002 - every backend is asked
        """Return none: the resource says whose spans they are."""
        return {}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return what one downloads of the traces of `spans`, waiting until it is as many."""
        return awaited(lambda: self._downloaded(spans), len(spans), "the dashboard")

    def _downloaded(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        lines = [line for trace in traces_of(spans) for line in self._file(trace).splitlines()]
        return [span for line in lines for span in arrived(from_json(json.loads(line)), spans)]

    def _file(self, trace: str) -> bytes:
        try:
            with urllib.request.urlopen(f"{self.url}/traces/{trace}.jsonl", timeout=30) as response:  # noqa: S310 - ours
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:  # a trace is there with its first span
                    return b""
                raise


@contextmanager
def dashboard_in(directory: Path) -> Iterator[Dashboard]:
    """Run the dashboard for the block, with its file in `directory`."""
    store = Store(directory / "traces.db")
    server = Server(store, Access(), 0)
    server.start()
    yield Dashboard({"http/protobuf": f"{server.url}/v1/traces"}, server.url)
    server.stop()
    store.close()
