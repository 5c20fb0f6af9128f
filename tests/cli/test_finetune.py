"""`spanglass export --format openai-finetune`: what it makes an example of, and what it leaves out, and why."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import nan
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import Result
from fine_tuning import valid
from recorded import CALL, WEATHER, ask, client, made, run, says, settled, shell

from spanglass import Record, trace, using
from spanglass.testing import (
    CapturedSpans,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    error,
    response,
    response_events,
    said,
    text_completion,
)

Export = Callable[..., Result]
CHAT = {"openinference.span.kind": "LLM", "llm.system": "openai"}
HI = says("user", "Hi")
HELLO = says("assistant", "Hello")
GREETING = {
    "input.value": json.dumps({"messages": [HI]}),
    "output.value": json.dumps({"choices": [{"message": HELLO}]}),
}


@pytest.fixture
def api(server: OpenAIServer) -> Iterator[openai.OpenAI]:
    """Give a client of the server that is closed in the end."""
    with client(server) as api:
        yield api


def save(path: Path, captured: CapturedSpans) -> Path:
    """Write the spans of the test so far to a file."""
    path.write_text(settled(captured.spans), "utf-8")
    return path


@pytest.fixture
def export(tmp_path: Path, captured: CapturedSpans) -> Export:
    """Give what exports the spans of the test so far."""
    return lambda *options: run(
        "export", save(tmp_path / "trace.jsonl", captured), "--format", "openai-finetune", *options
    )


def examples(shown: Result) -> list[dict[str, Any]]:
    """Return the examples that were written, each of which must be valid."""
    return [valid(line) for line in shown.stdout.splitlines()]


def test_a_conversation_with_a_tool(server: OpenAIServer, export: Export) -> None:
    """What was asked, called, found out and answered is one example, however many calls and attempts it took."""

    @trace
    def answer(question: str) -> None:
        asking: list[Any] = [says("developer", "Be brief."), says("user", question, name="Ann")]
        called = ask(openai_client, *asking, tools=[WEATHER], parallel_tool_calls=False).choices[0].message
        asking += [called.model_dump(), says("tool", "21 degrees", tool_call_id="call_1")]
        ask(openai_client, *asking, tools=[WEATHER], parallel_tool_calls=False)

    openai_client = client(server)
    server.script(
        Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"}),
        Reply(completion("Let me see.", tool_calls=[CALL], finish_reason="tool_calls")),
        Reply(completion("It is warm.")),
    )
    answer("How warm is Paris?")
    shown = export()
    expected = {
        "messages": [
            says("system", "Be brief."),
            says("user", "How warm is Paris?", name="Ann"),
            says("assistant", "Let me see.", tool_calls=[CALL]),
            says("tool", "21 degrees", tool_call_id="call_1"),
            says("assistant", "It is warm."),
        ],
        "tools": [WEATHER],
        "parallel_tool_calls": False,
    }

    assert ([expected], "Wrote 1 example.\nLeft out:\n  1 the beginning of a longer example\n", 0) == (
        examples(shown),
        shown.stderr,
        shown.exit_code,
    )


def chat(*texts: str) -> dict[str, Any]:
    """Return the example of a conversation, whose first word is the user's."""
    return {"messages": [says("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
QUESTION = says("user", [{"type": "text", "text": "What is this?"}, IMAGE])
LOOK = {"name": "look", "arguments": '{"at":"it"}'}
FUNCTION = {"name": "look", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("asked", "more", "answer", "expected"),
    [
        ([HI], {}, Reply(completion()), [{"messages": [HI, HELLO]}]),
        ([HI], {"stream": True}, Stream(chunks()), [{"messages": [HI, HELLO]}]),
        (
            [HI],
            {"stream": True, "tools": [WEATHER]},
            Stream(chunks([], tool_calls=[CALL], finish_reason="tool_calls")),
            [{"messages": [HI, {"role": "assistant", "tool_calls": [CALL]}], "tools": [WEATHER]}],
        ),
        ([QUESTION], {}, Reply(completion()), [{"messages": [QUESTION, HELLO]}]),
        (
            [HI],
            {"n": 2},
            Reply(completion(choices=[
                {"index": 0, "message": HELLO, "finish_reason": "stop"},
                {"index": 1, "message": says("assistant", "Hey"), "finish_reason": "stop"},
            ])),
            [{"messages": [HI, HELLO]}, {"messages": [HI, says("assistant", "Hey")]}],
        ),
        (
            [HI],
            {},
            Reply(completion(choices=[
                {"index": 0, "message": says("assistant", None, refusal="I cannot."), "finish_reason": "stop"},
            ])),
            [{"messages": [HI, says("assistant", [{"type": "refusal", "refusal": "I cannot."}])]}],
        ),
        (
            [HI, says("assistant", None, function_call=LOOK), says("function", "A cat.", name="look")],
            {"functions": [FUNCTION]},
            Reply(completion(choices=[
                {"index": 0, "message": says("assistant", None, function_call=LOOK), "finish_reason": "function_call"},
            ])),
            [
                {
                    "messages": [
                        HI,
                        {"role": "assistant", "function_call": LOOK},
                        says("function", "A cat.", name="look"),
                        {"role": "assistant", "function_call": LOOK},
                    ],
                    "functions": [FUNCTION],
                }
            ],
        ),
        ([says("user", "Grüße 😀\u2028")], {}, Reply(completion()), [chat("Grüße 😀\u2028", "Hello")]),
    ],
    ids=["plain", "stream", "streamed tool call", "image", "choices", "refusal", "function", "characters"],
)  # fmt: skip
def test_every_kind_of_chat(
    server: OpenAIServer, export: Export, asked: list[Any], more: dict[str, Any], answer: Any, expected: list[Any]
) -> None:
    """Whatever OpenAI's format has a word for becomes an example, however it was asked and answered."""
    server.script(answer)
    answered = ask(client(server), *asked, **more)
    if more.get("stream"):
        list(answered)

    assert expected == examples(export())


def test_what_is_no_example_is_counted(server: OpenAIServer, export: Export) -> None:
    """Each call that cannot be an example is counted by its reason, and so are those that would add nothing."""
    openai_client = client(server)
    server.script(Reply(error("No"), status=404))
    with suppress(openai.NotFoundError):
        ask(openai_client, "Hi")
    with ask(openai_client, "Hi", stream=True) as stream:
        next(stream)
    for answer in (
        completion(None),
        completion("It is a lo", finish_reason="length"),
        completion(None, tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}]),
        completion(),
        completion(),
    ):
        server.script(Reply(answer))
        ask(openai_client, "Hi", tools=[WEATHER])
    audio = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    ask(openai_client, says("user", [audio]))
    ask(openai_client, "Hi", {"role": "assistant", "tool_calls": [CALL]}, "Never mind.")
    ask(openai_client, "Hi", says("tool", "21 degrees", tool_call_id="call_1"))
    ask(openai_client, "word " * 100_000)
    picture = "data:image/png;base64,iVBORw0KGgo" + "abcdefghijklmnopqrstuvwxyz0123456789" * 1000
    ask(openai_client, says("user", [{"type": "image_url", "image_url": {"url": picture}}]))
    with using(content="off"):
        ask(openai_client, "Hi")
    shown = export()
    expected = """\
Wrote 1 example.
Left out:
  2 with what fine-tuning does not take: sounds, files, tools that are no functions
  2 with tool calls and results that do not match
  2 with content that was cut or replaced for its size
  1 failed
  1 streamed, and left before the end
  1 without an answer
  1 cut short by a limit of tokens or by a filter
  1 the same as another example
  1 with content that is hidden or was not recorded
"""

    assert ([{"messages": [HI, HELLO], "tools": [WEATHER]}], expected) == (examples(shown), shown.stderr)


def shy(record: Record) -> None:
    """Hide a name, as a program's own redactor may."""
    for message in (*(record.input_messages or ()), *(record.output_messages or ())):
        message.content = message.content and message.content.replace("Ann", "A.")
        for part in message.parts or ():
            part.text = part.text and part.text.replace("Ann", "A.")


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"redactor": shy}, True),
        *(({"hide": (place,)}, False) for place in (
            "inputs", "outputs", "input_messages", "output_messages", "input_text", "output_text", "input_images",
            "llm_tools",
        )),
        ({"hide": ("llm_invocation_parameters",)}, True),
    ],
)  # fmt: skip
def test_partly_hidden_content(
    server: OpenAIServer,
    tmp_path: Path,
    options: dict[str, Any],
    written: bool,  # noqa: FBT001 - pytest's
) -> None:
    """What a redactor has changed is exported as it left it; where anything of a chat is hidden, nothing is."""
    with captured_spans(**options) as captured:
        server.script(Reply(completion("Ann is warm.", tool_calls=[CALL])))
        question = says("user", [{"type": "text", "text": "I am Ann. Where am I?"}, IMAGE])
        called = {"role": "assistant", "tool_calls": [CALL]}
        result = says("tool", "21 degrees", tool_call_id="call_1")
        ask(client(server), question, called, result, tools=[WEATHER])
    shown = run("export", save(tmp_path / "trace.jsonl", captured), "--format", "openai-finetune")
    text = "I am A. Where am I?" if "redactor" in options else "I am Ann. Where am I?"
    image = {"type": "image_url", "image_url": {"url": IMAGE["image_url"]["url"]}}  # type: ignore[index]
    answer = "A. is warm." if "redactor" in options else "Ann is warm."
    expected = {
        "messages": [
            says("user", [{"type": "text", "text": text}, image]),
            called,
            result,
            says("assistant", answer, tool_calls=[CALL]),
        ],
        "tools": [WEATHER],
    }
    hidden = "Left out:\n  1 with content that is hidden or was not recorded\n"

    assert (
        ([expected], "")
        if written
        else ([], hidden)
        == (
            examples(shown),
            shown.stderr.partition("\n")[2].partition("Error")[0],
        )
    )


