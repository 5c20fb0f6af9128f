"""OTLP over HTTP: OpenTelemetry's exporter, and what a receiver answers that it does not read."""

import os
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no annotations
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanglass.export.endpoint import Target
from spanglass.export.hearing import CODES, NO_ANSWER, PASSING, AskedForTimeError, hush
from spanglass.guard import guard

PROVIDERS = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)
"""Variables by which a program brings a session of its own."""

PAGE = "an HTML page"
"""What answers in the place of a receiver where one should log in, or at an address of something else."""


def exporter(target: Target) -> OTLPSpanExporter:
    """Return OpenTelemetry's exporter to `target`, with its answers heard."""
    files = target.transport.files
    session = None if any(map(os.environ.get, PROVIDERS)) else _Session(files.authority)
    made = OTLPSpanExporter(
        endpoint=target.url,
        certificate_file=files.authority,
        client_key_file=files.key,
        client_certificate_file=files.certificate,
        headers=dict(target.headers),
        timeout=target.transport.timeout,
        compression=Compression(target.transport.compression),
        session=session,
    )
    with guard:
        _listen(session or _brought(made))
    return made


def _brought(made: Any) -> Any:
    """Return the session that a program brings: there is no public way to it, and it is in one of two places."""
    return getattr(made, "_session", None) or made._client._transport._session  # noqa: SLF001  # see above


def _listen(session: Any) -> None:
    session.hooks["response"].append(_hear)
    send = session.send

    def listening(request: Any, **options: Any) -> requests.Response:
        try:
            return cast("requests.Response", send(request, **{**options, "stream": True}))  # `_hear` reads it
        except requests.RequestException as error:
            if (heard := hush.heard) is not None:
                late = isinstance(error, requests.ReadTimeout)
                heard.answered, heard.after = NO_ANSWER if late else type(error).__name__, None
            raise

    session.send = listening


class _Session(requests.Session):
    """A session in which nothing goes before what the program asks for."""

    def __init__(self, authority: str | None) -> None:
        super().__init__()
        self._authority = authority
        self.auth = lambda request: request  # else a .netrc would replace the headers

    def merge_environment_settings(
        self,
        url: Any,
        proxies: Any,
        stream: Any,
        verify: Any,  # noqa: ARG002  # with older exporters it is "" where the variable is, and would verify nothing
        cert: Any,
    ) -> Any:
        # With `verify`, REQUESTS_CA_BUNDLE would replace the file that is named.
        return super().merge_environment_settings(url, proxies, stream, self._authority or True, cert)


def _hear(response: requests.Response, **_: object) -> None:
    heard = hush.heard
    if heard is None:
        return
    with guard:
        status = response.status_code
        heard.answered = CODES.get(status, str(status))
        heard.after = _seconds(response.headers.get("retry-after", ""))
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            heard.moved = heard.answered
        elif response.request.method == "POST":  # what went on without its body has not arrived, whatever answers
            heard.moved = None
        body = b""
        with suppress(requests.RequestException):  # where it is cut: the status has come, and that counts
            body = response.content
        kind = response.headers.get("content-type", "")
        if status == HTTPStatus.OK and "html" in kind and body.lstrip().startswith(b"<"):
            heard.moved = PAGE
        if status == HTTPStatus.OK and body and "protobuf" in kind:
            with suppress(DecodeError):
                heard.take(ExportTraceServiceResponse.FromString(body).partial_success)
    if heard.after is not None and heard.answered in PASSING:
        response.close()
        raise AskedForTimeError


def _seconds(text: str) -> float | None:
    """Return how long `Retry-After` asks to wait, which is a number of seconds or a date (RFC 9110, section 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())
