"""OTLP over HTTP: the spans of a request, kept before it is answered.

Source: OpenTelemetry Protocol 1.8, "OTLP/HTTP".
"""

import gzip
import json
from collections.abc import Iterable

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.entry import entry
from spanglass.dashboard.protobuf import spans_of
from spanglass.dashboard.store import Store, Unavailable
from spanglass.export.otlp_spans import MALFORMED, SpanReader

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


async def take(request: Request) -> Response:
    """Keep the spans of a request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    return await run_in_threadpool(_taken, request.app.state.store, kind, request.headers.get("content-encoding"), body)


def _taken(store: Store, kind: str, encoding: str | None, body: bytes) -> Response:
    if encoding == "gzip":
        body = gzip.decompress(body)
    try:
        spans = _spans(kind, body)
        store.add([entry(span) for span in spans])
    except (DecodeError, *MALFORMED):
        return Response(status_code=400)
    except Unavailable:
        return Response(status_code=503, headers={"retry-after": "5"})
    return Response(b"{}" if kind == JSON else b"", media_type=kind)


def _spans(kind: str, body: bytes) -> Iterable[ReadableSpan]:
    if kind == JSON:
        return [*SpanReader().read(json.loads(body))]
    return spans_of(ExportTraceServiceRequest.FromString(body))
