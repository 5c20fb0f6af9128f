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
from spanglass.testing import (
    OpenAIServer,
    Reply,
    Stall,
    Stream,
    chunks,
    completion,
    embeddings,
    error,
    response,
    response_events,
    said,
    text_chunks,
    text_completion,
)

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
ENCRYPTED: Any = "reasoning.encrypted_content"
THOUGHT: dict[str, Any] = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "The departures of Ghent will tell."}],
    "encrypted_content": "gAAAAABo",
}
FUNCTION_CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    **TOOL_CALL["function"],  # type: ignore[dict-item]  # mypy reads the values of both kinds as one
}
SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "works at Ghent station"},
}
TOOLS = [{"type": "function", "strict": True, **TOOL["function"]}, {"type": "web_search"}]  # type: ignore[dict-item]
RESPONSE_USAGE = {
    "input_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
    "output_tokens": 34,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 1234,
}
EMBEDDING_MODEL, TEXT_MODEL = "text-embedding-3-small", "gpt-3.5-turbo-instruct"
TEXTS = [QUESTION["content"], ANSWER]
VECTORS = [[0.25, -0.5, 0.0, 1.0], [-0.125, 0.75, 2.5, -1.0]]  # numbers that 32 bits hold
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


def _ask(client: OpenAI, **arguments: Any) -> Any:
    return client.chat.completions.create(model=MODEL, **arguments)


def _plain(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Reply(completion(ANSWER, usage=USAGE)))
    _ask(client, messages=[SYSTEM, QUESTION], temperature=0.0)


def _streamed(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Stream(chunks(ANSWER.split(" "), usage=USAGE)))
    for _ in _ask(client, messages=[SYSTEM, QUESTION], stream=True, stream_options={"include_usage": True}):
        pass


def _retried(server: OpenAIServer, client: OpenAI) -> None:
    limited, overloaded = error("Rate limit reached", kind="requests"), error("Overloaded", kind="server_error")
    server.script(
        Reply(limited, status=429, headers={"retry-after-ms": "90"}, before=Stall(0.02)),
        Reply(overloaded, status=503, headers={"retry-after-ms": "60"}, before=Stall(0.04)),
        Reply(completion(ANSWER, usage=USAGE), before=Stall(0.2)),
    )
    _ask(client, messages=[SYSTEM, QUESTION])


def _failed(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Reply(error("Unknown role", code="invalid_value", param="messages[0].role"), status=400))
    with suppress(openai.BadRequestError):
        _ask(client, messages=[{"role": "signalman", "content": "?"}])


def _with_a_tool(server: OpenAIServer, client: OpenAI) -> None:
    server.script(
        Reply(completion(None, tool_calls=[TOOL_CALL], finish_reason="tool_calls")),
        Reply(completion(ANSWER, usage=USAGE)),
    )
    asked = _ask(client, messages=[SYSTEM, QUESTION], tools=[TOOL]).choices[0].message
    _ask(client, messages=[SYSTEM, QUESTION, asked, TOOL_RESULT], tools=[TOOL])


def _responses(server: OpenAIServer, client: OpenAI) -> None:
    """Hold a conversation: the model thinks and asks for a tool, at its second attempt, and searches before it answers.

    What it had said goes back to it with the tool's result, and what it says then is streamed.
    """
    server.script(
        Reply(error("Overloaded", kind="server_error"), status=503, headers={"retry-after-ms": "60"}),
        Reply(response([THOUGHT, FUNCTION_CALL], usage=RESPONSE_USAGE)),
        Stream(response_events([SEARCH, said(ANSWER)], usage=RESPONSE_USAGE), done=False),
    )
    asked: list[Any] = [QUESTION]
    how: dict[str, Any] = {"model": MODEL, "instructions": SYSTEM["content"], "tools": TOOLS, "include": [ENCRYPTED]}
    first = client.responses.create(input=asked, reasoning={"effort": "low", "summary": "auto"}, **how)
    asked += [*first.output, {"type": "function_call_output", "call_id": "call_1", "output": TOOL_RESULT["content"]}]
    for _ in client.responses.create(input=asked, stream=True, **how):
        pass


