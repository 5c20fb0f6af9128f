"""Answers that are no page that was asked for: one sentence that says why, and what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ExceptionHandler

from spanglass.dashboard.drawing import ENVIRONMENT
from spanglass.dashboard.store import Unavailable


def refusal(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer: a page to a browser that is going to one, else the sentence alone."""
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(f"{sentence}\n", status, headers)
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1")[:4096])
    page = ENVIRONMENT.get_template("refusal.html").render(
        status=HTTPStatus(status),
        sentence=sentence,
        path="/" + request.scope["path"].lstrip("/"),
        rest=[pair for pair in pairs if pair[0] != "token"],
    )
    return HTMLResponse(page, status, headers)


def refused(request: Request, error: Exception) -> Response:
    """Return the answer to what a page has refused by an HTTPException."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    plain = HTTPStatus(error.status_code).phrase
    sentence = SENTENCES.get(error.status_code, f"{plain}.") if error.detail == plain else error.detail
    return refusal(request, error.status_code, sentence, error.headers)


def crashed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it, which also raises it
    """Return the answer of a page that has crashed: why is told where the dashboard runs, and not here."""
    return refusal(request, 500, "The dashboard has met an error of its own: what it printed says which.")


def unavailable(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Return the answer of a page whose spans cannot be read for now."""
    sentence = "The file with the spans cannot be read for now: try again in a moment."
    return refusal(request, 503, sentence, {"retry-after": "5"})


SENTENCES: Final = {404: "There is no such page.", 405: "That cannot be done here."}
"""Of what Starlette itself refuses."""
REFUSALS: Final[dict[int | type[Exception], ExceptionHandler]] = {
    HTTPException: refused,
    Unavailable: unavailable,
    Exception: crashed,
}
"""What answers in place of a page that has raised."""
