"""The templates of the pages, and how values are written in them."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from spanglass.dashboard.drawn import drawn
from spanglass.dashboard.texts import visible
from spanglass.export.words import counted, dollars, duration, one_line

TEMPLATES: Final = Path(__file__).with_name("templates")
LIVE: Final = "x-spanglass-live"
"""The header of a page that asks for its own changed part."""

ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _when(nanoseconds: int) -> str:
    """Return a time as the `datetime` of an element, which the browser writes in its own zone."""
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _when_told(nanoseconds: int) -> str:
    """Return a time as it stands there until the browser has written it in its own zone."""
    when = _when(nanoseconds)
    return f"{when[:10]} {when[11:19]} UTC" if when else ""


LOOKS: Final = {"SUCCESS": "ok", "OK": "ok", "FAILED": "failed"}


def _looks(status: str) -> str:
    """Return the class that the status of a trace or a span is drawn in."""
    return LOOKS.get(status, "unset")


FILTERS: Final[dict[str, Any]] = {
    "counted": counted,
    "dollars": dollars,
    "drawn": drawn,
    "duration": duration,
    "looks": _looks,
    "one_line": one_line,
    "visible": visible,
    "when": _when,
    "when_told": _when_told,
}
ENVIRONMENT.filters.update(FILTERS)


def known(request: Request, state: str) -> bool:
    """Tell whether who asks has this state already, so that `page` needs no values."""
    return request.headers.get("if-none-match") == f'"{state}"'


def page(request: Request, template: str, state: str, **values: Any) -> Response:
    """Return a page, or to a page that asks for what is new its `<main>`, unless its state is what it has."""
    tag = f'"{state}"'
    headers = {"ETag": tag, "Vary": LIVE}
    if known(request, state):
        return Response(status_code=304, headers=headers)
    layout = "live.html" if request.headers.get(LIVE) else "layout.html"
    text = ENVIRONMENT.get_template(template).render(layout=layout, request=request, tag=tag, **values)
    return HTMLResponse(text, headers=headers)
