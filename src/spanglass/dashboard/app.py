"""The application: what answers at which path."""

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from spanglass.dashboard.listing import traces
from spanglass.dashboard.receiver import Receiver
from spanglass.dashboard.safety import Access, Safety
from spanglass.dashboard.store import Store, Unavailable
from spanglass.dashboard.transcript import session
from spanglass.dashboard.viewing import trace

STATIC: Final = Path(__file__).with_name("static")


def application(store: Store, access: Access) -> Starlette:
    """Return what serves the spans of `store`, and adds to them, for those whom `access` lets in."""
    routes = [
        Route("/v1/traces", Receiver(store).take, methods=["POST"], name="take"),
        Route("/", traces, name="traces"),
        Route("/traces/{trace_id}", trace, name="trace"),
        Route("/session", session, name="session"),
        Route("/health", health, name="health"),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(
        routes=routes, middleware=[Middleware(Safety, access=access)], exception_handlers={Unavailable: unavailable}
    )
    app.state.store = store
    return app


async def health(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Say that there is an answer."""
    return PlainTextResponse("ok\n")


async def unavailable(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the same
    """Say that spans cannot be read for now."""
    return PlainTextResponse(f"The spans cannot be read for now ({error}).\n", 503, {"Retry-After": "2"})
