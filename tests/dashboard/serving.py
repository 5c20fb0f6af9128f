"""A running dashboard, asked and sent spans as by anyone."""

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from spanglass.dashboard.store import Store


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: "Message[str, str]"
    body: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()


class Dashboard(NamedTuple):
    """A running dashboard."""

    url: str
    store: Store

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> Answer:
        """Return what it answers, whatever the status."""
        request = urllib.request.Request(self.url + path, body, dict(headers or {}), method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the same
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """Send spans as any program does: by OpenTelemetry's own exporter, over HTTP."""
        exporter = OTLPSpanExporter(f"{self.url}/v1/traces")

        assert exporter.export(spans) is SpanExportResult.SUCCESS

        exporter.shutdown()  # type: ignore[no-untyped-call]  # it has no annotations


def page_at(url: str) -> str:
    """Return what a browser gets at a URL."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own server's address
        return str(response.read().decode())
