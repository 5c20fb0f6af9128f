"""The page of one session: what was said in it, over all of its traces."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.drawing import page
from spanglass.dashboard.store import Store, spans_of


def session(request: Request) -> Response:
    """Answer with the transcript of the session whose id is the query's."""
    store: Store = request.app.state.store
    found = store.read(
        "SELECT line FROM spans WHERE trace IN (SELECT trace FROM spans WHERE session = ?) ORDER BY start LIMIT 1000",
        (request.query_params.get("id", ""),),
    )
    if not found:
        raise HTTPException(404, "There is no such session.")
    return page(request, "session.html", str(len(found)), spans=[*spans_of(str(line) for (line,) in found)])
