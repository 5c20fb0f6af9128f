"""What can happen to a call, each as a user's program: the server is told what to do, and the client asks."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from secrets import randbits
from typing import Any, NamedTuple

import openai
from openai import OpenAI
from openinference.instrumentation import using_attributes
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    use_span,
)
from opentelemetry.util.types import AttributeValue

from spanglass import OpenAIInstrumentor
from spanglass.testing import OpenAIServer, Reply, Stall, Stream, chunks, completion, error

MODEL = "gpt-4o-mini"
SYSTEM = {"role": "system", "content": "You are the night desk of a small railway. Answer in one or two sentences."}
QUESTION = {"role": "user", "content": "Is the 22:14 from Ghent still running tonight, and from which platform?"}
ANSWER = "Yes: the 22:14 is running, about 6 minutes late. It leaves from platform 4, not 2, because of the works."
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 34,
    "total_tokens": 1234,
    "prompt_tokens_details": {"cached_tokens": 1024},
}
TOOL = {
    "type": "function",
    "function": {
        "name": "departures",
        "description": "Lists the trains that leave a station.",
        "parameters": {"type": "object", "properties": {"station": {"type": "string"}}, "required": ["station"]},
    },
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "departures", "arguments": json.dumps({"station": "Ghent"})},
}
TOOL_RESULT = {"role": "tool", "tool_call_id": "call_1", "content": '{"22:14": {"late": 6, "platform": 4}}'}
TIMETABLE = "The 22:14 from Ghent is late.\n" * 175_000  # 5.2 MB

# A value of each type, and more of them than a span has.
PROGRAMS_OWN: dict[str, AttributeValue] = {
    **{f"seat.{number}": "free" for number in range(120)},
    "openinference.span.kind": "CHAIN",
    "desk.open": True,
    "desk.lamps": 3,
    "desk.load": 0.5,
    "desk.heat": 20.0,
    "desk.trains": ["22:14", ""],
    "desk.signals": [True, False],
    "desk.delays": [6, 0],
    "desk.weights": [1.5, 2.0],
    "desk.note": "“Café” is closed \U0001f319\n",
    "desk.remark": "",
    "json.list": '["22:14", 6]',
    "json.object": '{"late":  6}',
    "json.text": '"late"',
    "json.number": "1.50",
    "json.null": "null",
}
SAID: dict[str, Any] = {
    "session_id": "all of it",
    "user_id": "lin",
    "metadata": {"desk": {"night": True, "platforms": [4, 2]}},
    "tags": ["desk", "night"],
    "prompt_template": "Is the {train} still running?",
    "prompt_template_variables": {"train": "22:14"},
}

Ask = Callable[..., Any]


def _plain(server: OpenAIServer, ask: Ask) -> None:
    server.script(Reply(completion(ANSWER, usage=USAGE)))
    ask(messages=[SYSTEM, QUESTION], temperature=0.0)


def _streamed(server: OpenAIServer, ask: Ask) -> None:
    server.script(Stream(chunks(ANSWER.split(" "), usage=USAGE)))
    for _ in ask(messages=[SYSTEM, QUESTION], stream=True, stream_options={"include_usage": True}):
        pass


def _retried(server: OpenAIServer, ask: Ask) -> None:
    limited, overloaded = error("Rate limit reached", kind="requests"), error("Overloaded", kind="server_error")
    server.script(
        Reply(limited, status=429, headers={"retry-after-ms": "90"}, before=Stall(0.02)),
        Reply(overloaded, status=503, headers={"retry-after-ms": "60"}, before=Stall(0.04)),
        Reply(completion(ANSWER, usage=USAGE), before=Stall(0.2)),
    )
    ask(messages=[SYSTEM, QUESTION])


def _failed(server: OpenAIServer, ask: Ask) -> None:
    server.script(Reply(error("Unknown role", code="invalid_value", param="messages[0].role"), status=400))
    with suppress(openai.BadRequestError):
        ask(messages=[{"role": "signalman", "content": "?"}])


def _with_a_tool(server: OpenAIServer, ask: Ask) -> None:
    server.script(
        Reply(completion(None, tool_calls=[TOOL_CALL], finish_reason="tool_calls")),
        Reply(completion(ANSWER, usage=USAGE)),
    )
    asked = ask(messages=[SYSTEM, QUESTION], tools=[TOOL]).choices[0].message
    ask(messages=[SYSTEM, QUESTION, asked, TOOL_RESULT], tools=[TOOL])


def _left(server: OpenAIServer, ask: Ask) -> None:
    server.script(Stream(chunks(ANSWER.split(" "), usage=USAGE)))
    with ask(messages=[SYSTEM, QUESTION], stream=True) as stream:
        list(islice(stream, 2))


def _large(server: OpenAIServer, ask: Ask) -> None:
    server.script(Reply(completion(ANSWER, usage=USAGE)))
    ask(messages=[SYSTEM, {"role": "user", "content": TIMETABLE}])


def _whole(server: OpenAIServer, ask: Ask) -> None:
    server.script(Reply(completion(TIMETABLE[:260_000], usage=USAGE)))
    ask(messages=[SYSTEM, *[{"role": "user", "content": TIMETABLE[:490_000]}] * 6])


def _within(server: OpenAIServer, ask: Ask) -> None:
    provider: TracerProvider = OpenAIInstrumentor().instrumented_with["tracer_provider"]
    tracer = provider.get_tracer("night-desk", "1.2", "https://example.com/2", {"shift": "late"})
    links = [Link(_elsewhere(), {"why": "asked before"})]
    with (
        use_span(NonRecordingSpan(_elsewhere())),
        tracer.start_as_current_span("answer", None, SpanKind.SERVER, PROGRAMS_OWN, links) as span,
        using_attributes(**SAID),
    ):
        span.add_event("rang", {"times": 3, "from": ["Ghent", ""], "json.list": '["22:14", 6]', "loud": 0.5})
        _plain(server, ask)


def _elsewhere() -> SpanContext:
    """Return where a span of another program may be, which had passed through a proxy."""
    sampled, state = TraceFlags(TraceFlags.SAMPLED), TraceState([("proxy", "p4")])
    return SpanContext(randbits(128), randbits(64), is_remote=True, trace_flags=sampled, trace_state=state)


class Scenario(NamedTuple):
    """A program, the names of the spans that it must leave, as they start, and the settings of its instrumentor."""

    program: Callable[[OpenAIServer, Ask], None]
    leaves: list[str]
    settings: Mapping[str, Any] = {}

    def run(self) -> None:
        """Run the program with a client and a server of its own."""
        with OpenAIServer() as server, OpenAI(base_url=server.base_url, api_key="test") as client:
            self.program(server, lambda **arguments: client.chat.completions.create(model=MODEL, **arguments))


SCENARIOS = {
    "plain": Scenario(_plain, ["ChatCompletion"]),
    "streamed": Scenario(_streamed, ["ChatCompletion"]),
    "retried": Scenario(_retried, ["ChatCompletion", "attempt", "attempt", "attempt"]),
    "failed": Scenario(_failed, ["ChatCompletion", "attempt"]),
    "tool": Scenario(_with_a_tool, ["ChatCompletion", "ChatCompletion"]),
    "left": Scenario(_left, ["ChatCompletion"]),
    "large": Scenario(_large, ["ChatCompletion"]),
    "whole": Scenario(_whole, ["ChatCompletion"], {"max_span_bytes": 4_000_000}),  # no span is larger
    "within": Scenario(_within, ["answer", "ChatCompletion"]),
}
