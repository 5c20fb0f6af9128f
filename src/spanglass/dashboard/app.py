"""The application: what answers at which path."""

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from spanglass.dashboard.listed import Lister
from spanglass.dashboard.listing import traces
from spanglass.dashboard.receiver import Receiver
from spanglass.dashboard.refusals import REFUSALS
from spanglass.dashboard.safety import Access, Safety
from spanglass.dashboard.sessions import Sessions, sessions
from spanglass.dashboard.store import Store
from spanglass.dashboard.transcript import session
from spanglass.dashboard.viewing import download, trace
from spanglass.dashboard.wholes import image, raw, text

STATIC: Final = Path(__file__).with_name("static")


def application(store: Store, access: Access) -> ASGIApp:
    """Return what serves the spans of `store`, and adds to them, for those whom `access` lets in."""
    routes = [
        Route("/v1/traces", Receiver(store).take, methods=["POST"], name="take"),
        Route("/", traces, name="traces"),
        Route("/traces/{trace_id}.jsonl", download, name="download"),
        Route("/traces/{trace_id}", trace, name="trace"),
        Route("/traces/{trace_id}/spans/{span_id}/text", text, name="text"),
        Route("/traces/{trace_id}/spans/{span_id}/image", image, name="image"),
        Route("/traces/{trace_id}/spans/{span_id}/raw", raw, name="raw"),
        Route("/sessions", sessions, name="sessions"),
        Route("/session", session, name="session"),
        Route("/favicon.ico", icon, name="icon"),
        Route("/health", health, name="health"),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(routes=routes, exception_handlers=REFUSALS)
    app.state.store = store
    app.state.lister = Lister(store)
    app.state.sessions = Sessions(store, app.state.lister)
    return Safety(app, access)  # around all of it: what Starlette answers to a crash has the headers, too


async def health(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Say that there is an answer."""
    return PlainTextResponse("ok\n")


async def icon(request: Request) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Answer with the icon, which a browser asks for beside a text."""
    return FileResponse(STATIC / "icon.svg")
