"""The Python that repeats a call, of spans that hold anything."""

import ast
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Tracer

from spanglass.dashboard.methods import METHODS
from spanglass.dashboard.snippet import snippet


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    """Give a tracer of the name that ours have."""
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider.get_tracer("spanglass")
    provider.shutdown()


def told(tracer: Tracer, name: str, given: str = "", **attributes: Any) -> ReadableSpan:
    """Return a span with an input, and with attributes whose names have two underscores for each dot."""
    own = {key.replace("__", "."): value for key, value in attributes.items()}
    span = tracer.start_span(name, attributes={"openinference.span.kind": "LLM", "input.value": given, **own})
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


SHA = "sha256 " + "0" * 64
ODD = (
    *("\x00", "\x1b[31m", "\r\n", "\r", "\u2028", "\x85", "\x0c", "\ud800", "\u202e", "\ufeff", "\U000e0001", "💩"),
    *(
        "'",
        '"',
        "'\"",
        "'''",
        '"""',
        "\\",
        "\\\\",
        "\\'",
        "\\n",
        "{x}",
        "{{",
        "%s",
        "#",
        "# x",
        "…",
        ")",
        "\n)",
        "\n#",
        "",
    ),
    *(
        "__REDACTED__",
        f"… [cut: 9 bytes, {SHA}]",
        f"[image/png: 9 bytes, {SHA}]",
        f"[a\nb/c: 9 bytes, {SHA}]",
        f"[image/png: {'9' * 5000} bytes, {SHA}]",
    ),
    *("data:image/png;base64," + "A" * 3000, "data:,\n" + "x" * 3000, "data:a\nimport os/b;base64," + "A" * 3000),
    *("A" * 3000, "a " * 3000, "x\n" * 300, " " * 300, "'" * 200, '"' * 200, "\\" * 200, "\n" * 200, "\udcff" * 90),
    *("\n  # \"\"\" '''\nimport os\nos.abort()\n", "[mime\n: 1", "lambda: 0", "${x}", "'); import os; os.abort() #"),
)


