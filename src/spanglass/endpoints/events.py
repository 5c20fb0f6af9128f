"""The events of a response's stream, merged into the response that they add up to."""

from collections.abc import Mapping
from typing import Any

from spanglass.plain import whole

# The events that end a stream, each with what it makes of the outcome.
ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "error",
    "error": "error",
}


class ResponseAccumulator:
    """`take` takes events, models or dicts; `settle` gives the response."""

    __slots__ = ("_response", "bearing", "end")

    def __init__(self) -> None:
        self.bearing = 0
        self.end: str | None = None
        self._response: Any = None

    def take(self, chunk: Any) -> None:
        """Take one more event."""
        own = whole(chunk)
        if own.get("response") is not None:
            self._response = own["response"]
        self.bearing += "delta" in own
        self.end = ENDS.get(own["type"], self.end)

    def settle(self) -> Mapping[str, Any]:
        """Return the response as it would have come at once."""
        return whole(self._response)
