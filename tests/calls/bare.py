"""What a caller meets, told so that a run with the bare SDK and an instrumented one can be compared whole."""

import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from flavours import Flavour
from spanglass.testing import Answer, OpenAIServer, captured_spans

Asking = Callable[[Any, list[Any]], Any]
"""Makes a call with the client it is given, and may add to the list what it takes on the way."""


ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory, which its representation may tell."""


class Met(NamedTuple):
    """What came out of one call, in full; the warnings on the way; the bodies that went over the wire."""

    results: list[str]
    raised: str
    warned: list[str]
    sent: list[bytes]


def meet(server: OpenAIServer, client: Any, answer: Answer | None, asking: Asking) -> Met:
    """Make one call, and return what the caller meets."""
    before = len(server.journal)
    if answer is not None:
        server.script(answer)
    results: list[Any] = []
    raised = ""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            results.append(asking(client, results))
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is compared
            raised = f"{type(error).__name__}: {error}"
    return Met(
        [_described(result) for result in results],
        raised,
        [f"{one.category.__name__}: {one.message}" for one in warned],
        [request.body for request in server.journal[before:]],
    )


def _described(result: Any) -> str:
    """Return its very type, what it holds, and the names of all its attributes, private ones included."""
    return ADDRESS.sub("", f"{type(result)} {result!r} {sorted(getattr(result, '__dict__', ()))}")


def both(
    flavour: Flavour, server: OpenAIServer, answer: Answer | None, asking: Asking
) -> tuple[Met, Met, list[ReadableSpan]]:
    """Make a call bare, and again instrumented, with one client; return what was met, and the spans of the second."""
    client = flavour.client(server, max_retries=0)
    bare = meet(server, client, answer, asking)
    with captured_spans() as captured:
        instrumented = meet(server, client, answer, asking)
    return bare, instrumented, captured.spans


def attribute(span: ReadableSpan, name: str) -> Any:
    """Return an attribute of a span, or None."""
    return (span.attributes or {}).get(name)
