"""`spanglass show`: what it tells of each trace of a file, which ones it shows, and what no content can do."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest
from recorded import CALL, WEATHER, ask, client, made, run, says, settled, shell

from spanglass import trace, using
from spanglass.testing import (
    CapturedSpans,
    HangUp,
    OpenAIServer,
    Reply,
    Stall,
    Stream,
    chunks,
    completion,
    error,
    response,
    response_events,
    said,
)

Save = Callable[[], Path]


@pytest.fixture
def save(tmp_path: Path, captured: CapturedSpans) -> Save:
    """Give what saves the spans of the test so far, and returns the file's path."""

    def save() -> Path:
        path = tmp_path / "trace.jsonl"
        path.write_text(settled(captured.spans), "utf-8")
        return path

    return save


@pytest.fixture
def api(server: OpenAIServer) -> Iterator[openai.OpenAI]:
    """Give a client of the server that is closed in the end."""
    with client(server) as api:
        yield api


def test_an_agent_with_a_tool(server: OpenAIServer, save: Save) -> None:
    """Under a function stand its calls with their attempts, what was said, and the tool that ran in between."""

    @trace(kind="TOOL")
    def weather(city: str) -> str:
        return f"21 degrees in {city}"

    @trace(session="s-1", user="Ann")
    def answer(question: str) -> str:
        asking: list[Any] = [says("system", "Be brief."), says("user", question)]
        called = ask(openai_client, *asking, tools=[WEATHER]).choices[0].message
        asking += [called.model_dump(exclude_none=True), says("tool", weather("Paris"), tool_call_id="call_1")]
        return str(ask(openai_client, *asking, tools=[WEATHER]).choices[0].message.content)

    openai_client = client(server)
    server.script(
        Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1", "x-request-id": "req_1"}),
        Reply(completion(None, tool_calls=[CALL], finish_reason="tool_calls")),
        Reply(completion("It is warm.")),
    )
    answer("How warm is Paris?")
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  110 ms
└── answer (CHAIN)  +0 ms  110 ms  OK
    session s-1, user Ann
    input: How warm is Paris?
    output: It is warm.
    ├── ChatCompletion  +10.0 ms  50.0 ms  OK
    │   gpt-4o-mini, tokens 9 in + 2 out, tool_calls, 2 attempts
    │   system: Be brief.
    │   user: How warm is Paris?
    │   assistant: weather({"city":"Paris"})
    │   ├── attempt 1  +20.0 ms  10.0 ms  FAILED  HTTP 429
    │   │   request id req_1, waited 500 ms, as the server asked
    │   │   (retry-after-ms)
    │   └── attempt 2  +40.0 ms  10.0 ms  OK  HTTP 200
    ├── weather (TOOL)  +70.0 ms  10.0 ms  OK
    │   input: Paris
    │   output: 21 degrees in Paris
    └── ChatCompletion  +90.0 ms  10.0 ms  OK
        gpt-4o-mini, tokens 9 in + 2 out, stop
        system: Be brief.
        user: How warm is Paris?
        assistant: weather({"city":"Paris"})
        tool call_1: 21 degrees in Paris
        assistant: It is warm.
"""

    assert expected == run("show", save()).stdout


THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Look out of the window."}],
}
FUNCTION_CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Paris"}',
}


def test_a_conversation_by_responses(server: OpenAIServer, api: openai.OpenAI, save: Save) -> None:
    """A response tells its instructions, thoughts, calls and answer, and, where it has come to no end, why."""
    server.script(
        Reply(response([THOUGHT, FUNCTION_CALL])),
        Stream(response_events(["It is ", "warm."]), done=False),
        Reply(response("It is", status="incomplete", incomplete_details={"reason": "max_output_tokens"})),
    )
    how: dict[str, Any] = {"model": "gpt-4o-mini", "instructions": "Be brief."}
    asked: list[Any] = [{"role": "user", "content": "How warm is Paris?"}]
    asked += api.responses.create(input=asked, **how).output
    asked += [{"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"}]
    list(api.responses.create(input=asked, stream=True, **how))
    api.responses.create(input="How warm is Paris?", **how)
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── Response  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, completed
    system: Be brief.
    user: How warm is Paris?
    assistant: [reasoning Look out of the window.]
    assistant: weather({"city":"Paris"})

00020002000200020002000200020002  2023-11-14 22:13:20.020 UTC  10.0 ms
└── Response  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, stream completed after 10 chunks, the
    first after 25.0 ms
    ... 1 message before
    user: How warm is Paris?
    assistant: [reasoning Look out of the window.]
    assistant: weather({"city":"Paris"})
    tool call_1: 21 degrees
    assistant: It is warm.

00030003000300030003000300030003  2023-11-14 22:13:20.040 UTC  10.0 ms
└── Response  +0 ms  10.0 ms  INCOMPLETE
    gpt-4o-mini, tokens 9 in + 2 out, max_output_tokens
    system: Be brief.
    user: How warm is Paris?
    assistant: It is
"""

    assert expected == run("show", save()).stdout


