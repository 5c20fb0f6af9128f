"""What the programs of `test_life.py` are made of: tracing as the environment says, and calls that have a number."""

from typing import Any

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure
from spanglass.configure import Pipeline


def trace() -> Pipeline:
    """Trace every call from here on."""
    pipeline = configure()
    instrumentor = OpenAIInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:  # a forked child is, where its parent was
        instrumentor.instrument()
    return pipeline


def ask(number: int) -> None:
    """Make one call, with a client of its own: a connection is not for two processes."""
    with OpenAI() as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": str(number)}])


def begin(number: int) -> Any:
    """Return a stream of which one chunk is read."""
    messages: Any = [{"role": "user", "content": str(number)}]
    stream = OpenAI().chat.completions.create(model="m", messages=messages, stream=True)
    next(iter(stream))
    return stream
