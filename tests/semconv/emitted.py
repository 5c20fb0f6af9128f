"""Programs that between them make spanglass write everything it can, and what came of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from openai import APIStatusError, AzureOpenAI, OpenAI
from openai.lib.responses_tool_runner import RegisteredFunction, ResponsesToolRunner, ToolRunnerError
from openinference.instrumentation import using_attributes
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from spanglass import trace, using
from spanglass.testing import (
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    embeddings,
    error,
    response,
    response_events,
    said,
    text_completion,
)

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "name": "alice",
        "content": [
            {"type": "text", "text": "What are these?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
    {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
    {"role": "function", "name": "weather", "content": "Sunny"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "Rainy"},
]
REQUEST: dict[str, Any] = {
    "model": "gpt-5",
    "messages": MESSAGES,
    "tools": [TOOL],
    "n": 2,
    "seed": 42,
    "max_completion_tokens": 100,
    "temperature": 0.2,
    "top_p": 0.9,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "stop": ["END"],
    "reasoning_effort": "low",
    "service_tier": "flex",
    "response_format": {"type": "json_object"},
    "extra_body": {"top_k": 40},
}
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "prompt_tokens_details": {
        "cached_tokens": 5,
        "cache_write_tokens": 6,
        "audio_tokens": 3,
        "image_tokens": 4,
        "text_tokens": 23,
    },
    "completion_tokens_details": {
        "reasoning_tokens": 2,
        "audio_tokens": 4,
        "text_tokens": 8,
        "accepted_prediction_tokens": 1,
        "rejected_prediction_tokens": 1,
    },
}
HEADERS = {
    "x-request-id": "req_1",
    "openai-processing-ms": "12",
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "199980",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "6ms",
}
HI: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}


def answered(server: OpenAIServer, client: OpenAI) -> None:
    """Ask for everything at once, after one refusal of the server; one choice speaks, the other declines."""
    body = completion(usage=USAGE, tool_calls=[CALL], service_tier="flex", system_fingerprint="fp_1")
    spoken = {"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Good morning."}
    body["choices"][0]["message"]["audio"] = spoken
    declined = {"role": "assistant", "content": None, "refusal": "I would rather not."}
    body["choices"].append({"index": 1, "message": declined, "logprobs": None, "finish_reason": "stop"})
    server.script(
        Reply(error("Slow down"), status=429, headers={**HEADERS, "retry-after-ms": "1"}),
        Reply(body, headers=HEADERS),
    )
    with using_attributes(
        session_id="session-42",
        user_id="user-7",
        metadata={"tenant": "acme"},
        tags=["beta"],
        prompt_template="Be {how}.",
        prompt_template_version="v3",
        prompt_template_variables={"how": "brief"},
    ):
        client.chat.completions.create(**REQUEST)


def responded(server: OpenAIServer, client: OpenAI) -> None:
    """Go on from another response in a conversation, with a thought and a tool, in the background; fetch it twice."""
    thought = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "It rains."}],
        "encrypted_content": "gAAAAABo",
    }
    output = [thought, said("Bring an umbrella.")]
    server.script(
        Reply(response([], status="queued", usage=None, background=True)),
        Reply(response(output, background=True)),
        Stream(response_events(output, background=True), done=False),
        Reply({"object": "response.input_tokens", "input_tokens": 11}),
        Reply(response(output, id="resp_2", object="response.compaction")),
    )
    begun = client.responses.create(
        model="gpt-5",
        instructions="Be brief.",
        input=[thought, {"role": "user", "content": "And now?"}],  # type: ignore[list-item]  # mypy reads no unions there
        tools=[{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}],
        previous_response_id="resp_0",
        extra_body={"conversation": {"id": "conv_1"}},  # the API takes one of the two
        background=True,
    )
    client.responses.retrieve(begun.id)
    for _ in client.responses.retrieve(begun.id, stream=True, starting_after=7):
        pass
    client.responses.input_tokens.count(model="gpt-5", input="And now?")
    client.responses.compact(model="gpt-5", input="And now?")


def embedded(server: OpenAIServer, client: OpenAI) -> None:
    """Have two texts embedded, and two prompts completed in the way before chat."""
    server.script(
        Reply(embeddings([[0.25, -0.5], [1.0, 0.0]], base64_encoded=True)),
        Reply(text_completion(" king.", " queen.")),
    )
    client.embeddings.create(model="text-embedding-3-small", input=["Hello", "Bye"], encoding_format="base64")
    client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["There was a", "And a"])


def streamed(server: OpenAIServer, client: OpenAI) -> None:
    """Read a stream whose provider counts nothing."""
    server.script(Stream(chunks(["Hel", "lo"])))
    with client.chat.completions.create(**HI, stream=True) as stream:
        for _ in stream:
            pass


def failed(server: OpenAIServer, client: OpenAI) -> None:
    """Be told that the request is wrong."""
    server.script(Reply(error("No such model", code="model_not_found", param="model"), status=404, headers=HEADERS))
    with suppress(APIStatusError):
        client.chat.completions.create(**HI)


def worked() -> None:
    """Run functions of the program's own: an agent with its tool, which yields before it fails."""

    @trace(kind="tool")
    def weather(city: str) -> Iterator[str]:
        yield city
        raise ValueError

    @trace(
        kind="agent",
        model_name="gpt-5",
        session="session-42",
        user="user-7",
        tags=["beta"],
    )
    def plan(city: str) -> str:
        with suppress(ValueError):
            return "".join(weather(city))
        return "Who knows."

    template = {"template": "Be {how}.", "variables": {"how": "brief"}, "version": "v3"}
    with using(prompt_template=template):  # type: ignore[arg-type]  # mypy reads it as a plain dict
        plan("Oslo")


