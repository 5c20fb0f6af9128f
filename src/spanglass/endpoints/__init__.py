"""The endpoints that are known, by the method and path of their requests. All others are left alone."""

from typing import NamedTuple
from urllib.parse import unquote

from spanglass.endpoints import chat, completions, embeddings, responses
from spanglass.endpoints.endpoint import Endpoint

BETA = "?beta=true"
ROWS = (
    ("post", "/chat/completions", chat.ENDPOINT),
    ("post", "/completions", completions.ENDPOINT),
    ("post", "/embeddings", embeddings.ENDPOINT),
    ("post", "/responses", responses.CREATE),
    ("post", "/responses/compact", responses.COMPACT),
    ("post", "/responses/input_tokens", responses.COUNT),
)
# The SDK's own methods write them as they stand above; a program's `client.post(…)` may write them otherwise.
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    (method, path + query): endpoint
    for small, absolute, endpoint in ROWS
    for method in (small, small.upper())
    for path in (absolute, absolute[1:])
    for query in ("", BETA)
}
# By what stands before the id of a response in the path, and after it.
ADDRESSED: dict[tuple[str, str, str], Endpoint] = {
    (method, "responses", after): endpoint
    for small, after, endpoint in (("get", "", responses.RETRIEVE), ("post", "cancel", responses.CANCEL))
    for method in (small, small.upper())
}
# What paths with an id begin with, and may begin with: asked of every request that is not known, and free of a call.
ADDRESSES = "responses/"
BEGINNING = len("/responses/")


class Addressed(NamedTuple):
    """An endpoint with an id in its path: the id as the program gave it, not as a URL has to write it."""

    endpoint: Endpoint
    id: str


def addressed(method: str, url: str) -> Addressed | None:
    """Return the endpoint of a path with an id in it, or None. It is asked of paths that are not known, too."""
    first, _, rest = (url.partition("?")[0] if "?" in url else url).strip("/").partition("/")
    held, _, after = rest.partition("/")
    key = (method, first, after)
    return Addressed(ADDRESSED[key], unquote(held)) if held and key in ADDRESSED else None