def test_tools_of_the_provider(server: OpenAIServer, api: openai.OpenAI, save: Save) -> None:
    """Of a tool that the provider runs, the call comes before what it gave."""
    found = {"type": "search", "query": "rain", "sources": [{"type": "url", "url": "https://h"}]}
    looked = {"name": "look", "arguments": "{}", "output": "21 degrees"}
    hosted: list[Any] = [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": found},
        {"id": "m_1", "type": "mcp_call", "server_label": "s", **looked},
    ]
    server.script(Reply(response([*hosted, said("Warm.")])))
    api.responses.create(model="gpt-4o-mini", input="How warm is Paris?")
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── Response  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, completed
    user: How warm is Paris?
    assistant: web_search({"type":"search","query":"rain"})
    assistant: [{"type":"url","url":"https://h"}]
    assistant: look({})
    assistant: 21 degrees
    assistant: Warm.
"""

    assert expected == run("show", save()).stdout


def test_a_response_in_the_background(server: OpenAIServer, api: openai.OpenAI, save: Save) -> None:
    """Who fetches a response tells how far it is, what began it, and its tokens, which count the first time only."""

    @trace
    def wait() -> None:
        begun = api.responses.create(model="gpt-4o-mini", input="Hi", background=True)
        for _ in range(3):
            api.responses.retrieve(begun.id)

    server.script(
        Reply(response([], status="queued", usage=None, background=True)),
        Reply(response([], status="in_progress", usage=None, background=True)),
        Reply(response(background=True)),
        Reply(response(background=True)),
    )
    wait()
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  90.0 ms
└── wait (CHAIN)  +0 ms  90.0 ms  OK
    ├── Response  +10.0 ms  10.0 ms  OK
    │   gpt-4o-mini, queued
    │   user: Hi
    ├── RetrieveResponse  +30.0 ms  10.0 ms  OK
    │   gpt-4o-mini, in_progress, begun by span 0000000000000002
    ├── RetrieveResponse  +50.0 ms  10.0 ms  OK
    │   gpt-4o-mini, tokens 9 in + 2 out, completed, begun by span
    │   0000000000000002
    │   assistant: Hello
    └── RetrieveResponse  +70.0 ms  10.0 ms  OK
        gpt-4o-mini, tokens 9 in + 2 out (not counted here), completed, begun by
        span 0000000000000002
        assistant: Hello
"""

    assert expected == run("show", save()).stdout


def test_vectors_and_prompts(api: openai.OpenAI, save: Save) -> None:
    """Embeddings tell what was embedded and how many vectors came, and completions before chat prompts and texts."""
    api.embeddings.create(model="text-embedding-3-small", input=[f"Text {number}" for number in range(6)])
    api.completions.create(model="davinci-002", prompt=["Once", "Twice"])
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── CreateEmbeddings  +0 ms  10.0 ms  OK
    text-embedding-3-small, tokens 9 in
    6 vectors of 2 dimensions
    text: Text 0
    text: Text 1
    text: Text 2
    text: Text 3
    ... 2 texts more

00020002000200020002000200020002  2023-11-14 22:13:20.020 UTC  10.0 ms
└── Completion  +0 ms  10.0 ms  OK
    davinci-002, tokens 9 in + 2 out, stop
    prompt: Once
    prompt: Twice
    completion: Hello
    completion: Hello
