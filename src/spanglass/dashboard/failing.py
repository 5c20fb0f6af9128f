"""The pages of what cannot be answered: one sentence, and a way back."""

import sqlite3
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ExceptionHandler

from spanglass.dashboard.drawing import page
from spanglass.dashboard.store import Unavailable

RETRY: Final = {"retry-after": "5"}
SENTENCES: Final = {
    400: "The address says something that this page does not know.",
    404: "There is no such page: what it showed may have been removed to keep within the space that spans may take.",
    405: "This page can only be looked at.",
    500: "The dashboard has failed at this: what went wrong is told where it was started.",
    503: "The file with the spans cannot be read for now: try again in a moment.",
}


async def refused(request: Request, error: Exception) -> Response:
    """Answer with the page of an HTTP error, with its own words where it has some."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    own = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
    return _told(request, error.status_code, own, dict(error.headers or {}))


async def unavailable(request: Request, error: Exception) -> Response:  # noqa: ARG001 - as Starlette calls it
    """Answer that the file cannot be used now."""
    return _told(request, 503, None, RETRY)


async def failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the same
    """Answer that an error of ours was met; the server logs it."""
    return _told(request, 500, None, {})


def _told(request: Request, status: int, own: str | None, headers: dict[str, str]) -> Response:
    phrase = HTTPStatus(status).phrase
    sentence = own or SENTENCES.get(status, f"{phrase}.")
    if request.method not in {"GET", "HEAD"} or request.url.path.startswith("/v1/"):  # a program has asked
        return PlainTextResponse(f"{sentence}\n", status, headers)
    answer = page(request, "error.html", "", status=status, phrase=phrase, sentence=sentence)
    answer.status_code = status
    del answer.headers["etag"]
    answer.headers.update(headers)
    return answer


HANDLERS: Final[dict[int | type[Exception], ExceptionHandler]] = {
    HTTPException: refused,
    Unavailable: unavailable,
    sqlite3.Error: unavailable,
    Exception: failed,
}
"""What answers in place of what has raised."""
