"""Which requests are calls of ours: found by their method and path, and by nothing else."""

import pytest

from spanglass.endpoints import ADDRESSES, BEGINNING, ENDPOINTS, addressed

# Each with the endpoint's name, and the id in its path.
PATHS = {
    ("post", "/chat/completions"): ("ChatCompletion", ""),
    ("POST", "chat/completions"): ("ChatCompletion", ""),
    ("post", "/chat/completions/chatcmpl-1"): None,
    ("get", "/chat/completions"): None,
    ("post", "/completions"): ("Completion", ""),
    ("post", "/embeddings"): ("CreateEmbeddings", ""),
    ("post", "/responses"): ("Response", ""),
    ("post", "/responses?beta=true"): ("Response", ""),
    ("post", "/responses/compact"): ("CompactResponse", ""),
    ("post", "/responses/compact?beta=true"): ("CompactResponse", ""),
    ("post", "/responses/input_tokens"): ("CountInputTokens", ""),
    ("get", "/responses/resp_1"): ("RetrieveResponse", "resp_1"),
    ("GET", "responses/resp_1"): ("RetrieveResponse", "resp_1"),
    ("get", "/responses/resp_1/"): ("RetrieveResponse", "resp_1"),
    ("get", "/responses/resp_1?beta=true"): ("RetrieveResponse", "resp_1"),
    ("get", "/responses/a%20%C3%BC%2Fb%2541?beta=true"): ("RetrieveResponse", "a ü/b%41"),
    ("post", "/responses/a=%3D/cancel"): ("CancelResponse", "a=="),
    ("get", "/responses//"): None,
    ("post", "/responses//cancel"): None,
    ("post", "/responses/resp_1/cancel"): ("CancelResponse", "resp_1"),
    ("post", "/responses/resp_1/cancel?beta=true"): ("CancelResponse", "resp_1"),
    ("delete", "/responses/resp_1"): None,
    ("get", "/responses/resp_1/input_items"): None,
    ("get", "/responses/resp_1/input_items?beta=true"): None,
    ("get", "/responses/"): None,
    ("get", "/responses"): None,
    ("post", "/responses/resp_1"): None,
    ("get", "/responses_of_mine/resp_1"): None,
    ("get", "/models/responses/resp_1"): None,
    ("get", "/models"): None,
}


@pytest.mark.parametrize(("method", "url"), PATHS, ids=[" ".join(path) for path in PATHS])
def test_path(method: str, url: str) -> None:
    """A request is found to be of the endpoint that its method and path name, or of none."""
    found = ENDPOINTS.get((method, url))
    held = addressed(method, url) if found is None and ADDRESSES in url[:BEGINNING] else None

    named = (found.name, "") if found is not None else None
    assert PATHS[method, url] == (named if held is None else (held.endpoint.name, held.id))
