"""The Python that repeats a call: run, it sends what the call has sent."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from openai import AzureOpenAI, OpenAI
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.dashboard.methods import METHODS
from spanglass.dashboard.snippet import snippet
from spanglass.export.otlp_json import lines
from spanglass.export.otlp_spans import SpanReader
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, captured_spans, error, response

Calling = Callable[[Any], Any]

ASK = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Köln", "Paris"]}, "days": {"type": ["integer", "null"]}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER, "strict": True}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
LONG = "A sentence that is said again, and \"again\", and 'again'.\n" * 40 + "x" * 300

CHATS: tuple[dict[str, Any], ...] = (
    {},
    {"stream": True},
    {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0.0, "top_p": 1, "stop": ["\n", "END"]},
    {"stream": False, "max_completion_tokens": 10, "logit_bias": {"50256": -100}, "seed": None, "n": 1, "user": "ü"},
    {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
    },
    {"response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}}},
    {"response_format": {"type": "json_object"}, "metadata": {"a": "b", 'quote"': "'"}},
    {
        "extra_body": {
            "top_k": 3,
            "guided json": {"a": [1, 2.5, None, True]},
            "class": "x",
            "timeout": 3,
            "temperature": 2,
        }
    },
    {"messages": [{"role": "system", "content": LONG}, {"role": "developer", "content": ""}, *ASK]},
    {
        "messages": [
            *ASK,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "17 °C"},
            {"role": "assistant", "content": "It is warm.", "name": "bot", "refusal": None},
            {"role": "user", "content": [{"type": "text", "text": "And here?"}]},
        ]
    },
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png?b=c", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                ],
            }
        ]
    },
)
INPUTS: tuple[Any, ...] = (
    "Hi",
    [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_image", "file_id": "file-1"}]}],
    [
        {"type": "message", "role": "user", "content": "How warm is it?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "function_call", "call_id": "c", "name": "weather", "arguments": '{"city":"Köln"}'},
        {"type": "function_call_output", "call_id": "c", "output": "17 °C"},
        {"type": "item_reference", "id": "msg_1"},
    ],
)
RESPONSES: tuple[dict[str, Any], ...] = (
    *({"input": given} for given in INPUTS),
    {"input": "Hi", "stream": True},
    {"input": "Hi", "instructions": LONG, "reasoning": {"effort": "low", "summary": "auto"}, "store": False},
    {"input": "Hi", "text": {"format": {"type": "json_schema", "name": "w", "schema": WEATHER}}, "truncation": "auto"},
    {"input": "Hi", "tools": [{"type": "function", "name": "weather", "parameters": WEATHER}, {"type": "web_search"}]},
    {"input": "Hi", "previous_response_id": "resp_0", "include": ["reasoning.encrypted_content"], "metadata": {}},
    {"prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Köln"}}, "extra_body": {"mine": {"a": None}}},
)


def chatting(more: Mapping[str, Any]) -> Calling:
    """Return what makes a chat completion."""
    return lambda client: client.chat.completions.create(**{"model": "gpt-4o-mini", "messages": ASK, **more})


def responding(more: Mapping[str, Any]) -> Calling:
    """Return what makes a response."""
    return lambda client: client.responses.create(model="gpt-5-mini", **more)


CALLS: dict[str, Calling] = {
    **{f"chat {number}": chatting(more) for number, more in enumerate(CHATS)},
    **{f"response {number}": responding(more) for number, more in enumerate(RESPONSES)},
    "without a model": lambda client: client.responses.create(prompt={"id": "pmpt_1"}),
    "embeddings": lambda client: client.embeddings.create(model="e", input=["a", LONG], dimensions=2, user="u"),
    "embeddings of tokens": lambda client: client.embeddings.create(
        model="e", input=[[1, 2], [3]], encoding_format="float"
    ),
    "completion": lambda client: client.completions.create(model="t", prompt=["a", "b"], max_tokens=3, suffix="!"),
    "completion of tokens": lambda client: client.completions.create(model="t", prompt=[1, 2, 3], echo=True),
    "completion streamed": lambda client: client.completions.create(model="t", prompt="a", stream=True),
    "parse": lambda client: client.chat.completions.parse(model="gpt-4o-mini", messages=ASK),
    "raw": lambda client: client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASK),
    "post": lambda client: client.post("/chat/completions", cast_to=object, body={"model": "m", "messages": ASK}),
}
SCRIPTED: dict[str, Calling] = {
    "retrieve": lambda client: client.responses.retrieve("resp_1/ü", include=["message.output_text.logprobs"]),
    "retrieve after": lambda client: client.responses.retrieve("resp_1", starting_after=3, extra_query={"more": "x"}),
    "cancel": lambda client: client.responses.cancel("resp_1"),
    "compact": lambda client: client.responses.compact(model="gpt-5", input=INPUTS[2], instructions="Be short."),
    "count": lambda client: client.responses.input_tokens.count(
        model="gpt-5", input="Hi", tools=[{"type": "web_search"}]
    ),
}


def kept(span: ReadableSpan) -> ReadableSpan:
    """Return a span as the dashboard has it."""
    (line,) = lines([span])
    (read,) = SpanReader().read(json.loads(line))
    return read


def run(program: str | None) -> None:
    """Run a program in this process."""
    assert program is not None
    exec(compile(program, "snippet.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - it is what is tested


def used(answer: Any) -> None:
    """Read a stream to its end."""
    if isinstance(answer, Iterable) and hasattr(answer, "response"):
        for _ in answer:
            pass


def asked(server: OpenAIServer) -> list[tuple[str, str, Any]]:
    """Return what the server was asked."""
    return [(one.method, one.path, json.loads(one.body) if one.body else None) for one in server.journal]


@pytest.mark.parametrize("name", [*CALLS, *SCRIPTED])
def test_repeats_the_call(
    server: OpenAIServer, captured: CapturedSpans, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program sends the same request to the same server."""
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    if name in SCRIPTED:
        server.script(*[Reply(response())] * 2)
    with OpenAI(base_url=server.base_url, api_key="test", max_retries=0) as client:
        used((CALLS | SCRIPTED)[name](client))
    (span,) = captured.spans
    run(snippet(kept(span)))
    first, again = asked(server)

    assert first == again


