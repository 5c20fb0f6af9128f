"""The page of one trace, and its spans as a file."""

import re
from collections.abc import Iterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from spanglass.dashboard.detail import detail
from spanglass.dashboard.drawing import known, page
from spanglass.dashboard.heading import heading
from spanglass.dashboard.store import Store, spans_of
from spanglass.dashboard.waterfall import Waterfall, summed

MOST: Final = 10_000
"""Spans of a trace that are shown; its file has all."""
ALL: Final = -1
"""As a limit of SQLite: none."""
LARGEST: Final = 32 * 2**20
"""Characters of spans that are read for a page; one span is read in any case."""
PIECE: Final = 2**16
"""Characters of a file that are sent at once, or one line."""
ROWS: Final = 500
"""Rows of a page."""

GONE: Final = "There is no trace of this id: it has not come yet, or was too old to be kept."
KEPT: Final = ("as",)
"""Of the query, what stays when another span is selected: how texts are shown."""

TRACE: Final = re.compile(r"[0-9a-f]{32}")
SPAN: Final = re.compile(r"[0-9a-f]{16}")
PLACE: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


def trace(request: Request) -> Response:
    """Answer with one trace; `span` of the query is the one that is selected, `from` the first row."""
    store, trace_id = _asked(request)
    earlier, later = _beside(store, trace_id)
    ((count,),) = store.read("SELECT (SELECT spans FROM traces WHERE trace = ?)", (trace_id,))
    state = f"{count}-{earlier}-{later}"
    if known(request, state):
        return page(request, "trace.html", state)
    spans = [*spans_of(_bounded(_lines(store, trace_id, MOST)))]
    if not spans:
        raise HTTPException(404, GONE)  # just now
    waterfall = Waterfall(spans)
    place = waterfall.place(_span(request))
    start = _start(request, place, len(spans))
    calls, tries = waterfall.tries()
    shown = waterfall.rows(start, ROWS)
    selected = waterfall.lines[place].node.span
    return page(
        request,
        "trace.html",
        state,
        trace_id=trace_id,
        heading=heading(spans, [line.node.span for line in waterfall.lines if not line.depth]),
        retries=summed(calls, tries),
        axis=waterfall.axis,
        rows=shown,
        selected=f"{waterfall.lines[place].node.id:016x}",
        detail=detail(selected, [line.node.span for line in waterfall.lines[start : start + ROWS]]),
        start=start,
        step=ROWS,
        read=len(spans),
        count=count,
        orphans=sum(line.orphan for line in waterfall.lines),
        kept={name: request.query_params[name] for name in KEPT if name in request.query_params},
        earlier=earlier,
        later=later,
    )


def download(request: Request) -> Response:
    """Answer with the spans of a trace by their start, as `spans_to_jsonl` writes them."""
    store, trace_id = _asked(request)
    headers = {"Content-Disposition": f'attachment; filename="trace-{trace_id}.jsonl"'}
    return StreamingResponse(_pieces(_lines(store, trace_id, ALL)), media_type="application/x-ndjson", headers=headers)


def _asked(request: Request) -> tuple[Store, str]:
    """Return the store, and the id of a trace that it has; any other is answered with 404."""
    store: Store = request.app.state.store
    trace_id = str(request.path_params["trace_id"])
    if not TRACE.fullmatch(trace_id):
        raise HTTPException(404, "This is no trace id: one has 32 characters, 0-9 and a-f.")
    if not store.read("SELECT 1 FROM traces WHERE trace = ?", (trace_id,)):
        raise HTTPException(404, GONE)
    return store, trace_id


def _beside(store: Store, trace_id: str) -> tuple[str | None, str | None]:
    """Return the traces that began next before and after this one."""
    own = "(SELECT start, trace FROM traces WHERE trace = ?)"
    before = f"SELECT trace FROM traces WHERE (start, trace) < {own} ORDER BY start DESC, trace DESC LIMIT 1"  # noqa: S608 - ours
    after = f"SELECT trace FROM traces WHERE (start, trace) > {own} ORDER BY start, trace LIMIT 1"  # noqa: S608 - ours
    found = (store.read(query, (trace_id,)) for query in (before, after))
    earlier, later = (str(rows[0][0]) if rows else None for rows in found)
    return earlier, later


def _lines(store: Store, trace_id: str, most: int) -> Iterator[str]:
    """Yield the spans of a trace by their start, at most so many; those that go meanwhile are left out."""
    ids = store.read("SELECT id FROM spans WHERE trace = ? ORDER BY start, id LIMIT ?", (trace_id, most))
    for own in ids:
        for (line,) in store.read("SELECT line FROM spans WHERE id = ?", own):
            yield str(line)


def _bounded(lines: Iterator[str]) -> Iterator[str]:
    """Yield as many lines as a page may read."""
    read = 0
    for line in lines:
        read += len(line)
        if read > LARGEST and read > len(line):
            return
        yield line


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    """Yield lines together, as each piece costs a change of threads."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(f"{line}\n")
        size += len(line)
        if size >= PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def _span(request: Request) -> int | None:
    """Return the span that is asked for."""
    asked = request.query_params.get("span", "")
    return int(asked, 16) if SPAN.fullmatch(asked) else None


def _start(request: Request, place: int, count: int) -> int:
    """Return the first row that is shown: the one that is asked for, or else so that the selected one is shown."""
    asked = request.query_params.get("from", "")
    start = min(int(asked), count - 1) if PLACE.fullmatch(asked) else place
    return start - start % ROWS
