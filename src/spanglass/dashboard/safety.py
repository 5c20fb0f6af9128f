"""Who may ask, and what a browser may do with the answer."""

import asyncio
import hmac
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_plus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanglass.dashboard.hosts import is_address, is_loopback, name_of
from spanglass.dashboard.refusals import refusal

FRAMES: Final = (
    "'self' http://localhost:* https://localhost:* http://127.0.0.1:* https://127.0.0.1:* vscode-webview: vscode-file:"
)
"""Where a page may be shown in a frame: in notebooks of this machine, those of VS Code among them."""
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {FRAMES}"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
STATIC: Final = "/static/"
HEALTH: Final = "/health"
"""This and what is static is answered without a token: it is the same in every dashboard."""
SAFE: Final = frozenset({"GET", "HEAD"})
DOCUMENTS: Final = frozenset({"document", "frame", "iframe"})
"""What a browser asks for when a person goes to a page."""

LONGEST_URL: Final = 16 * 2**10
MOST_HEADERS: Final = 100
LONGEST_HEADERS: Final = 32 * 2**10
"""Bytes of all of them."""
CLOSING: Final = {"Connection": "close"}
BODY: Final = 60.0
"""Seconds in which the body of a request has to come whole."""

_is_token = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII).fullmatch
_is_odd = re.compile(r"[\x00-\x1f\x7f\\]").search


@dataclass(frozen=True, slots=True)
class Access:
    """At which host the dashboard listens, and which token it demands; None where it demands none.

    `names` are those by which it may be asked besides the host, IP addresses and localhost.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """ValueError for a token that no header can carry, or for none where others than this machine may ask."""
        if self.token is None and not self.local:
            message = f"Others may ask at {self.host}: give a token, or listen on 127.0.0.1."
            raise ValueError(message)
        if self.token is not None and not _is_token(self.token):
            message = "A token has letters, digits and any of ._~+/- only: give another."
            raise ValueError(message)

    @classmethod
    def at(cls, host: str, token: str | None = None) -> "Access":
        """Return who may ask at a host: without a token on loopback, elsewhere with one that is made if none is given.

        ValueError for a token that no header can carry.
        """
        if is_loopback(host):
            return cls(host, token or None)
        return cls(host, token or secrets.token_urlsafe(), _own_names())

    @property
    def local(self) -> bool:
        """Tell whether nobody but this machine may ask."""
        return is_loopback(self.host)

    def entrance(self, url: str) -> str:
        """Return the URL of a page, which has no parameters, as a browser comes in by it: with the token."""
        return url if self.token is None else f"{url}?token={quote(self.token, safe='')}"

    def knows(self, name: str) -> bool:
        """Tell whether this name is one of the dashboard's."""
        if self.local:
            return is_loopback(name)
        return name == "localhost" or is_address(name) or name == self.host.lower() or name in self.names


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return frozenset({name, short, f"{short}.local", socket.getfqdn().lower()})


