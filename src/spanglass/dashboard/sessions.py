"""The page of sessions: the newest first, each with a link to its transcript."""

from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.drawing import page
from spanglass.dashboard.store import Store


def sessions(request: Request) -> Response:
    """Answer with the list."""
    store: Store = request.app.state.store
    return page(request, "sessions.html", store.state())
