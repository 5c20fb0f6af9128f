"""What a page shows only a part of, whole: a text, an image, a span as OTLP/JSON."""

from sys import maxsize

from opentelemetry.sdk.trace import ReadableSpan
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard import attributes, cards
from spanglass.dashboard.pictures import picture
from spanglass.dashboard.store import Store
from spanglass.dashboard.texts import laid_out

LARGEST = 2**20
"""Characters of the longest span that is laid out; a longer one is a text of one line."""


def text(request: Request) -> Response:
    """Answer with the text whose place the query says."""
    return _plain(_text(request))


def image(request: Request) -> Response:
    """Answer with the image whose place the query says: one that a browser can only draw."""
    found = picture(_text(request))
    if found is None:
        raise HTTPException(404, "There is no image that could be drawn.")
    return Response(found.data, media_type=found.mime)


def raw(request: Request) -> Response:
    """Answer with the span as OTLP/JSON: a file to be kept, or a text to be read."""
    line = _line(request)
    if request.query_params.get("as") == "text":
        return _plain(laid_out(line, maxsize) if len(line) < LARGEST else line)
    name = f"{request.path_params['trace_id']}-{request.path_params['span_id']}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(line.encode(), media_type="application/json", headers=headers)


def _plain(said: str) -> Response:
    content = said.encode("utf-8", "replace")
    return Response(content, media_type="text/plain")


def _text(request: Request) -> str:
    place = request.query_params.get("of", "")
    span = _span(request)
    found = cards.whole(span, place)
    if found is None:
        found = attributes.whole(span, place)
    if found is None:
        raise HTTPException(404, "There is no such text in this span.")
    return found


def _span(request: Request) -> ReadableSpan:
    store: Store = request.app.state.store
    found = store.span(request.path_params["trace_id"], request.path_params["span_id"])
    if found is None:
        raise HTTPException(404, "There is no such span.")
    return found


def _line(request: Request) -> str:
    """Return the span as it is kept; its ids are in hex, or nothing is found."""
    store: Store = request.app.state.store
    ids = (request.path_params["trace_id"], request.path_params["span_id"])
    found = store.read("SELECT line FROM spans WHERE trace = ? AND span = ?", ids)
    if not found:
        raise HTTPException(404, "There is no such span.")
    return str(found[0][0])
