"""A real Jaeger 2, as the example configures it, and what its query API answers about the spans it was sent."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, answers, awaited, free_ports, listens, running
from wire import Nested, arrived, from_json, traces_of

CONFIGURATION = Path(__file__).parents[2] / "examples" / "backends" / "jaeger" / "jaeger.yaml"
REMARKS = "@jaeger@warnings"  # such as that a parent is in another program, which it has not seen


class Jaeger(NamedTuple):
    """A running Jaeger: its address, and where it takes spans, by protocol."""

    url: str
    endpoints: dict[str, str]

    def headers(self, project: str) -> dict[str, str]:  # noqa: ARG002 - every backend is asked
        """Return none: the resource says whose spans they are."""
        return {}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return what it answers of the traces of `spans`, waiting until it is as many, without its own remarks."""
        return awaited(lambda: self._answered(spans), len(spans), "Jaeger")

    def _answered(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        pieces = (piece for trace in traces_of(spans) for piece in self._pieces(trace))
        found = [span for piece in pieces for span in arrived(from_json(piece["result"]), spans)]
        for span in found:
            span["attributes"].pop(REMARKS, None)
        return found

    def _pieces(self, trace: str) -> Iterator[Any]:
        """Yield the objects of an answer, one after another in one text: a large trace has several."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v3/traces/{trace}", timeout=30) as response:  # noqa: S310 - ours
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:  # nothing of the trace has come yet
                    return
                raise
        while text := text.lstrip():
            piece, end = json.JSONDecoder().raw_decode(text)
            yield piece
            text = text[end:]


@contextmanager
def jaeger_2(binary: Path, directory: Path) -> Iterator[Jaeger]:
    """Run Jaeger for the block, with its log in `directory`."""
    http, grpc, query, query_grpc = free_ports(4)
    environment = {
        "OTLP_HTTP_PORT": str(http),
        "OTLP_GRPC_PORT": str(grpc),
        "JAEGER_HTTP_PORT": str(query),
        "JAEGER_GRPC_PORT": str(query_grpc),
    }
    url = f"http://{LOOPBACK}:{query}"
    ready = lambda: listens(http) and listens(grpc) and answers(f"{url}/api/v3/services")  # noqa: E731 - used once
    command = [str(binary), "--config", str(CONFIGURATION)]
    with running(command, ready, directory=directory, environment=environment, seconds=30):
        yield Jaeger(url, {"http/protobuf": f"http://{LOOPBACK}:{http}", "grpc": f"http://{LOOPBACK}:{grpc}"})
