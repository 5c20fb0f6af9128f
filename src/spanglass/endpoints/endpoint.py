"""What an endpoint is: a value, found by the method and path of a request."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from spanglass.record import Record


class Accumulates(Protocol):
    """Takes the chunks of a stream, and settles into the shape of a response."""

    bearing: int
    """Chunks so far that carried content."""

    @property
    def terminal(self) -> bool:
        """Whether the model has said that it is done."""
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
    response (a model, a dict or anything else that came) and its JSON text, where known.
    """

    name: str
    kind: str
    operation: str
    read_request: Callable[[Record, Mapping[str, Any], str | None], None]
    read_response: Callable[[Record, Any, str | None], None]
    accumulator: Callable[[], Accumulates]