def bodies() -> Iterator[dict[str, Any]]:
    """Yield bodies with an odd text in every place."""
    for odd in ODD:
        yield {
            "model": odd,
            "messages": [{"role": odd, "content": odd}],
            "user": odd,
            **({odd: odd} if len(odd) < 99 else {}),
        }
        yield {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": f"{odd}\n{odd}"}]}]}
        name = odd[:99]
        yield {
            "model": "m",
            "messages": [],
            "tools": [{name: {name: [odd, 1.5, None, True, {name: []}]}}],
            "stop": [odd] * 9,
        }
    yield {"model": "m", "messages": [], "x": [float("nan"), float("inf"), -float("inf"), 10**400, -0.0, 1e-300]}
    yield {"class": 1, "def": 2, "model": 3, "messages": [], "self": 4, "extra_headers": {}, "é": 1, "a b": 2}


def test_no_text_gets_out(tracer: Tracer) -> None:
    """Whatever texts a request has, the program is the one call, with these texts as they are or named as left out."""
    for body in bodies():
        program = snippet(told(tracer, "ChatCompletion", json.dumps(body)))
        tree = ast.parse(program or "")
        called = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {ast.unparse(node.func) for node in called} - {"float"}
        keywords = next(node.keywords for node in called if ast.unparse(node.func).endswith("create"))
        sent = {keyword.arg: value(keyword.value) for keyword in keywords}
        sent |= sent.pop("extra_body", {})

        assert ({"OpenAI", "client.chat.completions.create", "print"}, shown(body)) == (names, sent)


def value(node: ast.expr) -> Any:
    """Return the value of an expression of literals, of names, which are texts, and of floats that have no literal."""
    if isinstance(node, ast.Dict):
        return {value(key): value(each) for key, each in zip(node.keys, node.values, strict=True) if key is not None}
    if isinstance(node, ast.List):
        return [value(each) for each in node.elts]
    if isinstance(node, ast.Call):
        return repr(float(ast.literal_eval(node.args[0])))
    return LEFT_OUT if isinstance(node, ast.Name) else ast.literal_eval(node)


LEFT_OUT = "left out"
MEDIA = {"data:image/png;base64," + "A" * 3000, f"[image/png: 9 bytes, {SHA}]", "A" * 3000}


def shown(given: Any) -> Any:
    """Return a value as the program is to have it."""
    if isinstance(given, dict):
        return {name: shown(each) for name, each in given.items()}
    if isinstance(given, list):
        return [shown(each) for each in given]
    if isinstance(given, float) and given - given != 0:
        return repr(given)
    return LEFT_OUT if isinstance(given, str) and given in MEDIA else given


BIG: tuple[Any, ...] = (
    ["a" * 19_000] * 500,
    ["a" * 10_000_000],
    [[1, 2, 3]] * 100_000,
    {f"name {number}": number for number in range(100_000)},
    {"n" * 1_000_000: 1},
    json.loads("[" * 500 + "]" * 500),
    json.loads('{"a":' * 500 + "1" + "}" * 500),
    ["data:image/png;base64," + "A" * 9_000_000],
    ["\\" * 19_000] * 500,
    ["\n" * 19_000] * 9,
    [f"[image/png: 9 bytes, {SHA}]"] * 30_000,
    [f"[{'a' * 1_000_000}: 9 bytes, {SHA}]"],
    json.loads("[" * 39 + ",".join(['{"a":[1]}'] * 20_000) + "]" * 39),
)


@pytest.mark.parametrize("big", BIG, ids=range(len(BIG)))
def test_it_is_no_longer_than_can_be_read(tracer: Tracer, big: Any) -> None:
    """However much was sent, the program is valid, short, made within seconds, and says what is left out."""
    begun = time.process_time()
    program = snippet(told(tracer, "ChatCompletion", json.dumps({"model": "m", "messages": [], "stop": big}))) or ""
    took = time.process_time() - begun
    ast.parse(program)

    assert (True, True, True) == (len(program) < 1_500_000, "left out here" in program, took < 10)


NO_BODIES = (
    *("", "{", "[]", "null", '"x"', "{}", "[" * 100_000, '{"messages": 1}', '{"messages": [1]}', '{"messages": null}'),
    *('{"a": NaN}', "9" * 5000, '{"messages": [{"role": 1, "content": [{"kind": 1}], "tool_calls": [{"id": 1}, 2]}]}'),
    *('{"input": null}', '{"stream": "yes"}', '{"model": {"a": 1}}', '{"prompt": 3}', '{"messages": {"role": 1}}'),
)


@pytest.mark.parametrize("given", NO_BODIES, ids=range(len(NO_BODIES)))
def test_what_is_no_body(tracer: Tracer, given: str) -> None:
    """Whatever stands where a body should, the program is valid Python."""
    for name in METHODS:
        more = {"gen_ai.input.messages": given, "gen_ai.tool.definitions": given, "llm.tools.0.tool.json_schema": given}
        span = told(tracer, name, given, llm__system="openai", llm__invocation_parameters=given, **more)
        ast.parse(snippet(span) or "")


PLACES: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "OpenAI()"),
    ({"server.address": "api.openai.com", "server.port": 443}, "OpenAI()"),
    ({"server.address": "evil\n.example"}, "OpenAI()"),
    ({"server.address": 'x")\nimport os'}, "OpenAI()"),
    ({"url.full": "https://api.openai.com/v1/chat/completions"}, "OpenAI()"),
    ({"url.full": "http://[::1"}, "OpenAI()"),
    ({"url.full": "http://[a:b]/chat/completions"}, "OpenAI()"),
    ({"url.full": "http://evil.example\\@localhost/chat/completions"}, "OpenAI()"),
    ({"url.full": "http://localhost\t.evil.example/chat/completions"}, "OpenAI()"),
    ({"url.full": "https://localhost@evil.example/chat/completions"}, "OpenAI()"),
    ({"url.full": "file://localhost/chat/completions"}, "OpenAI()"),
    ({"server.address": "evil.example:80"}, "OpenAI()"),
    ({"server.address": ":"}, "OpenAI()"),
    ({"server.address": "localhost", "server.port": 11434}, "OpenAI(base_url='http://localhost:11434/v1')"),
    ({"server.address": "::1", "server.port": 80}, "OpenAI(base_url='http://[::1]/v1')"),
    (
        {"server.address": "evil.example", "server.port": 443},
        "OpenAI(base_url='https://evil.example/v1', api_key=os.environ['OTHER_API_KEY'])",
    ),
    (
        {"url.full": 'http://x/"\nimport os\n"/chat/completions'},
        "OpenAI(base_url='http://x/\"\\nimport os\\n\"', api_key=os.environ['OTHER_API_KEY'])",
    ),
    (
        {"server.address": "mine.openai.azure.com", "server.port": 443},
        "AzureOpenAI(azure_endpoint='https://mine.openai.azure.com', api_version='2024-10-21')",
    ),
    (
        {"url.full": "https://mine.openai.azure.com/openai/deployments/d%20e/chat/completions?api-version=v"},
        "AzureOpenAI(azure_endpoint='https://mine.openai.azure.com', api_version='v', azure_deployment='d e')",
    ),
    (
        {"url.full": "https://mine.openai.azure.com/openai/v1/chat/completions"},
        "OpenAI(base_url='https://mine.openai.azure.com/openai/v1', api_key=os.environ['AZURE_OPENAI_API_KEY'])",
    ),
    (
        {"url.full": "https://evil.westus.cloudapp.azure.com/openai/v1/chat/completions"},
        ("OpenAI(base_url='https://evil.westus.cloudapp.azure.com/openai/v1', api_key=os.environ['OTHER_API_KEY'])"),
    ),
    (
        {
            "url.full": "https://evil.example/openai/deployments/d/chat/completions?api-version=v",
            "llm.provider": "azure",
        },
        (
            "AzureOpenAI(azure_endpoint='https://evil.example', api_version='v', azure_deployment='d', "
            "api_key=os.environ['OTHER_API_KEY'])"
        ),
    ),
    (
        {"url.full": "http://localhost:8080/gateway/openai/deployments/d/chat/completions?api-version=v"},
        "AzureOpenAI(azure_endpoint='http://localhost:8080/gateway', api_version='v', azure_deployment='d')",
    ),
    (
        {"url.full": "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions"},
        (
            "OpenAI(base_url='https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1', "
            "api_key=os.environ['AWS_BEARER_TOKEN_BEDROCK'])"
        ),
    ),
    (
        {"url.full": "https://ec2-192-0-2-1.compute-1.amazonaws.com/v1/chat/completions"},
        ("OpenAI(base_url='https://ec2-192-0-2-1.compute-1.amazonaws.com/v1', api_key=os.environ['OTHER_API_KEY'])"),
    ),
)