"""

    assert expected == run("show", save()).stdout


def several(server: OpenAIServer, **headers: str) -> None:
    """Make five traces: a stream read, one left early, a call that failed, one that was tried twice, a hidden one."""
    openai_client = client(server)
    server.script(
        Stream(chunks(usage={"prompt_tokens": 1200, "completion_tokens": 2, "total_tokens": 1202})),
        Stream(chunks(["Hel", "lo"])),
        Reply(error("No such model", code="model_not_found"), status=404, headers={"x-request-id": "req_2"}),
        Reply(error("Again"), status=500, headers=headers),
    )
    list(ask(openai_client, "Read it all.", stream=True))
    with ask(openai_client, "Leave early.", stream=True) as stream:
        for _ in range(2):
            next(stream)
    with suppress(openai.NotFoundError):
        ask(openai_client, "Fail.")
    ask(openai_client, "Try again.")
    with using(content="off"):
        ask(openai_client, "Hide it.")


def test_streams_and_failures(server: OpenAIServer, save: Save) -> None:
    """A stream tells how it went, a failure its error and its request id, and what is hidden only that it is."""
    several(server)
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── ChatCompletion  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 1,200 in + 2 out, stream completed after 5 chunks, the
    first after 25.0 ms, stop
    user: Read it all.
    assistant: Hello

00020002000200020002000200020002  2023-11-14 22:13:20.020 UTC  10.0 ms
└── ChatCompletion  +0 ms  10.0 ms  INCOMPLETE
    gpt-4o-mini, tokens ~1 out, stream closed after 2 chunks, the first after
    25.0 ms
    user: Leave early.
    assistant: Hel

00030003000300030003000300030003  2023-11-14 22:13:20.040 UTC  30.0 ms
└── ChatCompletion  +0 ms  30.0 ms  FAILED
    gpt-4o-mini, request id req_2
    error: NotFoundError: Error code: 404 - No such model
    user: Fail.
    └── attempt 1  +10.0 ms  10.0 ms  FAILED  HTTP 404
        request id req_2

00040004000400040004000400040004  2023-11-14 22:13:20.080 UTC  50.0 ms
└── ChatCompletion  +0 ms  50.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, stop, 2 attempts
    user: Try again.
    assistant: Hello
    ├── attempt 1  +10.0 ms  10.0 ms  FAILED  HTTP 500
    │   waited 500 ms, as the SDK chose
    └── attempt 2  +30.0 ms  10.0 ms  OK  HTTP 200

00050005000500050005000500050005  2023-11-14 22:13:20.140 UTC  10.0 ms
└── ChatCompletion  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, stop
    user: __REDACTED__
    assistant: __REDACTED__
"""

    assert expected == run("show", save()).stdout


def test_a_cancelled_stream(server: OpenAIServer, save: Save) -> None:
    """A stream whose task was cancelled shows what had arrived, and that it is not all."""

    async def read(stream: Any, arrived: asyncio.Event) -> None:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                arrived.set()

    async def leave() -> None:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="test") as asking:
            create: Any = asking.chat.completions.create
            stream = await create(model="gpt-4o-mini", messages=[says("user", "Go on.")], stream=True)
            arrived = asyncio.Event()
            task = asyncio.create_task(read(stream, arrived))
            await arrived.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    server.script(Stream([*chunks(["Hel"], finish_reason=None), Stall()]))
    asyncio.run(leave())
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── ChatCompletion  +0 ms  10.0 ms  INCOMPLETE
    gpt-4o-mini, tokens ~1 out, stream cancelled after 2 chunks, the first after
    25.0 ms
    user: Go on.
    assistant: Hel
"""

    assert expected == run("show", save()).stdout


def test_an_attempt_without_an_answer(server: OpenAIServer, save: Save) -> None:
    """An attempt that no status came of says what happened instead."""
    server.script(HangUp())
    ask(client(server), "Hi")
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  50.0 ms
└── ChatCompletion  +0 ms  50.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, stop, 2 attempts
    user: Hi
    assistant: Hello
    ├── attempt 1  +10.0 ms  10.0 ms  FAILED  RemoteProtocolError: Server
    │   disconnected without sending a response.
    │   waited 500 ms, as the SDK chose
    └── attempt 2  +30.0 ms  10.0 ms  OK  HTTP 200
"""

    assert expected == run("show", save()).stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "12345"),
        (["--errors"], "3"),
        (["--retried"], "4"),
        (["--slow", "0.03"], "34"),
        (["--slow", "30 ms"], "34"),
        (["--slow", "31ms"], "4"),
        (["--slow", ".05s"], "4"),
        (["--slow", "1m"], ""),
        (["--trace", "0002"], "2"),
        (["--trace", "00050005000500050005000500050005"], "5"),
        (["--trace", "000"], "12345"),
        (["--errors", "--slow", "10ms"], "3"),
        (["--errors", "--retried"], ""),
        (["--trace", "0004", "--errors"], ""),
    ],
)
def test_options_narrow_down(server: OpenAIServer, save: Save, options: list[str], expected: str) -> None:
    """Each option chooses traces, and several choose those that each of them does; that there are none is said."""
    several(server, **{"retry-after-ms": "1"})
    path = save()
    shown = run("show", path, *options)
    traces = [line[3] for line in shown.stdout.splitlines() if line.endswith(" ms") and " UTC " in line]

    assert (expected, "" if expected else f"{path} has no such trace.\n", 0) == (
        "".join(traces),
        shown.stderr,
        shown.exit_code,
    )


