"""The application: what answers at which path."""

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from spanglass.dashboard.listing import traces
from spanglass.dashboard.receiver import take
from spanglass.dashboard.safety import Access, Safety
from spanglass.dashboard.store import Store
from spanglass.dashboard.transcript import session
from spanglass.dashboard.viewing import trace
from spanglass.dashboard.wholes import image, raw, text

STATIC: Final = Path(__file__).with_name("static")


def application(store: Store, access: Access) -> Starlette:
    """Return what serves the spans of `store`, and adds to them, for those whom `access` lets in."""
    routes = [
        Route("/v1/traces", take, methods=["POST"], name="take"),
        Route("/", traces, name="traces"),
        Route("/traces/{trace_id}", trace, name="trace"),
        Route("/traces/{trace_id}/spans/{span_id}/text", text, name="text"),
        Route("/traces/{trace_id}/spans/{span_id}/image", image, name="image"),
        Route("/traces/{trace_id}/spans/{span_id}/raw", raw, name="raw"),
        Route("/session", session, name="session"),
        Route("/favicon.ico", icon, name="icon"),
        Route("/health", health, name="health"),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Safety, access=access)])
    app.state.store = store
    return app


async def health(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Say that there is an answer."""
    return PlainTextResponse("ok\n")


async def icon(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Answer with the icon, which a browser asks for beside a text."""
    return FileResponse(STATIC / "icon.svg")