def turns(server: OpenAIServer) -> None:
    """Make a conversation of three turns, each a call with all that was said before, and one that leaves it early."""
    openai_client = client(server)
    said: list[Any] = []
    for number in range(3):
        said.append(says("user", f"question {number}"))
        server.script(Reply(completion(f"answer {number}")))
        said.append(ask(openai_client, *said).choices[0].message.model_dump(exclude_none=True))
    server.script(Reply(completion("another answer")))
    ask(openai_client, *said[:2], says("user", "another question"))


FIRST = ("question 0", "answer 0")
SECOND = (*FIRST, "question 1", "answer 1")
THIRD = (*SECOND, "question 2", "answer 2")
ASIDE = (*FIRST, "another question", "another answer")


@pytest.mark.parametrize(
    ("options", "expected", "said"),
    [
        ([], [THIRD, ASIDE], "Wrote 2 examples.\nLeft out:\n  2 the beginning of a longer example\n"),
        (["--every-turn"], [FIRST, SECOND, THIRD, ASIDE], "Wrote 4 examples.\n"),
    ],
)
def test_a_conversation_of_several_calls(
    server: OpenAIServer, export: Export, options: list[str], expected: list[tuple[str, ...]], said: str
) -> None:
    """Of a conversation whose turns are calls of their own the longest is an example, or each where that is asked."""
    turns(server)
    shown = export(*options)

    assert ([chat(*texts) for texts in expected], said) == (examples(shown), shown.stderr)


