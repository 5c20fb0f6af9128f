"""The page of traces: the newest first, as they come."""

from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.drawing import page
from spanglass.dashboard.store import Store
from spanglass.export.summary import summarize

ROWS = 50
MOST = 1000


def traces(request: Request) -> Response:
    """Answer with the list."""
    store: Store = request.app.state.store
    state = store.state()
    found = store.read("SELECT trace, start, end FROM traces ORDER BY start DESC LIMIT ?", (ROWS,))
    rows = [(trace, start, summarize(store.trace(str(trace), MOST))) for trace, start, _ in found]
    return page(request, "traces.html", state, rows=rows)
