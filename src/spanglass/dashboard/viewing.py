"""The page of one trace."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.detail import detail
from spanglass.dashboard.drawing import page
from spanglass.dashboard.store import Store

MOST = 1000


def trace(request: Request) -> Response:
    """Answer with one trace."""
    store: Store = request.app.state.store
    spans = store.trace(request.path_params["trace_id"], MOST)
    if not spans:
        raise HTTPException(404, "There is no such trace.")
    return page(request, "trace.html", str(len(spans)), spans=spans, detail=detail(spans[0], spans))