def _background(server: OpenAIServer, client: OpenAI) -> None:
    server.script(
        Reply(response([], status="queued", usage=None, background=True)),
        Reply(response(ANSWER, usage=RESPONSE_USAGE, background=True)),
    )
    begun = client.responses.create(model=MODEL, input=QUESTION["content"], background=True)
    client.responses.retrieve(begun.id)


def _vectors(server: OpenAIServer, client: OpenAI) -> None:
    """Embed two texts, and have two prompts completed in the way before chat, the second time as a stream."""
    server.script(
        Reply(embeddings(VECTORS, base64_encoded=True)),
        Reply(text_completion(" it is late.", " it is on time.", usage=USAGE)),
        Stream(text_chunks([" it ", "is late."], usage=USAGE)),
    )
    client.embeddings.create(model=EMBEDDING_MODEL, input=TEXTS, dimensions=len(VECTORS[0]))
    prompts = [f"Of the {train} from Ghent one hears that" for train in ("22:14", "23:14")]
    client.completions.create(model=TEXT_MODEL, prompt=prompts, max_tokens=9)
    options: Any = {"include_usage": True}
    for _ in client.completions.create(model=TEXT_MODEL, prompt=prompts[0], stream=True, stream_options=options):
        pass


def _left(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Stream(chunks(ANSWER.split(" "), usage=USAGE)))
    with _ask(client, messages=[SYSTEM, QUESTION], stream=True) as stream:
        list(islice(stream, 2))


def _large(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Reply(completion(ANSWER, usage=USAGE)))
    _ask(client, messages=[SYSTEM, {"role": "user", "content": TIMETABLE}])


def _whole(server: OpenAIServer, client: OpenAI) -> None:
    server.script(Reply(completion(TIMETABLE[:260_000], usage=USAGE)))
    _ask(client, messages=[SYSTEM, *[{"role": "user", "content": TIMETABLE[:490_000]}] * 6])


def _within(server: OpenAIServer, client: OpenAI) -> None:
    provider: TracerProvider = OpenAIInstrumentor().instrumented_with["tracer_provider"]
    tracer = provider.get_tracer("night-desk", "1.2", "https://example.com/2", {"shift": "late"})
    links = [Link(_elsewhere(), {"why": "asked before"})]
    with (
        use_span(NonRecordingSpan(_elsewhere())),
        tracer.start_as_current_span("answer", None, SpanKind.SERVER, PROGRAMS_OWN, links) as span,
        using_attributes(**SAID),
    ):
        span.add_event("rang", {"times": 3, "from": ["Ghent", ""], "json.list": '["22:14", 6]', "loud": 0.5})
        _plain(server, client)


def _elsewhere() -> SpanContext:
    """Return where a span of another program may be, which had passed through a proxy."""
    sampled, state = TraceFlags(TraceFlags.SAMPLED), TraceState([("proxy", "p4")])
    return SpanContext(randbits(128), randbits(64), is_remote=True, trace_flags=sampled, trace_state=state)


class Scenario(NamedTuple):
    """A program, the names of the spans that it must leave, as they start, and the settings of its instrumentor."""

    program: Callable[[OpenAIServer, OpenAI], None]
    leaves: list[str]
    settings: Mapping[str, Any] = {}

    def run(self) -> None:
        """Run the program with a client and a server of its own."""
        with OpenAIServer() as server, OpenAI(base_url=server.base_url, api_key="test") as client:
            self.program(server, client)


SCENARIOS = {
    "plain": Scenario(_plain, ["ChatCompletion"]),
    "streamed": Scenario(_streamed, ["ChatCompletion"]),
    "retried": Scenario(_retried, ["ChatCompletion", "attempt", "attempt", "attempt"]),
    "failed": Scenario(_failed, ["ChatCompletion", "attempt"]),
    "tool": Scenario(_with_a_tool, ["ChatCompletion", "ChatCompletion"]),
    "responses": Scenario(_responses, ["Response", "attempt", "attempt", "Response"]),
    "background": Scenario(_background, ["Response", "RetrieveResponse"]),
    "vectors": Scenario(_vectors, ["CreateEmbeddings", "Completion", "Completion"]),
    "left": Scenario(_left, ["ChatCompletion"]),
    "large": Scenario(_large, ["ChatCompletion"]),
    "whole": Scenario(_whole, ["ChatCompletion"], {"max_span_bytes": 4_000_000}),  # no span is larger
    "within": Scenario(_within, ["answer", "ChatCompletion"]),
}