def test_spans_of_another_instrumentor(tmp_path: Path) -> None:
    """Where a span has no body as OpenAI takes it, the messages that it lists are the example."""
    listed = {
        **CHAT,
        "input.value": "What is it?",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.contents.0.message_content.type": "text",
        "llm.input_messages.0.message.contents.0.message_content.text": "What is it?",
        "llm.input_messages.0.message.contents.1.message_content.type": "image",
        "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://example.com/a.png",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Paris"}',
        "llm.tools.0.tool.json_schema": json.dumps(WEATHER),
    }
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "chat", listed, scope="openinference.instrumentation.litellm"), "utf-8")
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    expected = {
        "messages": [
            says("user", [{"type": "text", "text": "What is it?"}, image]),
            {"role": "assistant", "tool_calls": [CALL]},
        ],
        "tools": [WEATHER],
    }

    assert [expected] == examples(run("export", path, "--format", "openai-finetune"))


@pytest.mark.parametrize("outlives", [False, True])
def test_calls_within_a_frameworks_span(tmp_path: Path, outlives: bool) -> None:  # noqa: FBT001 - pytest's
    """Of a call that a framework has a span of, too, the call itself is the example, whichever ended first."""
    sent = {
        "input.value": json.dumps({"messages": [HI]}),
        "output.value": json.dumps({"choices": [{"message": HELLO}]}),
    }
    inner = made(2, "ChatCompletion", {**CHAT, **sent, "openinference.span.kind": "CHAIN"}, parent=1)
    listed = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "as they tell it"}
    theirs = {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Hello"}
    outer = made(1, "generation", {**CHAT, **listed, **theirs}, scope="openinference.instrumentation.openai_agents")
    path = tmp_path / "trace.jsonl"
    path.write_text(outer + inner if outlives else inner + outer, "utf-8")

    assert [{"messages": [HI, HELLO]}] == examples(run("export", path, "--format", "openai-finetune"))


def test_an_output_file(server: OpenAIServer, export: Export, tmp_path: Path) -> None:
    """With --output the examples are in that file, and standard output has nothing."""
    ask(client(server), "Hi")
    output = tmp_path / "chat.jsonl"
    shown = export("--output", output)

    assert ("", f"Wrote 1 example to {output}.\n", {"messages": [HI, HELLO]}) == (
        shown.stdout,
        shown.stderr,
        valid(output.read_text("utf-8")),
    )


@pytest.mark.parametrize("content", ["# A title\n", made(1, "work")])
def test_an_output_file_that_nothing_comes_to(tmp_path: Path, content: str) -> None:
    """Where there is nothing to write, a file that is there already stays as it is."""
    path, output = tmp_path / "trace.jsonl", tmp_path / "chat.jsonl"
    path.write_text(content, "utf-8")
    output.write_text("of yesterday", "utf-8")
    shown = run("export", path, "--format", "openai-finetune", "--output", output)

    assert (1, "of yesterday") == (shown.exit_code, output.read_text("utf-8"))


@pytest.mark.parametrize(
    ("content", "options", "status", "said"),
    [
        (None, [], 1, "Error: FILE cannot be read (No such file or directory): give the path of a file with spans"),
        ("# A title\n", [], 1, "Error: FILE has no OTLP/JSON in line 1: "),
        ("", [], 1, "Error: FILE has no call that can be an example.\n"),
        (made(1, "work"), ["--output", "FILE"], 2, "Error: --output is FILE itself: choose another.\n"),
        (made(1, "work"), ["--format", "xml"], 2, "Invalid value for '--format': 'xml' is not 'openai-finetune'."),
        (
            made(1, "ChatCompletion", {**CHAT, **GREETING}),
            ["--output", "/nowhere/chat.jsonl"],
            1,
            "Error: /nowhere/chat.jsonl cannot be written (No such file or directory).\n",
        ),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, content: str | None, options: list[str], status: int, said: str) -> None:
    """A mistake costs one sentence on standard error, and an exit status: 2 where the command was misused."""
    path = tmp_path / "trace.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    given = [option.replace("FILE", str(path)) for option in options]
    shown = run("export", path, "--format", "openai-finetune", *given)
    kept = path.read_text("utf-8") if path.exists() else None

    assert ("", status, True, content) == (
        shown.stdout,
        shown.exit_code,
        said.replace("FILE has", f"{path} has").replace("FILE cannot", f"{path} cannot") in shown.stderr,
        kept,
    )


LOOSE = "with tool calls and results that do not match"
FOREIGN = "with what fine-tuning does not take: sounds, files, tools that are no functions"
CUT = "with content that was cut or replaced for its size"
IMAGES = "with more images than ten, or with images that are neither JPEG, PNG nor WEBP"
HIDDEN = "with content that is hidden or was not recorded"
NONE = "without an answer"
CUSTOM = {"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x"}}


@pytest.mark.parametrize(
    ("sent", "received", "reason"),
    [
        (None, None, HIDDEN),
        ({"model": "gpt-4o-mini"}, None, HIDDEN),
        ("[1]", None, CUT),
        ({"messages": [HI]}, '{"choices": [{"mess', CUT),
        ({"messages": [HI]}, None, NONE),
        ({"messages": [HI]}, {"choices": []}, NONE),
        ({"messages": [HI]}, {"choices": [{"message": "Hello"}]}, NONE),
        ({"messages": [says("critic", "Hm.")]}, HELLO, FOREIGN),
        ({"messages": [says("system", [IMAGE])]}, HELLO, FOREIGN),
        ({"messages": [says("user", [])]}, HELLO, FOREIGN),
        ({"messages": [says("user", [{"text": "no type"}])]}, HELLO, FOREIGN),
        ({"messages": [says("user", [{"type": "image_url", "image_url": "s3://bucket/a.png"}])]}, HELLO, CUT),
        ({"messages": [says("user", [IMAGE] * 6), says("user", [IMAGE] * 5)]}, HELLO, IMAGES),
        ({"messages": [says("user", [{"type": "image_url", "image_url": "data:image/gif;base64,R0"}])]}, HELLO, IMAGES),
        ({"messages": [HI], "tools": [{**WEATHER, "function": {"name": "f", "parameters": nan}}]}, HELLO, FOREIGN),
        ({"messages": [HI, says("tool", "21 degrees")]}, HELLO, LOOSE),
        ({"messages": [HI, says("function", "21 degrees")]}, HELLO, LOOSE),
        ({"messages": [HI, {"role": "assistant", "tool_calls": [CUSTOM]}]}, HELLO, FOREIGN),
        ({"messages": [HI, {"role": "assistant", "tool_calls": [{"function": LOOK}]}]}, HELLO, LOOSE),
        ({"messages": [HI, says("assistant", None, audio={"id": "a"})]}, HELLO, FOREIGN),
        ({"messages": [HI], "tools": [{"type": "custom", "custom": {"name": "grep"}}]}, HELLO, FOREIGN),
        ({"messages": [HI]}, says("assistant", None, tool_calls=[CALL]), HIDDEN),
        ({"messages": [HI]}, {"role": "assistant"}, NONE),
        ({"input": [{"type": [3]}]}, HELLO, FOREIGN),
        ({"input": [says("user", [{"type": [3]}])]}, HELLO, FOREIGN),
        ({"input": "Hi"}, {"output": [said("")], "incomplete_details": {"reason": [3]}}, NONE),
    ],
)
def test_what_is_not_as_the_api_has_it(tmp_path: Path, sent: Any, received: Any, reason: str) -> None:
    """Whatever a file says was sent and received, it is left out for a reason where it cannot be an example."""
    answer = {"choices": [{"message": received}]} if isinstance(received, dict) and "role" in received else received
    told = {"input.value": sent, "output.value": answer}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items() if value}
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", {**CHAT, **texts}), "utf-8")
    shown = run("export", path, "--format", "openai-finetune")

    assert ("", f"Wrote 0 examples.\nLeft out:\n  1 {reason}\n") == (shown.stdout, shown.stderr.partition("Error")[0])


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        (HI, [says("assistant", [{"type": "refusal", "refusal": "No."}])], [{"type": "refusal", "refusal": "No."}]),
        (says("user", [{"type": "image_url", "image_url": "https://example.com/a.png"}]), [HELLO], "Hello"),
        (says("assistant", None), [HELLO], "Hello"),
    ],
)
def test_what_the_api_takes_as_well(tmp_path: Path, sent: Any, received: Any, expected: Any) -> None:
    """Forms that few programs use become what the format has for them."""
    answers = json.dumps({"choices": [{"message": message} for message in received]})
    told = {"input.value": json.dumps({"messages": [sent]}), "output.value": answers}
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", {**CHAT, **told}), "utf-8")
    (example,) = examples(run("export", path, "--format", "openai-finetune"))

    assert expected == example["messages"][-1]["content"]