class Safety:
    """Stands before the application: turns away whom `access` does not let in, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._checks: tuple[Callable[[Request], Response | None], ...] = (
            _malformed,
            self._misdirected,
            _foreign,
            self._unknown,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope)
        refused = next(filter(None, (check(request) for check in self._checks)), None)
        await (refused or self._app)(scope, _in_time(receive), _with_headers(scope, send))

    def _misdirected(self, request: Request) -> Response | None:
        """Turn away who means another server: a page whose name was made to lead here reads nothing.

        Who sends the token in a header knows whom he asks, by whatever name.
        """
        name = name_of(request.headers.getlist("host"))
        if name is None:
            return refusal(request, 400, "The request has to name one host in one header.", CLOSING)
        if self._access.knows(name) or self._bears_token(request):
            return None
        return refusal(request, 421, "The dashboard has another name: ask for it by localhost or its IP address.")

    def _unknown(self, request: Request) -> Response | None:
        """Turn away who does not have the token, and let in by a cookie who has it in the URL."""
        token, path = self._access.token, request.scope["path"]
        if token is None or path == HEALTH or path.startswith(STATIC) or self._bears_token(request):
            return None
        if request.method in SAFE:
            cookie, proof = _cookie(request), _proof(token, request)
            if _equal(request.cookies.get(cookie, ""), proof):
                return None
            given, rest = _given(request)
            if given is not None and _equal(given, token):
                return _let_in(request, rest, cookie, proof)
        return refusal(
            request,
            401,
            "The dashboard wants its token: open the URL that it printed when it started, or send the header "
            "Authorization: Bearer with the token.",
            headers={"WWW-Authenticate": 'Bearer realm="spanglass"'},
        )

    def _bears_token(self, request: Request) -> bool:
        given = request.headers.getlist("authorization")
        if self._access.token is None or len(given) != 1:
            return False
        scheme, _, token = given[0].partition(" ")
        return scheme.lower() == "bearer" and _equal(token.strip(), self._access.token)


def _malformed(request: Request) -> Response | None:
    """Turn away what no browser and no sender sends."""
    scope = request.scope
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_URL:
        return refusal(request, 414, "The URL is too long.")
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LONGEST_HEADERS:
        return refusal(request, 431, "The request has too many headers, or too long ones.")
    if "content-length" in request.headers and "transfer-encoding" in request.headers:
        return refusal(request, 400, "The request says twice where it ends.", CLOSING)
    if _is_odd(scope["path"]):
        return refusal(request, 404, "There is no such page.")
    return None


def _foreign(request: Request) -> Response | None:
    """Turn away what a page of another site asks for, but for a person who follows a link there."""
    host = request.headers["host"].lower()
    origins = request.headers.getlist("origin")
    own = all(origin.lower() in {f"http://{host}", f"https://{host}"} for origin in origins)
    if own and (request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"} or _follows_link(request)):
        return None
    return refusal(request, 403, "Pages of other sites may neither read the dashboard nor send to it.")


def _follows_link(request: Request) -> bool:
    headers = request.headers
    return (
        request.method in SAFE
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") in DOCUMENTS
    )


def _cookie(request: Request) -> str:
    """Return the name of the cookie: those of one host are the same for all of its ports."""
    return f"spanglass-{request.scope['server'][1]}"


def _proof(token: str, request: Request) -> str:
    """Return what shows that a browser has had the token, and is not the token: other ports are sent it, too."""
    return hmac.new(token.encode(), _cookie(request).encode(), "sha256").hexdigest()


def _given(request: Request) -> tuple[str | None, str]:
    """Return the token of the URL, and the query without it."""
    pairs = request.scope["query_string"].decode("latin-1").split("&")
    tokens = [pair for pair in pairs if pair.startswith("token=")]
    rest = "&".join(pair for pair in pairs if pair not in tokens)
    return (unquote_plus(tokens[0].partition("=")[2]) if tokens else None), rest


def _let_in(request: Request, rest: str, cookie: str, proof: str) -> Response:
    """Answer with a cookie, and with the way to the same page by a URL that may be shown around."""
    path = "/" + request.scope["raw_path"].decode("latin-1").lstrip("/")  # two would begin another host's URL
    answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
    # By "strict" a link from elsewhere would come without it; nothing changes by what is asked with it.
    answer.set_cookie(cookie, proof, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _in_time(receive: Receive) -> Receive:
    """Return what receives a body, and no longer waits than there is time."""
    end = asyncio.get_running_loop().time() + BODY
    whole = False

    async def received() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), end - asyncio.get_running_loop().time())
        except asyncio.TimeoutError:
            raise HTTPException(408, "The request took too long.", CLOSING) from None
        whole = not message.get("more_body", False)
        return message

    return received


def _with_headers(scope: Scope, send: Send) -> Send:
    """Return what sends an answer with the headers that each has."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            # What spans say is not left on a disk by the browser.
            headers["Cache-Control"] = "no-cache" if scope["path"].startswith(STATIC) else "no-store"
        await send(message)

    return answer
