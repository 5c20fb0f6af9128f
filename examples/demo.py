"""What spanglass sees, in five scenes: a plain call, a stream, a tool, a call that is retried and one that fails.

    python examples/demo.py

Without OPENAI_API_KEY a small server on this machine plays OpenAI's part. With it, the calls go to the real API (or to
OPENAI_BASE_URL) with the model OPENAI_MODEL or gpt-4o-mini, and the two scenes that need a failing server are left out.

Without OTEL_EXPORTER_OTLP_ENDPOINT a collector is started on this machine, and says in the end how many spans it took.
With it, the spans go there: to Phoenix, Jaeger or any other collector.
"""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from collector import Collector
from openai import OpenAI, OpenAIError
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanglass import OpenAIInstrumentor, configure
from spanglass.export.console import print_summary
from spanglass.testing import Answer, OpenAIServer, Reply, Stream, chunks, completion, error

PROJECT = "spanglass-demo"
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


# --- The program: ordinary calls of the OpenAI SDK, and nothing of spanglass in them ---


def plain(client: OpenAI) -> str | None:
    """Ask, and wait for the whole answer."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": "Answer in one short sentence."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
    )
    return answer.choices[0].message.content


def stream(client: OpenAI) -> str:
    """Ask, and take the answer word by word."""
    pieces = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count from one to five."}],
        stream=True,
    )
    return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def tool(client: OpenAI) -> str | None:
    """Let the model ask for a function, and tell it the result: two calls in one trace, held together by a span."""
    messages: list[Any] = [{"role": "user", "content": "Do I need an umbrella in Oslo?"}]
    with trace.get_tracer("demo").start_as_current_span("umbrella", attributes={"openinference.span.kind": "CHAIN"}):
        asked = client.chat.completions.create(
            model=MODEL,
            messages=messages,
            tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "weather"}},
        )
        message = asked.choices[0].message
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": '{"sky": "rain"}'} for call in message.tool_calls or ()
        ]
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    return answer.choices[0].message.content


def retried(client: OpenAI) -> str | None:
    """Ask a busy server: the SDK tries three times, once after the wait that the server asked for."""
    answer = client.with_options(max_retries=3).chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Are you there?"}],
    )
    return answer.choices[0].message.content


def refused(client: OpenAI) -> str | None:
    """Ask with a key that is not valid: there is no second attempt, and the exception is the SDK's own."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Let me in."}])
    return answer.choices[0].message.content


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city, now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

# --- The scenes, and what the server on this machine answers in them ---


class Scene(NamedTuple):
    """One trace. `staged` scenes need a server that fails on demand."""

    title: str
    play: Callable[[OpenAI], str | None]
    answers: tuple[Answer, ...]
    staged: bool = False


WEATHER_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
SCENES = (
    Scene("A plain call", plain, (Reply(completion("The capital of France is Paris.")),)),
    Scene("A stream", stream, (Stream(chunks(["One, ", "two, ", "three, ", "four, ", "five."]), delay=0.05),)),
    Scene(
        "A tool call and its result",
        tool,
        (
            Reply(completion(None, tool_calls=[WEATHER_CALL], finish_reason="tool_calls")),
            Reply(completion("Yes: it is raining in Oslo.")),
        ),
    ),
    Scene(
        "Two failed attempts, then an answer",
        retried,
        (
            Reply(error("Rate limit reached", kind="requests"), status=429, headers={"retry-after-ms": "300"}),
            Reply(error("The server is overloaded", kind="server_error"), status=503),
            Reply(completion("I am now.")),
        ),
        staged=True,
    ),
    Scene(
        "A call that fails",
        refused,
        (Reply(error("Incorrect API key provided.", code="invalid_api_key"), status=401),),
        staged=True,
    ),
)


# --- The wiring: three lines make every call above a trace ---


class FinishedSpans(SpanProcessor):
    """Keeps the finished spans until they are taken, and counts them."""

    def __init__(self) -> None:
        self.count = 0
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep one more."""
        self.count += 1
        self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        """Return what has finished since the last time."""
        spans, self._spans = self._spans, []
        return spans


def perform(scene: Scene, client: OpenAI, server: OpenAIServer | None) -> None:
    """Play one scene, and print what the program gets to see of it."""
    print(f"\n=== {scene.title}\n")
    if server:
        server.script(*scene.answers)
    elif scene.staged:
        print("Left out: the real API does not fail on demand.")
        return
    try:
        print(f"Answer: {scene.play(client)}\n")
    except OpenAIError as failure:
        print(f"{type(failure).__name__}: {failure}\n")


def main() -> int:
    """Play the scenes, and return 0 when every span arrived."""
    given = next((os.environ[name] for name in ENDPOINT_VARIABLES if os.environ.get(name)), None)
    finished = FinishedSpans()
    with ExitStack() as running:
        collector = None if given else running.enter_context(Collector())
        server = None if os.environ.get("OPENAI_API_KEY") else running.enter_context(OpenAIServer())

        pipeline = configure(
            project=PROJECT,
            environment="demo",
            endpoint=collector.endpoint if collector else None,
            protocol="http/protobuf" if collector else None,
        )
        OpenAIInstrumentor().instrument()
        if isinstance(pipeline.provider, TracerProvider):
            pipeline.provider.add_span_processor(finished)

        client = running.enter_context(OpenAI(base_url=server.base_url, api_key="unused") if server else OpenAI())
        for scene in SCENES:
            perform(scene, client, server)
            print_summary(finished.take())

        delivered = pipeline.flush()
        pipeline.shutdown()

    if collector:
        print(f"\nThe collector took {collector.taken} of {finished.count} spans.")
        print("To look at them in Phoenix, set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:6006")
        return 0 if collector.taken == finished.count else 1
    place = urlsplit(given or "").netloc.rpartition("@")[2]
    arrived = finished.count - pipeline.dropped
    print(f"\n{arrived} of {finished.count} spans were delivered to {place}, project {PROJECT}.")
    return 0 if delivered else 1


if __name__ == "__main__":
    sys.exit(main())
