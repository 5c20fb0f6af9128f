"""One program of a framework, run without spanglass and with it."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from expecting import call
from opentelemetry.sdk.trace import ReadableSpan
from saying import Said

from spanglass.testing import OpenAIServer, Request, captured_spans

Program = Callable[[str], Any]
"""A program that uses a framework: given the server's base URL, it returns what came out, as plain data."""

# What a clock said, where the server was, the SDK's method, the answer's own text, estimates: each has its tests.
LEFT_OUT = (
    *("spanglass.time.", "spanglass.stream.time_to_", "spanglass.stream.longest_", "spanglass.stream.chunk_count"),
    *("server.", "output.", "spanglass.sdk.helper", "llm.response.model_name", "llm.request.model_name"),
    *("spanglass.response.id", "spanglass.usage.estimated"),
)


_LOOP = asyncio.new_event_loop()  # one for all: frameworks keep their async clients beyond a loop's end


def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what comes of a coroutine."""
    return _LOOP.run_until_complete(coroutine)


async def taken(stream: AsyncIterable[Any]) -> list[Any]:
    """Return all that comes of a stream."""
    return [item async for item in stream]


class Run(NamedTuple):
    """What came of a program: its result, what it was warned of, by logs too, its requests, and spans of its calls."""

    result: Any
    warned: list[str]
    logged: list[str]
    requests: list[Request]
    spans: list[dict[str, Any]]


@contextmanager
def _logs() -> Generator[list[str]]:
    """Give what is logged as a warning, or worse."""
    logged: list[str] = []

    class Logged(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(f"{record.name}: {record.getMessage()}")

    handler = Logged(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield logged
    finally:
        logging.getLogger().removeHandler(handler)


def untraced(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    """Run a program, which gets these answers, without spanglass; the spans are what they would have to be."""
    _run(server, program, answers)  # frameworks load some things, and warn of them, as late as at the first call
    return _run(server, program, answers)


def _run(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    before = len(server.journal)
    server.script(*answers)
    with warnings.catch_warnings(record=True, action="always") as warned, _logs() as logged:
        result = program(server.base_url)
    # Frameworks leave their clients open, which is noticed at some time or other.
    own = [str(warning.message) for warning in warned if warning.category is not ResourceWarning]
    requests = server.journal[before:]
    return Run(result, own, logged, requests, [call(*pair) for pair in zip(requests, answers, strict=True)])


def traced(server: OpenAIServer, program: Program, answers: Sequence[Said]) -> Run:
    """Run a program with spanglass."""
    with captured_spans() as captured:
        done = _run(server, program, answers)
        return done._replace(spans=[told(span) for span in captured.spans])


def told(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says, but for what is left out; of a response's messages the words, in no order."""
    attributes = dict(span.attributes or {})
    own = {key: attributes[key] for key in attributes if not key.startswith(LEFT_OUT)}
    if span.name == "Response":
        messages = [key for key in own if key.startswith(("llm.input_messages.", "llm.output_messages."))]
        words = {key: own.pop(key) for key in messages}
        own["messages"] = sorted(str(words[key]) for key in messages if not key.endswith(".type"))
    return {"name": span.name, "status": span.status.status_code.name, **own}
