"""The page of sessions: those in which something came last are first, each with a link to its transcript."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.drawing import page
from spanglass.dashboard.entry import folded
from spanglass.dashboard.filters import with_place, without
from spanglass.dashboard.listed import Listed, Lister
from spanglass.dashboard.searching import Trace
from spanglass.dashboard.store import Store

ROWS: Final = 50
REMEMBERED: Final = 1000
PLACE: Final = re.compile("[0-9]{1,18}")

# A few looks into the index for each session, however many spans it has.
KNOWN: Final = """
WITH RECURSIVE known (session) AS (
  SELECT min(session) FROM spans WHERE session IS NOT NULL
  UNION ALL SELECT (SELECT min(session) FROM spans WHERE session > known.session) FROM known WHERE session IS NOT NULL
)
SELECT session, (SELECT min(id) FROM spans WHERE session = known.session) AS first,
  (SELECT max(id) FROM spans WHERE session = known.session) AS last
FROM known WHERE session IS NOT NULL ORDER BY last DESC
"""
OF_SESSION: Final = """
SELECT count(*), min(start), max(end) FROM traces WHERE trace IN (SELECT trace FROM spans WHERE session = ?)
"""
LAST: Final = """
SELECT trace, start, end, project, session FROM traces
WHERE trace IN (SELECT trace FROM spans WHERE session = ?) ORDER BY start DESC, trace DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its list tells it: times are nanoseconds since the epoch, `row` tells of its last trace."""

    session: str
    traces: int
    start: int
    end: int
    project: str | None
    row: Listed | None


class Sessions:
    """Tells of the sessions of a store; of one that has not changed it remembers what it told."""

    def __init__(self, store: Store, lister: Lister) -> None:
        self._store = store
        self._lister = lister
        self._told = lru_cache(REMEMBERED)(self._read)

    def newest(self, wanted: str, before: int | None, most: int) -> tuple[list[Session], int | None]:
        """Return sessions in whose ids a text occurs, and after which span to go on; None where that were all."""
        known = cast("list[tuple[str, int, int]]", self._store.read(KNOWN))
        fitting = [
            (session, first, last)
            for session, first, last in known
            if (before is None or last < before) and wanted in folded(session)
        ]
        told = [each for row in fitting[:most] if (each := self._told(*row)) is not None]
        return told, fitting[most - 1][2] if len(fitting) > most else None

    def _read(self, session: str, first: int, last: int) -> Session | None:  # noqa: ARG002 - they tell that it changed
        ((traces, start, end),) = cast("list[tuple[int, int, int]]", self._store.read(OF_SESSION, (session,)))
        found = self._store.read(LAST, (session,))
        if not found:
            return None
        newest = Trace(*found[0])  # type: ignore[arg-type]  # as the table has them
        return Session(session, traces, start, end, newest.project, self._lister.listed(newest))


def sessions(request: Request) -> Response:
    """Answer with the list."""
    store: Store = request.app.state.store
    query = request.query_params
    before = PLACE.fullmatch(query.get("before", ""))
    return page(
        request,
        "sessions.html",
        store.state(),
        newest=without(query, "before"),
        on_first=before is None,
        shown=lambda: _shown(request, int(before[0]) if before else None),
    )


def _shown(request: Request, before: int | None) -> tuple[list[Session], str | None]:
    """Return the rows, and the query of the page of older ones."""
    told: Sessions = request.app.state.sessions
    query = request.query_params
    rows, place = told.newest(folded(query.get("q", "").strip()), before, ROWS)
    return rows, None if place is None else with_place(query, str(place))
