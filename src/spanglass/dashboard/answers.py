"""What OTLP over HTTP answers: its messages, in the content type of the request."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from google.protobuf.json_format import MessageToJson  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from starlette.responses import Response

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
GZIP: Final = "gzip"

# The codes of gRPC that a status of HTTP stands for.
INVALID_ARGUMENT: Final = 3
CODES: Final[dict[int, int]] = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8, HTTPStatus.SERVICE_UNAVAILABLE: 14}


class Refused(Exception):  # noqa: N818 - what becomes of the request
    """Why a request is not taken: a status, a sentence, and after how many seconds it may be sent again."""

    def __init__(self, status: int, why: str, *, retry: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.retry = retry

    @property
    def headers(self) -> Mapping[str, str]:
        """What the sender reads besides the status."""
        if self.retry is not None:
            return {"Retry-After": str(self.retry)}
        return {"Accept-Encoding": GZIP} if self.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE else {}


def answer(kind: str, rejected: int, why: str) -> Response:
    """Return that spans were taken, all but so many."""
    said = ExportTracePartialSuccess(rejected_spans=rejected, error_message=why) if rejected else None
    return _response(kind, ExportTraceServiceResponse(partial_success=said), HTTPStatus.OK, {})


def refusal(kind: str, refused: Refused) -> Response:
    """Return that nothing was taken."""
    said = Status(code=CODES.get(refused.status, INVALID_ARGUMENT), message=str(refused))
    return _response(kind, said, refused.status, refused.headers)


def _response(kind: str, message: Any, status: int, headers: Mapping[str, str]) -> Response:
    """Return a message in the type of the request, or as JSON where that is none of both."""
    if kind == PROTOBUF:
        return Response(message.SerializeToString(), status, headers, PROTOBUF)
    return Response(MessageToJson(message, indent=None), status, headers, JSON)