def test_what_only_other_providers_take(tmp_path: Path) -> None:
    """What describes a tool and is none of OpenAI's is left out of the example, which is valid so."""
    tool = {**WEATHER, "cache_control": {"type": "ephemeral"}}
    odd = {**tool, "function": {**WEATHER["function"], "examples": ["Paris"]}}
    told = {**GREETING, "input.value": json.dumps({"messages": [HI], "tools": [odd]})}
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", {**CHAT, **told}), "utf-8")

    assert [{"messages": [HI, HELLO], "tools": [WEATHER]}] == examples(
        run("export", path, "--format", "openai-finetune")
    )


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """What reads the examples may stop at any line, and no traceback tells of it."""
    path = tmp_path / "trace.jsonl"
    told = [{**CHAT, **GREETING, "input.value": json.dumps(chat(f"{n} {'word ' * 100}"))} for n in range(2000)]
    spans = (made(1, "ChatCompletion", attributes, trace=number) for number, attributes in enumerate(told, 1))
    path.write_text("".join(spans), "utf-8")
    done = shell(f"spanglass export {path} --format openai-finetune | head -n 2")

    assert (2, "") == (len([valid(line) for line in done.stdout.splitlines()]), done.stderr)


CALLED = {"role": "assistant", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    "example",
    [
        {"messages": [HI]},
        {"messages": [HI, HELLO], "model": "gpt-4o-mini"},
        {"messages": [HI, HELLO], "tools": []},
        {"messages": [HI, HELLO], "tools": [{"type": "custom", "custom": {"name": "grep"}}]},
        {"messages": [HI, {"role": "assistant"}]},
        {"messages": [HI, {**HELLO, "refusal": 1}]},
        {"messages": [HI, {**HELLO, "annotations": []}]},
        {"messages": [HI, {**HELLO, "weight": 2}]},
        {"messages": [HI, {"role": "assistant", "tool_calls": [{**CALL, "index": 0}]}]},
        {"messages": [HI, {"role": "assistant", "tool_calls": [{"type": "function", "function": LOOK}]}]},
        {"messages": [HI, CALLED, HELLO]},
        {"messages": [HI, says("tool", "21 degrees", tool_call_id="call_1"), HELLO]},
        {"messages": [says("developer", "Be brief."), HI, HELLO]},
        {"messages": [says("user", None), HELLO]},
        {"messages": [says("user", [{"type": "image_url", "image_url": {"url": "[image/png: 1 bytes]"}}]), HELLO]},
    ],
)
def test_the_validator_refuses(example: dict[str, Any]) -> None:
    """What OpenAI would refuse is refused by the tests as well."""
    with pytest.raises((ValueError, KeyError)):
        valid(json.dumps(example))


