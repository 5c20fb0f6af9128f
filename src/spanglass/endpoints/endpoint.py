"""What an endpoint is: a value, found by the method and path of a request."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from spanglass.record import Record


class Accumulates(Protocol):
    """Takes the chunks of a stream, and settles into the shape of a response."""

    bearing: int
    """Chunks so far that carried content."""

    @property
    def end(self) -> str | None:
        """The stream's outcome where the model has said that it is done, or else None."""
        ...

    def take(self, chunk: Any) -> None:
        """Take one more chunk, and keep nothing of it that may change."""
        ...

    def settle(self) -> Mapping[str, Any]:
        """Return what a response that was not streamed would have been."""
        ...


class Endpoint(NamedTuple):
    """How to read one kind of call.

    `read_request` takes the record, the body and the JSON that is sent, where known; `read_response` the record, the
    response (a model, a dict or anything else that came) and its JSON text, where known. It may say that the call has
    not `succeeded` after all.

    `added` are the parameters that the SDK adds by itself where the program gives none. One that is `addressed` has no
    body: the id in its path and its query stand for it. One that `fetches` gets a response that another call has made.

    `extract` takes out of a response, before it is cut to its limits, what is no text: it takes the record, the
    response (None where nothing but its text is known) and the text, and returns both without.
    """

    name: str
    kind: str
    operation: str
    read_request: Callable[[Record, Mapping[str, Any], str | None], None]
    read_response: Callable[[Record, Any, str | None], None]
    accumulator: Callable[[], Accumulates]
    added: frozenset[str] = frozenset()
    addressed: bool = False
    fetches: bool = False
    extract: Callable[[Record, Any, str], tuple[Any, str]] | None = None
