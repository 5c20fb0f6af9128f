"""OTLP over gRPC: OpenTelemetry's exporter, and what a receiver answers that it does not read."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no annotations
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # generated
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # generated
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_TRACES_TIMEOUT

from spanglass.export.endpoint import Target
from spanglass.export.hearing import AskedForTimeError, hush
from spanglass.export.variables import Files
from spanglass.guard import guard

COMPRESSION = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
DETAILS = "grpc-status-details-bin"
TAKEN = {"DEADLINE_EXCEEDED"}
"""After which the batch may have been taken, so that the exporter, which would send it again, is left."""


def exporter(target: Target) -> OTLPSpanExporter:
    """Return OpenTelemetry's exporter to `target`, with its answers heard."""
    with _without_blank(OTEL_EXPORTER_OTLP_TRACES_TIMEOUT):
        made = OTLPSpanExporter(
            endpoint=target.url,
            insecure=target.url.startswith("http://"),
            credentials=_credentials(target.transport.files),
            headers=dict(target.headers),
            timeout=target.transport.timeout,
            compression=COMPRESSION[target.transport.compression],
        )
    with guard:
        _listen(made)
    return made


@contextmanager
def _without_blank(variable: str) -> Generator[None]:
    """Take a variable that says nothing out of the environment for the block: the exporter reads it as a number."""
    blank = os.environ.get(variable)
    if blank is None or blank.strip():
        yield
        return
    del os.environ[variable]
    try:
        yield
    finally:
        os.environ[variable] = blank


def _credentials(files: Files) -> Any:
    """Return what the files say, each on its own: the exporter would overlook a key where no authority is named."""
    if not any(files):
        return None
    authority, key, certificate = (Path(file).read_bytes() if file else None for file in files)
    return grpc.ssl_channel_credentials(authority, key, certificate)


def _listen(made: Any) -> None:
    # There is no public way to what an exporter is answered; it makes a new stub where it connects anew.
    stub = made._stub  # noqa: SLF001  # see above

    def listening(channel: Any) -> _Listening:
        return _Listening(stub(channel).Export)

    made._stub = listening  # noqa: SLF001  # see above
    made._client = _Listening(made._client.Export)  # noqa: SLF001  # see above


class _Listening:
    """A stub that hears what it is answered."""

    def __init__(self, export: Any) -> None:
        self._export = export

    def Export(self, **request: Any) -> Any:  # noqa: N802  # the name that the service has
        heard = hush.heard
        call = self._export.future(**request)
        if heard is not None:
            heard.cancel = call.cancel
        try:
            answer = call.result()
        except grpc.FutureCancelledError as error:
            raise AskedForTimeError from error
        except grpc.RpcError as error:
            if heard is not None:
                with guard:
                    heard.answered, heard.after = error.code().name, None
                    heard.after = _seconds(error)
                if heard.after is not None or heard.answered in TAKEN:
                    raise AskedForTimeError from error
            raise
        with guard:
            if heard is not None:
                heard.take(answer.partial_success)
        return answer


def _seconds(error: Any) -> float | None:
    """Return how long a receiver asks to wait: `RetryInfo` in the details of the status, as OTLP 1.5 says."""
    details = next((value for name, value in error.trailing_metadata() or () if name == DETAILS), b"")
    info = RetryInfo()
    with suppress(DecodeError):
        if any(detail.Unpack(info) for detail in Status.FromString(details).details):
            return max(0.0, float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9))
    return None