def test_the_validator_takes_weights() -> None:
    """What the format has beside what is written here is no mistake."""
    valid(json.dumps({"messages": [HI, {**HELLO, "weight": 0}, HI, {**HELLO, "weight": 1}]}))


THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Look."}]}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}}
TOOLS = [{"type": "function", "strict": None, **WEATHER["function"]}]


def called(number: int) -> dict[str, Any]:
    """Return the item of a call of the tool."""
    return {"id": f"fc_{number}", "type": "function_call", "call_id": f"call_{number}", **CALL["function"]}  # type: ignore[dict-item]


def returned(number: int, text: str) -> dict[str, Any]:
    """Return the item of what it gave."""
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": text}


def respond(openai_client: openai.OpenAI, *asked: Any, **more: Any) -> Any:
    """Create a response; of texts alone the first is all of the input."""
    given = asked[0] if asked and isinstance(asked[0], str) else [*asked]
    create: Any = openai_client.responses.create
    return create(model="gpt-4o-mini", input=given, **more)


@pytest.mark.parametrize(
    "first",
    [[said("Let me see."), called(1), called(2)], [called(1), said("Let me see."), called(2)]],
    ids=["said first", "called first"],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_conversation_by_responses(
    server: OpenAIServer, api: openai.OpenAI, export: Export, first: list[Any], *, streamed: bool
) -> None:
    """A conversation by the Responses API is an example as one by chat is: what is said and called in a turn is one."""

    def turn(output: list[Any]) -> Any:
        server.script(Stream(response_events(output), done=False) if streamed else Reply(response(output)))
        answer = respond(api, *asking, instructions="Be brief.", tools=TOOLS, stream=streamed)
        return [*answer][-1].response.output if streamed else answer.output

    asking: list[Any] = [says("user", "How warm are Paris and Paris?")]
    asking += turn([THOUGHT, *first])
    asking += [returned(1, "21 degrees"), returned(2, "22 degrees")]
    turn([THOUGHT, said("It is warm.")])
    shown = export()
    calls = [{**CALL, "id": f"call_{number}"} for number in (1, 2)]
    expected = {
        "messages": [
            says("system", "Be brief."),
            says("user", "How warm are Paris and Paris?"),
            says("assistant", "Let me see.", tool_calls=calls),
            says("tool", "21 degrees", tool_call_id="call_1"),
            says("tool", "22 degrees", tool_call_id="call_2"),
            says("assistant", "It is warm."),
        ],
        "tools": [WEATHER],
    }

    assert ([expected], "Wrote 1 example.\nLeft out:\n  1 the beginning of a longer example\n") == (
        examples(shown),
        shown.stderr,
    )


def test_responses_of_texts_and_images(server: OpenAIServer, api: openai.OpenAI, export: Export) -> None:
    """What is sent as a text, or as parts, is as it would be in a chat."""
    image = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}
    for asked in ("Hi", says("user", [{"type": "input_text", "text": "What is this?"}, image])):
        server.script(Reply(response()))
        respond(api, asked)

    assert [{"messages": [HI, HELLO]}, {"messages": [QUESTION, HELLO]}] == examples(export())


