"""The page of traces: the newest first, as they come."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.drawing import page
from spanglass.dashboard.filters import SPANS_OF_TIME, Filters, chips, filters, with_place, without
from spanglass.dashboard.listed import Listed, Lister
from spanglass.dashboard.searching import PATIENCE, Found, Trace, search
from spanglass.dashboard.store import Store

ROWS: Final = 50
PROJECTS: Final = "SELECT DISTINCT project FROM traces WHERE project IS NOT NULL ORDER BY project LIMIT 200"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows: rows, how far they go, and the query of the page of older ones."""

    rows: list[tuple[Trace, Listed]]
    found: Found
    older: str | None


def traces(request: Request) -> Response:
    """Answer with the list."""
    store: Store = request.app.state.store
    now = datetime.now(timezone.utc)
    wanted = filters(request.query_params, now)
    moment = f"-{now:%H%M}" if wanted.moving else ""
    return page(
        request,
        "traces.html",
        store.state() + moment,
        wanted=wanted,
        chips=[*chips(request.url)],
        newest=without(request.query_params, "before"),
        times=SPANS_OF_TIME,
        # What is read only where it is drawn.
        projects=lambda: [name for (name,) in store.read(PROJECTS)],
        shown=lambda: _shown(request, wanted),
    )


def _shown(request: Request, wanted: Filters) -> Shown:
    store: Store = request.app.state.store
    lister: Lister = request.app.state.lister
    found = Found([]) if wanted.wrong else search(store, wanted, ROWS, PATIENCE)
    rows = [(trace, row) for trace in found.traces if (row := lister.listed(trace)) is not None]
    older = with_place(request.query_params, "{}-{}".format(*found.older)) if found.older else None
    return Shown(rows, found, older)