def conversation(server: OpenAIServer, length: int) -> None:
    """Make a call at the end of a conversation that is so long."""
    messages = [says("assistant" if number % 2 else "user", f"message {number}") for number in range(1, length)]
    ask(client(server), *messages, says("user", "The last\n  of all: " + "word " * 30), temperature=0.5)


def test_a_long_conversation_ends_as_it_does(server: OpenAIServer, save: Save) -> None:
    """Of a conversation the last messages are shown, each cut to a line, and how many there are before."""
    conversation(server, 8)
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms
└── ChatCompletion  +0 ms  10.0 ms  OK
    gpt-4o-mini, tokens 9 in + 2 out, stop
    ... 4 messages before
    assistant: message 5
    user: message 6
    assistant: message 7
    user: The last of all: word word word word word word word word word word...
    assistant: Hello
"""

    assert expected == run("show", save()).stdout


def test_folded_messages_are_more_than_are_listed(server: OpenAIServer, save: Save) -> None:
    """Where a span had to fold a conversation, the messages before are not counted for more than they are."""
    conversation(server, 200)
    line = next(line for line in run("show", save()).stdout.splitlines() if line.endswith(" before"))

    assert "    ... more than 46 messages before" == line


def test_one_trace_is_shown_whole(server: OpenAIServer, save: Save) -> None:
    """A trace that is asked for has all of its messages, also those that the span folded, and all of their lines."""
    conversation(server, 200)
    expected = [
        "00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms",
        "└── ChatCompletion  +0 ms  10.0 ms  OK",
        "    gpt-4o-mini, tokens 9 in + 2 out, stop",
        '    parameters: {"model":"gpt-4o-mini","temperature":0.5}',
        *(f"    {'assistant' if number % 2 else 'user'}: message {number}" for number in range(1, 200)),
        "    user: The last",
        "        of all: word word word word word word word word word word word word word",
        "    word word word word word word word word word word word word word word word",
        "    word word",
        "    assistant: Hello",
    ]
    assert expected == run("show", save(), "--trace", "0001").stdout.splitlines()


def test_the_whole_of_a_failure(tmp_path: Path) -> None:
    """What a trace that is asked for has of tools, exceptions and parts of messages is shown in full."""
    path = tmp_path / "trace.jsonl"
    error_text = "x" * 500
    path.write_text(
        made(
            1,
            "ChatCompletion",
            {
                "openinference.span.kind": "LLM",
                "llm.tools.0.tool.json_schema": '{"type":"function"}',
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
                "llm.input_messages.0.message.contents.0.message_content.text": "What is this?",
                "llm.input_messages.0.message.contents.1.message_content.type": "image",
                "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://example.com/a",
                "llm.input_messages.1.message.role": "assistant",
                "llm.input_messages.1.message.function_call_name": "look",
                "llm.input_messages.1.message.function_call_arguments_json": "{}",
            },
            failed=error_text,
        ),
        "utf-8",
    )
    shown = run("show", path, "--trace", "0001").stdout
    told = "".join(line[4:] for line in shown.splitlines()[2:])

    assert told == (
        f"error:{error_text}"
        'tool offered: {"type":"function"}'
        "user: What is this?"
        "user: [image https://example.com/a]"
        "assistant: look({})"
    )


def test_what_a_call_cost(tmp_path: Path) -> None:
    """A call whose price is known has it, and the tokens that came from the cache."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o-mini-2024-07-18",
        "llm.response.model_name": "gpt-4o-mini-2024-07-18",
        "llm.token_count.prompt": 20_000_000,
        "llm.token_count.completion": 100_000,
        "llm.token_count.prompt_details.cache_read": 10_000_000,
    }
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", told), "utf-8")
    line = "    gpt-4o-mini-2024-07-18, tokens 20,000,000 in (10,000,000 cached) + 100,000\n    out, $2.31\n"

    assert line == "".join(run("show", path).stdout.splitlines(keepends=True)[2:])


