"""The endpoints that are known, by the method and path of their requests. All others are left alone."""

from spanglass.endpoints import chat
from spanglass.endpoints.endpoint import Endpoint

ROWS = (("post", "/chat/completions", chat.ENDPOINT),)
# The SDK's own methods write them as they stand above; a program's `client.post(…)` may write them otherwise.
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    (method, path): endpoint
    for small, absolute, endpoint in ROWS
    for method in (small, small.upper())
    for path in (absolute, absolute[1:])
}
