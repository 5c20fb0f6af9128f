"""What a convention is made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

from spanglass.record import Record


class Writer(NamedTuple):
    """A convention: pure functions from a record to a span's name and attributes.

    `start` writes what is known before the request goes out, which is what a sampler sees; `write` all that is known
    at the end, without repeating it. `marks_success` tells whether a call that succeeded gets the status OK.
    """

    name: str
    span_name: Callable[[Record], str]
    start: Callable[[Record, dict[str, Any]], None]
    write: Callable[[Record, dict[str, Any]], None]
    marks_success: bool