def test_numbers_that_cannot_be(tmp_path: Path) -> None:
    """Times and counts of more than 64 bits, which only a broken file has, are no reason to fail."""
    path = tmp_path / "trace.jsonl"
    told = {
        "openinference.span.kind": "LLM",
        "llm.token_count.prompt": 10**400,
        "spanglass.attempt.count": float("nan"),
    }
    path.write_text(made(1, "ChatCompletion", told, end=1e30), "utf-8")
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  7,523,372,037 s
└── ChatCompletion  +0 ms  7,523,372,037 s  OK
"""

    assert expected == run("show", path).stdout


def test_a_folded_conversation_whose_input_was_cut(tmp_path: Path) -> None:
    """Where the whole of what was sent is not there either, a trace that is asked for has what there is."""
    told = {
        "openinference.span.kind": "LLM",
        "input.value": '{"messages": [{"role": "us… [cut',
        "llm.input_messages.0.message.role": "folded",
        "llm.input_messages.0.message.content": "3 messages are folded here",
    }
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", told), "utf-8")

    assert ["    folded: 3 messages are folded here"] == run("show", path, "--trace", "0001").stdout.splitlines()[2:]


@pytest.mark.parametrize("options", [(), ("--trace", "0001")])
def test_no_content_commands_the_terminal(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Escapes, controls and bidi marks are spelled out wherever they stand, and markup is text."""
    hostile = "[red]a[/]\x1b[31mb\x07\x9bc\u202ed\r\x00 :smile: \u2028e"
    names = (
        "llm.model_name", "llm.finish_reason", "session.id", "user.id", "spanglass.stream.outcome", "metadata",
        "llm.input_messages.0.message.role", "llm.input_messages.0.message.content",
        "llm.input_messages.0.message.tool_calls.0.tool_call.function.name",
        "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments",
        "llm.tools.0.tool.json_schema", "llm.invocation_parameters",
    )  # fmt: skip
    path = tmp_path / "trace.jsonl"
    call = made(1, hostile, {**dict.fromkeys(names, hostile), "openinference.span.kind": "LLM"}, failed=hostile)
    work = made(2, hostile, {"openinference.span.kind": hostile, "input.value": hostile}, parent=1)
    path.write_text(call + work, "utf-8")
    shown = run("show", path, *options).stdout
    odd = sorted({char for char in shown if not char.isprintable() and char != "\n"})

    assert (11, []) == (min(shown.count("\\x1b[31mb\\x07\\x9bc\\u202ed"), 11), odd)


def test_colour_is_for_terminals(server: OpenAIServer, save: Save) -> None:
    """Where colour is asked for, it changes no character of the text."""
    several(server, **{"retry-after-ms": "1"})
    path = save()
    coloured = run("show", path, FORCE_COLOR="1", TERM="xterm-256color").stdout
    plain = run("show", path).stdout

    assert "\x1b[" in coloured
    assert plain == "".join(
        piece.partition("m")[2] if count else piece for count, piece in enumerate(coloured.split("\x1b["))
    )


def test_spans_without_their_parents(tmp_path: Path) -> None:
    """A span whose parent is not in the file is at the top, and a circle of parents is broken at its earliest span."""
    path = tmp_path / "trace.jsonl"
    path.write_text(
        "".join(
            (
                made(1, "orphan", parent=9, start=5, end=6),
                made(2, "its child", parent=1, start=5.5, end=6),
                made(3, "itself", parent=3, start=7, end=8),
                made(4, "first of a circle", parent=5, start=1, end=2),
                made(5, "second", parent=4, start=2, end=3),
            )
        ),
        "utf-8",
    )
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.001 UTC  7.0 ms
├── orphan  +4.0 ms  1.0 ms  OK
│   └── its child  +4.5 ms  0.5 ms  OK
├── itself  +6.0 ms  1.0 ms  OK
└── first of a circle  +0 ms  1.0 ms  OK
    └── second  +1.0 ms  1.0 ms  OK
