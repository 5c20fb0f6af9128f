"""OTLP over gRPC: OpenTelemetry's exporter, and what a receiver answers that it does not read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # generated
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # generated
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

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


def exporter(target: Target) -> OTLPSpanExporter:
    """Return OpenTelemetry's exporter to `target`, with its answers heard."""
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

    def __init__(self, export: Callable[..., Any]) -> None:
        self._export = export

    def Export(self, **request: Any) -> Any:  # noqa: N802  # the name that the service has
        heard = hush.heard
        try:
            answer = self._export(**request)
        except grpc.RpcError as error:
            if heard is not None:
                with guard:
                    heard.answered, heard.after = error.code().name, _seconds(error)
                if heard.after is not None:
                    raise AskedForTimeError from error
            raise
        with guard:
            if heard is not None:
                heard.take(answer.partial_success)
        return answer


def _seconds(error: Any) -> float | None:
    """Return how long a receiver asks to wait: `RetryInfo` in the details of the status, as OTLP 1.5 says."""
    details = next((value for name, value in error.trailing_metadata() or () if name == DETAILS), b"")
    for detail in Status.FromString(details).details:
        info = RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None