def toiled(server: OpenAIServer, client: OpenAI) -> None:
    """Have the SDK run a tool twice, as a program does that says much of its work; it fails the second time."""
    call = {"type": "function_call", "name": "forecast", "arguments": '{"city":"Paris"}', "status": "completed"}
    asking = [response([{**call, "id": f"fc_{number}", "call_id": f"call_{number}"}]) for number in (1, 2)]
    server.script(*(Reply(body) for body in asking))
    told = iter(["Sunny"])
    tool: Any = {"type": "function", "name": "forecast", "description": "Tells.", "parameters": {}, "strict": False}
    runner = ResponsesToolRunner(functions=[RegisteredFunction(tool, lambda _: next(told))])
    said: dict[str, Any] = {"session": "session-42", "user": "user-7", "metadata": {"tenant": "acme"}, "tags": ["beta"]}
    template = {"template": "Be {how}.", "variables": {"how": "brief"}, "version": "v3"}
    with using(**said, prompt_template=template), suppress(ToolRunnerError):  # type: ignore[arg-type]  # as above
        runner.run(client, {"model": "gpt-5", "input": "hi"})


# The provider is the process's own, and so it takes a process.
CONFIGURED = """
import json
from opentelemetry.sdk.resources import Resource
from spanglass.configure import configure
resource = configure(project="support", service="bot", environment="production").provider.resource
usual = Resource.create().attributes
print(json.dumps({key: value for key, value in resource.attributes.items() if usual.get(key) != value}))
"""


def configured() -> dict[str, Any]:
    """Return what `configure()` adds to the resource that OpenTelemetry makes by itself."""
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    command = [sys.executable, "-c", CONFIGURED]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60)  # noqa: S603 - ours
    added: dict[str, Any] = json.loads(done.stdout)
    return added


CARRIERS = {"attempt": "attempt", "plan": "function", "weather": "function", "forecast": "tool"}


class Written(NamedTuple):
    """What one span, event, metric or resource says.

    `carrier` is one of `CARRIERS`, `call`, `program` or the name of the event or of the metric.
    """

    carrier: str
    attributes: Mapping[str, Any]


def counted(reader: InMemoryMetricReader) -> Iterator[Written]:
    """Yield what each metric has been counted by."""
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield from (Written(metric.name, point.attributes or {}) for point in metric.data.data_points)


def emitted() -> list[Written]:
    """Run the programs against a real server, and collect what spans, their events, metrics and the resource say."""
    conventions = ("openinference", "spanglass", "gen_ai")
    options: dict[str, Any] = {"api_key": "test", "max_retries": 1}
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    with (
        OpenAIServer() as server,
        OpenAI(base_url=server.base_url, **options) as client,
        AzureOpenAI(azure_endpoint=server.url, api_version="2026-01-01", **options) as azure,
        captured_spans(conventions=conventions, meter_provider=meters) as captured,
    ):
        answered(server, azure)
        responded(server, client)
        embedded(server, client)
        streamed(server, client)
        failed(server, client)
        worked()
        toiled(server, client)
        spans = captured.spans
    of_spans = [Written(CARRIERS.get(span.name, "call"), span.attributes or {}) for span in spans]
    of_events = [Written(event.name, event.attributes or {}) for span in spans for event in span.events]
    return [*of_spans, *of_events, *counted(reader), Written("program", configured())]