"""

    assert expected == run("show", path).stdout


def test_deep_nesting_stays_readable(tmp_path: Path) -> None:
    """Beyond ten levels spans are not indented further, and say what they are in; nothing is wider than 80 columns."""
    path = tmp_path / "trace.jsonl"
    path.write_text(
        "".join(made(n, f"step {n}", parent=n - 1 or None, start=n, end=2000 - n) for n in range(1, 901)), "utf-8"
    )
    shown = run("show", path).stdout.splitlines()

    assert [
        f"{' ' * 40}└── step 11  +10.0 ms  1.98 s  OK",
        f"{' ' * 40}└── step 12 in step 11  +11.0 ms  1.98 s",
    ] == [line.replace("├", "└") for line in shown[11:13]]
    assert max(map(len, shown)) <= 80
    assert "step 900 in step 899" in shown[-2]


def test_mingled_traces_are_put_together(tmp_path: Path) -> None:
    """Spans are with their own trace wherever they stand in the file, each once, and siblings come by their start."""
    path = tmp_path / "trace.jsonl"
    path.write_text(
        "".join(
            (
                made(3, "later", trace=1, parent=1, start=6, end=7),
                made(2, "other", trace=2, start=1, end=2),
                made(2, "earlier", trace=1, parent=1, start=1, end=3),
                made(1, "work", trace=1, start=0, end=9),
                made(1, "work", trace=1, start=0, end=9),
            )
        ),
        "utf-8",
    )
    expected = """\
00020002000200020002000200020002  2023-11-14 22:13:20.001 UTC  1.0 ms
└── other  +0 ms  1.0 ms  OK

00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  9.0 ms
└── work  +0 ms  9.0 ms  OK
    ├── earlier  +1.0 ms  2.0 ms  OK
    └── later  +6.0 ms  1.0 ms  OK
"""

    assert expected == run("show", path).stdout


def test_a_trace_lasts_until_its_last_span_ends(tmp_path: Path) -> None:
    """How long a trace took is from its first start to its last end, wherever in the file and the tree those are."""
    path = tmp_path / "trace.jsonl"
    stream, work = made(2, "stream", parent=1, start=4, end=15), made(1, "work", start=3, end=9)
    path.write_text(stream + work, "utf-8")
    expected = """\
00010001000100010001000100010001  2023-11-14 22:13:20.003 UTC  12.0 ms
└── work  +0 ms  6.0 ms  OK
    └── stream  +1.0 ms  11.0 ms  OK
"""

    assert (expected, "") == (run("show", path, "--slow", "12ms").stdout, run("show", path, "--slow", "13ms").stdout)


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """What reads the output may stop at any line, and no traceback tells of it."""
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(made(1, "work", trace=number) for number in range(1, 3000)), "utf-8")
    done = shell(f"spanglass show {path} | head -n 2")

    assert (
        "00010001000100010001000100010001  2023-11-14 22:13:20.000 UTC  10.0 ms\n└── work  +0 ms  10.0 ms  OK\n",
        "",
    ) == (done.stdout, done.stderr)


def test_an_output_that_takes_ascii_only(tmp_path: Path) -> None:
    """What the encoding of the output has no character for is spelled out."""
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "travail", {"input.value": "déjà"}), "utf-8")
    done = shell(f"spanglass show {path}", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (["`-- travail  +0 ms  10.0 ms  OK", "    input: d\\xe9j\\xe0"], "") == (
        done.stdout.splitlines()[1:],
        done.stderr,
    )


@pytest.mark.parametrize(
    ("content", "options", "status", "said"),
    [
        (None, [], 1, "Error: FILE cannot be read (No such file or directory): give the path of a file with spans"),
        ("# A title\n", [], 1, "Error: FILE has no OTLP/JSON in line 1: "),
        ("", [], 0, "FILE has no spans.\n"),
        (made(1, "work"), ["--trace", "0002"], 1, "Error: FILE has no trace whose id begins with 0002.\n"),
        (made(1, "work"), ["--trace", "xyz"], 2, "Invalid value for '--trace': 'xyz' is no trace id, nor how one"),
        (made(1, "work"), ["--slow", "soon"], 2, "Invalid value for '--slow': 'soon' is no duration: give seconds"),
        (made(1, "work"), ["--slow", "-1"], 2, "Invalid value for '--slow': '-1' is no duration: give seconds"),
    ],
)
def test_mistakes(tmp_path: Path, content: str | None, options: list[str], status: int, said: str) -> None:
    """A mistake costs one sentence on standard error, and an exit status: 2 where the command was misused."""
    path = tmp_path / "trace.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    shown = run("show", path, *options)

    assert ("", status, True) == (shown.stdout, shown.exit_code, said.replace("FILE", str(path)) in shown.stderr)


def test_a_pipe_cannot_be_read_twice(tmp_path: Path) -> None:
    """What is no file is refused in one sentence."""
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "work"), "utf-8")
    done = shell(f"cat {path} | spanglass show /dev/stdin")

    assert ("", "Error: /dev/stdin is no file, and it is read twice: save the spans to a file first.\n") == (
        done.stdout,
        done.stderr,
    )