@pytest.mark.parametrize(("attributes", "client"), PLACES, ids=range(len(PLACES)))
def test_where_it_asks(tracer: Tracer, attributes: dict[str, Any], client: str) -> None:
    """The client asks where the call was sent to; a key goes to whom it is for, or to this machine."""
    program = snippet(
        told(tracer, "ChatCompletion", '{"model": "m", "messages": []}', llm__system="openai", **attributes)
    )
    made = next(node for node in ast.parse(program or "").body if isinstance(node, ast.Assign))

    assert client == ast.unparse(made.value)


OTHERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "chat gpt-4o",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.stop_sequences": ("a", "b"),
            "gen_ai.system_instructions": '[{"type":"text","content":"Be short."}]',
            "gen_ai.input.messages": json.dumps(
                [
                    {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
                    {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}]},
                    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "ok"}]},
                ]
            ),
            "server.address": "api.openai.com",
            "server.port": 443,
        },
        """\
from openai import OpenAI

client = OpenAI()

response = client.chat.completions.create(
    model="gpt-4o",
    messages=[
        {"role": "system", "content": [{"type": "text", "text": "Be short."}]},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "content": "ok", "tool_call_id": "c"},
    ],
    temperature=0.5,
    stop=["a", "b"],
)
print(response)
""",
    ),
    (
        "ChatOpenAI",
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.model_name": "llama",
            "llm.provider": "groq",
            "llm.invocation_parameters": '{"temperature": 1, "_type": "openai-chat"}',
            "input.value": '{"messages": [[{"lc": 1}]]}',
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Hi",
            "server.address": "api.groq.com",
        },
        """\
import os

from openai import OpenAI

client = OpenAI(
    base_url="https://api.groq.com/openai/v1",
    api_key=os.environ["GROQ_API_KEY"],
)

response = client.chat.completions.create(
    model="llama",
    messages=[{"role": "user", "content": "Hi"}],
    temperature=1,
)
print(response)
""",
    ),
)


def by_others(name: str, attributes: dict[str, Any]) -> ReadableSpan:
    """Return a span that somebody else has recorded."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("other").start_span(name, attributes=attributes)
    span.end()
    provider.shutdown()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize(("name", "attributes", "program"), OTHERS, ids=["gen_ai", "openinference"])
def test_spans_of_others(name: str, attributes: dict[str, Any], program: str) -> None:
    """A span that somebody else has recorded is made a program of its messages and parameters."""
    assert program == snippet(by_others(name, attributes))


NO_CALLS: tuple[dict[str, Any], ...] = (
    {},
    {"openinference.span.kind": "CHAIN", "input.value": '{"messages": [{"role": "user", "content": "Hi"}]}'},
    {"openinference.span.kind": "TOOL", "input.value": "{}"},
    {"openinference.span.kind": "LLM"},
    {"openinference.span.kind": "LLM", "llm.system": "anthropic", "input.value": '{"messages": [{"role": "user"}]}'},
    {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude", "gen_ai.provider.name": "anthropic"},
    {"gen_ai.operation.name": "execute_tool"},
    {"http.request.method": "POST"},
)


@pytest.mark.parametrize("attributes", NO_CALLS, ids=range(len(NO_CALLS)))
def test_what_is_no_call(attributes: dict[str, Any]) -> None:
    """A span that is no call by the SDK has no program."""
    assert snippet(by_others("attempt", attributes)) is None


def test_a_function_named_as_a_call_is(tracer: Tracer) -> None:
    """A function of the program's own is no call, whatever it is called."""
    assert snippet(told(tracer, "Response", "{}", openinference__span__kind="CHAIN")) is None