def test_is_a_program(server: OpenAIServer, captured: CapturedSpans) -> None:
    """It runs as it stands, and prints what comes."""
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        client.responses.create(model="m", input="Hi")
    (span,) = captured.spans
    done = subprocess.run(  # noqa: S603 - this interpreter, and a program of ours
        [sys.executable, "-c", snippet(kept(span)) or ""],
        env={"OPENAI_API_KEY": "test"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ("Response(id='resp_test'", "") == (done.stdout[:23], done.stderr)


def test_by_azure(server: OpenAIServer, captured: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of Azure's client is repeated by it; the version of the API is a comment's where nothing tells it."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "test")
    with AzureOpenAI(azure_endpoint=server.url, api_key="test", api_version="2024-10-21") as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    (span,) = captured.spans
    program = snippet(kept(span))
    run(program)
    first, again = asked(server)

    assert (first, True) == (again, '"2024-10-21",  # which one it was is not recorded\n' in (program or ""))


def test_attempts_tell_the_url(server: OpenAIServer, captured: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where attempts are there, the program asks at the very place: path, deployment and version of the API."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    again = Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"})
    with AzureOpenAI(
        azure_endpoint=server.url, azure_deployment="mine", api_key="test", api_version="2023-05-15"
    ) as azure:
        server.script(again)
        azure.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    with OpenAI(base_url=f"{server.url}/my/api", api_key="test") as client:
        server.script(again)
        client.embeddings.create(model="e", input="a")
    spans = [kept(span) for span in captured.spans]
    for span in spans:
        if span.name != "attempt":
            run(snippet(span, spans))
    tried, _, tried_too, _, repeated, repeated_too = asked(server)

    assert [tried, tried_too] == [repeated, repeated_too]
    assert [None] * 4 == [snippet(span, spans) for span in spans if span.name == "attempt"]


HIDDEN: tuple[tuple[dict[str, str], str], ...] = (
    (
        {"SPANGLASS_CONTENT": "off"},
        """\
response = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[
        {
            "role": "user",
            "content": "__REDACTED__",  # hidden when it was recorded
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {
                        "name": "…",  # not recorded
                        "arguments": "…",  # not recorded
                    },
                },
            ],
        },
    ],
    temperature=0.5,
)
print(response)
""",
    ),
    (
        {"OPENINFERENCE_HIDE_INPUT_TEXT": "true"},
        """\
response = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "__REDACTED__",  # hidden when it was recorded
                },
                {
                    "type": "image_url",
                    "image_url": {"url": "https://example.com/a.png"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "arguments": "__REDACTED__",  # hidden when it was recorded
                    },
                },
            ],
        },
    ],
    temperature=0.5,
)
print(response)
""",
    ),
    (
        {"OPENINFERENCE_HIDE_INPUTS": "true"},
        """\
response = client.chat.completions.create(
    model="gpt-4o-mini",
    messages="…",  # not recorded
    temperature=0.5,
)
print(response)
""",
    ),
)


@pytest.mark.parametrize(("variables", "call"), HIDDEN, ids=["all", "text", "inputs"])
def test_what_was_hidden(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], call: str
) -> None:
    """What was hidden when the call was recorded is in its place, with a comment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    parts: list[Any] = [
        {"type": "text", "text": "Hi"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    messages: list[Any] = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    ]
    with captured_spans() as captured, OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=messages, temperature=0.5)
    (span,) = captured.spans

    assert call == (snippet(kept(span)) or "").split("\n\n", 2)[2]


HIDDEN_RESPONSES: dict[str, str] = {
    "OPENINFERENCE_HIDE_INPUTS": """\
response = client.responses.create(
    model="m",
    input="…",  # not recorded
    temperature=0.5,
)
print(response)
""",
    "OPENINFERENCE_HIDE_INPUT_TEXT": """\
response = client.responses.create(
    model="m",
    input=[
        {
            "role": "system",
            "content": "__REDACTED__",  # hidden when it was recorded
        },
        {
            "role": "user",
            "content": "__REDACTED__",  # hidden when it was recorded
        },
    ],
    temperature=0.5,
)
print(response)
""",
}


@pytest.mark.parametrize("variable", HIDDEN_RESPONSES)
def test_what_was_hidden_of_a_response(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """So it is by the other API, where an input is not needed by every call, but by this one."""
    monkeypatch.setenv(variable, "true")
    with captured_spans() as captured, OpenAI(base_url=server.base_url, api_key="test") as client:
        client.responses.create(model="m", input="Hi", instructions="Be short.", temperature=0.5)
    (span,) = captured.spans

    assert HIDDEN_RESPONSES[variable] == (snippet(kept(span)) or "").split("\n\n", 2)[2]


def test_the_methods_take_what_the_sdk_says() -> None:
    """The table of what the SDK's methods take is that of the SDK."""
    client = OpenAI(api_key="test")
    own = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
    found: dict[str, set[str]] = {}
    for method in METHODS.values():
        called: Any = client
        for part in method.name.split("."):
            called = getattr(called, part)
        found[method.name] = {*inspect.signature(called).parameters} - own
    client.close()

    assert {method.name: {*method.takes} for method in METHODS.values()} == found