def test_responses_that_were_masked(tmp_path: Path, server: OpenAIServer, api: openai.OpenAI) -> None:
    """A response of which a redactor has changed a part is told from what is left, in one message as well."""

    def mask(record: Record) -> None:
        for message in (*(record.input_messages or ()), *(record.output_messages or ())):
            message.content = message.content and message.content.replace("Ann", "<name>")

    server.script(Reply(response([THOUGHT, said("Hello Ann"), called(1)])))
    with captured_spans(redactor=mask) as captured:
        respond(api, "I am Ann", tools=TOOLS)
    shown = run("export", save(tmp_path / "trace.jsonl", captured), "--format", "openai-finetune")
    messages = [says("user", "I am <name>"), says("assistant", "Hello <name>", tool_calls=[CALL])]

    assert [{"messages": messages, "tools": [WEATHER]}] == examples(shown)


def test_responses_that_are_no_example_are_counted(server: OpenAIServer, api: openai.OpenAI, export: Export) -> None:
    """What a chat has no word for is counted by its reason; what looks at a response, or shortens it, is no answer."""
    for answer in (
        response([SEARCH, said("Found.")]),
        response("It is a lo", status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        response([], status="queued", usage=None, background=True),
        response([THOUGHT]),
        response(status="failed", error={"code": "server_error", "message": "No"}),
    ):
        server.script(Reply(answer))
        respond(api, "Hi")
    server.script(Stream(response_events(status="incomplete"), done=False))
    list(respond(api, "Hi", stream=True))
    with respond(api, "Hi", stream=True) as stream:
        next(stream)
    respond(api, "Hi", previous_response_id="resp_1")
    respond(api, {"type": "item_reference", "id": "msg_1"})
    respond(api, {"type": "compaction", "encrypted_content": "e"}, says("user", "Hi"))
    respond(api, "Hi", prompt={"id": "pmpt_1"})
    respond(api, "Hi", conversation="conv_1")
    respond(api, "Hi", tools=[{"type": "web_search"}])
    server.script(Reply(response()), Reply(response([])), Reply(text_completion()))
    api.responses.retrieve("resp_1")
    api.responses.compact(model="gpt-4o-mini", input="Hi")
    api.completions.create(model="davinci-002", prompt="Hi")
    expected = """\
Wrote 0 examples.
Left out:
  5 that go on from what only the provider has: a response before it, a conversation, a prompt
  2 with what fine-tuning does not take: sounds, files, tools that are no functions
  2 cut short by a limit of tokens or by a filter
  2 without an answer
  1 failed
  1 streamed, and left before the end
  1 completions of prompts, which are no chats
"""

    assert expected == export().stderr.partition("Error")[0]
