"""The endpoints that are known, by the method and path of their requests. All others are left alone."""

from spanglass.endpoints import chat
from spanglass.endpoints.endpoint import Endpoint

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("post", "/chat/completions"): chat.ENDPOINT,
}
