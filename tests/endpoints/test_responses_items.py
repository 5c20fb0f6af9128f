"""Each item of the Responses API as one message, against a literal."""

from typing import Any

import pytest

from spanglass.endpoints.items import read_item, read_part
from spanglass.record import Message, Part, ToolCall

Items = dict[str, tuple[Any, Message]]


def called(name: str | None, arguments: str | None, *, hosted: str | None = None, **more: Any) -> Message:
    """Return the message of a call with the id c1."""
    return Message("assistant", tool_calls=[ToolCall("c1", name, arguments, hosted)], **more)


MESSAGES: Items = {
    "text": ({"role": "user", "content": "Hi"}, Message("user", "Hi")),
    "typed": ({"type": "message", "role": "developer", "content": "Hi"}, Message("developer", "Hi")),
    "string": ("Hi", Message("user", "Hi")),
    "one part": (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        Message("user", "Hi"),
    ),
    "said": (
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation"}], "logprobs": []}
            ],
        },
        Message("assistant", "Hi"),
    ),
    "refusal": (
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        Message("assistant", refusal="No."),
    ),
    "parts": (
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": "https://h/a.png", "detail": "low"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "file_url": "https://h/a.pdf"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
            ],
        },
        Message(
            "user",
            parts=[
                Part("text", "What is it?"),
                Part("image", url="https://h/a.png"),
                Part("image", id="file-1"),
                Part("file", url="https://h/a.pdf"),
                Part("file", url="data:application/pdf;base64,JVBE", name="a.pdf"),
                Part("audio", url="data:audio/mp3;base64,UklG", mime="audio/mp3"),
            ],
        ),
    ),
    "text and refusal": (
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Well"}, {"type": "refusal", "refusal": "No."}],
        },
        Message("assistant", parts=[Part("text", "Well"), Part("refusal", "No.")]),
    ),
    "not begun": ({"type": "message", "role": "assistant", "content": []}, Message("assistant")),
    "a part in no list": (
        {"role": "user", "content": {"type": "input_image", "image_url": "u"}},
        Message("user", parts=[Part("image", url="u")]),
    ),
    "parts of chat": (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}, "Hi"]},
        Message("user", parts=[Part("image", url="u"), Part("text", "Hi")]),
    ),
    "of an agent": (
        {"type": "message", "role": "assistant", "content": "Hi", "agent": {"agent_name": "scout"}},
        Message("assistant", "Hi", name="scout"),
    ),
    "to an agent": (
        {
            "type": "agent_message",
            "author": "scout",
            "recipient": "lead",
            "content": [{"type": "input_text", "text": "Go"}, {"type": "encrypted_content", "encrypted_content": "e"}],
        },
        Message("assistant", name="scout", parts=[Part("text", "Go"), Part("encrypted_content", encrypted="e")]),
    ),
}
CALLS: Items = {
    "function": (
        {"type": "function_call", "id": "fc1", "call_id": "c1", "name": "add", "arguments": '{"a":1}'},
        called("add", '{"a":1}'),
    ),
    "custom": (
        {"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": "print(1)"},
        called("run", "print(1)"),
    ),
    "web search": (
        {
            "type": "web_search_call",
            "id": "c1",
            "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://h"}]},
        },
        called(
            "web_search",
            '{"type":"search","query":"q"}',
            hosted="web_search_call",
            content='[{"type":"url","url":"https://h"}]',
        ),
    ),
    "file search": (
        {"type": "file_search_call", "id": "c1", "queries": ["q"], "results": [{"file_id": "f1", "text": "t"}]},
        called(
            "file_search",
            '{"queries":["q"]}',
            hosted="file_search_call",
            content='[{"file_id":"f1","text":"t"}]',
        ),
    ),
    "file search without results": (
        {"type": "file_search_call", "id": "c1", "queries": ["q"], "results": None},
        called("file_search", '{"queries":["q"]}', hosted="file_search_call"),
    ),
    "code": (
        {
            "type": "code_interpreter_call",
            "id": "c1",
            "code": "1+1",
            "container_id": "x",
            "outputs": [{"type": "logs", "logs": "2"}],
        },
        called("code_interpreter", '{"code":"1+1"}', hosted="code_interpreter_call", content="2"),
    ),
    "code that draws": (
        {
            "type": "code_interpreter_call",
            "id": "c1",
            "code": "draw",
            "outputs": [{"type": "logs", "logs": "2"}, {"type": "image", "url": "u"}],
        },
        called(
            "code_interpreter",
            '{"code":"draw"}',
            hosted="code_interpreter_call",
            parts=[Part("text", "2"), Part("image", url="u")],
        ),
    ),
    "computer": (
        {"type": "computer_call", "id": "cu1", "call_id": "c1", "action": {"type": "click", "x": 1, "y": 2}},
        called("computer", '{"type":"click","x":1,"y":2}'),
    ),
    "computer, several actions": (
        {"type": "computer_call", "call_id": "c1", "action": None, "actions": [{"type": "wait"}]},
        called("computer", '[{"type":"wait"}]'),
    ),
    "image": (
        {
            "type": "image_generation_call",
            "id": "c1",
            "status": "completed",
            "result": "iVBO",
            "revised_prompt": "a cat",
            "size": "1024x1024",
            "output_format": "webp",
        },
        called(
            "image_generation",
            '{"output_format":"webp","revised_prompt":"a cat","size":"1024x1024"}',
            hosted="image_generation_call",
            parts=[Part("image", url="data:image/webp;base64,iVBO", mime="image/webp")],
        ),
    ),
    "image that was too long": (
        {"type": "image_generation_call", "id": "c1", "result": "<image: 9 bytes>"},
        called(
            "image_generation",
            "{}",
            hosted="image_generation_call",
            parts=[Part("image", url="<image: 9 bytes>", mime="image/png")],
        ),
    ),
    "image that was refused": (
        {"type": "image_generation_call", "id": "c1", "result": None, "error": {"type": "moderation_blocked"}},
        called("image_generation", "{}", hosted="image_generation_call", content='{"type":"moderation_blocked"}'),
    ),
    "local shell": (
        {"type": "local_shell_call", "id": "l1", "call_id": "c1", "action": {"type": "exec", "command": ["ls"]}},
        called("local_shell", '{"type":"exec","command":["ls"]}'),
    ),
    "shell of the program": (
        {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}, "environment": {"type": "local"}},
        called("shell", '{"commands":["ls"]}'),
    ),
    "shell of the provider": (
        {
            "type": "shell_call",
            "call_id": "c1",
            "action": {"commands": ["ls"]},
            "environment": {"type": "container_reference", "container_id": "x"},
        },
        called("shell", '{"commands":["ls"]}', hosted="shell_call"),
    ),
    "patch": (
        {"type": "apply_patch_call", "call_id": "c1", "operation": {"type": "delete_file", "path": "a"}},
        called("apply_patch", '{"type":"delete_file","path":"a"}'),
    ),
    "mcp": (
        {"type": "mcp_call", "id": "c1", "server_label": "s", "name": "look", "arguments": "{}", "output": "found"},
        called("look", "{}", hosted="mcp_call", content="found"),
    ),
    "mcp that failed": (
        {"type": "mcp_call", "id": "c1", "name": "look", "arguments": "{}", "error": {"type": "http_error", "code": 5}},
        called("look", "{}", hosted="mcp_call", content='{"type":"http_error","code":5}'),
    ),
    "mcp that failed with an output": (
        {"type": "mcp_call", "id": "c1", "name": "look", "arguments": "{}", "error": "gone", "output": "nothing"},
        called("look", "{}", hosted="mcp_call", content="gone"),
    ),
    "mcp tools": (
        {"type": "mcp_list_tools", "id": "c1", "server_label": "s", "tools": [{"name": "look"}], "error": None},
        called(
            "mcp_list_tools",
            '{"server_label":"s"}',
            hosted="mcp_list_tools",
            parts=[Part("mcp_list_tools", '[{"name":"look"}]')],
        ),
    ),
    "mcp approval": (
        {"type": "mcp_approval_request", "id": "c1", "server_label": "s", "name": "look", "arguments": "{}"},
        called("look", "{}", hosted="mcp_approval_request"),
    ),
    "tool search": (
        {"type": "tool_search_call", "id": "t1", "call_id": "c1", "execution": "client", "arguments": {"q": "a"}},
        called("tool_search", '{"q":"a"}'),
    ),
    "tool search of the provider": (
        {"type": "tool_search_call", "id": "c1", "call_id": None, "execution": "server", "arguments": {"q": "a"}},
        called("tool_search", '{"q":"a"}', hosted="tool_search_call"),
    ),
    "program": (
        {"type": "program", "id": "p1", "call_id": "c1", "code": "f()", "fingerprint": "x"},
        called("program", '{"code":"f()"}', hosted="program"),
    ),
    "agents": (
        {"type": "multi_agent_call", "call_id": "c1", "action": "spawn_agent", "arguments": "{}"},
        called("spawn_agent", "{}", hosted="multi_agent_call"),
    ),
}
OUTPUTS: Items = {
    "function": (
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        Message("tool", "3", tool_call_id="c1"),
    ),
    "function, parts": (
        {
            "type": "function_call_output",
            "call_id": "c1",
            "name": "draw",
            "output": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "u"}],
        },
        Message("tool", tool_call_id="c1", name="draw", parts=[Part("text", "a"), Part("image", url="u")]),
    ),
    "custom": (
        {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "a"}]},
        Message("tool", "a", tool_call_id="c1"),
    ),
    "computer": (
        {
            "type": "computer_call_output",
            "call_id": "c1",
            "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,iVBO"},
        },
        Message("tool", tool_call_id="c1", parts=[Part("image", url="data:image/png;base64,iVBO")]),
    ),
    "local shell": (
        {"type": "local_shell_call_output", "id": "c1", "output": "a"},
        Message("tool", "a", tool_call_id="c1"),
    ),
    "shell": (
        {
            "type": "shell_call_output",
            "call_id": "c1",
            "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        Message(
            "tool",
            '[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]',
            tool_call_id="c1",
        ),
    ),
    "patch": (
        {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed", "output": "no such file"},
        Message("tool", "no such file", tool_call_id="c1"),
    ),
    "patch without a word": (
        {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed"},
        Message("tool", "completed", tool_call_id="c1"),
    ),
    "mcp approval": (
        {"type": "mcp_approval_response", "approval_request_id": "c1", "approve": False, "reason": "no"},
        Message("tool", '{"approve":false,"reason":"no"}', tool_call_id="c1"),
    ),
    "tool search": (
        {"type": "tool_search_output", "call_id": "c1", "tools": [{"type": "custom", "name": "run"}]},
        Message("tool", parts=[Part("tool_search_output", '[{"type":"custom","name":"run"}]')], tool_call_id="c1"),
    ),
    "program": (
        {"type": "program_output", "id": "o1", "call_id": "c1", "result": "3", "status": "completed"},
        Message("tool", "3", tool_call_id="c1"),
    ),
    "agents": (
        {
            "type": "multi_agent_call_output",
            "call_id": "c1",
            "action": "list_agents",
            "output": [{"type": "output_text", "text": "none"}],
        },
        Message("tool", "none", tool_call_id="c1"),
    ),
}
OTHERS: Items = {
    "reasoning": (
        {
            "type": "reasoning",
            "id": "rs1",
            "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
            "content": [{"type": "reasoning_text", "text": "2+2"}],
            "encrypted_content": "e",
        },
        Message("assistant", parts=[Part("reasoning", "First.\n\nThen.\n\n2+2", id="rs1", encrypted="e")]),
    ),
    "reasoning untold": (
        {"type": "reasoning", "id": "rs1", "summary": []},
        Message("assistant", parts=[Part("reasoning", id="rs1")]),
    ),
    "compaction": (
        {"type": "compaction", "id": "cmp1", "encrypted_content": "e"},
        Message("assistant", parts=[Part("compaction", id="cmp1", encrypted="e")]),
    ),
    "compaction asked for": ({"type": "compaction_trigger"}, Message(parts=[Part("compaction_trigger")])),
    "reference": ({"type": "item_reference", "id": "m1"}, Message(parts=[Part("item_reference", id="m1")])),
    "reference without a type": ({"id": "m1", "type": None}, Message(parts=[Part("item_reference", id="m1")])),
    "more tools": (
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "local_shell"}]},
        Message("developer", parts=[Part("additional_tools", '[{"type":"local_shell"}]')]),
    ),
    "configuration": (
        {"type": "configuration_update", "reasoning": {"effort": "low"}},
        Message(parts=[Part("configuration_update", '{"reasoning":{"effort":"low"}}')]),
    ),
    "unknown": (
        {"type": "scent", "role": "tool", "of": "rain"},
        Message("tool", parts=[Part("scent", '{"type":"scent","role":"tool","of":"rain"}')]),
    ),
    "number": (3, Message(parts=[Part("unknown", "3")])),
    "null": (None, Message(parts=[Part("unknown", "null")])),
    "a type that is no text": ({"type": ["a"]}, Message(parts=[Part('["a"]', '{"type":["a"]}')])),
}
TABLES = {"message": MESSAGES, "call": CALLS, "output": OUTPUTS, "other": OTHERS}
EVERY = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}


@pytest.mark.parametrize(("raw", "expected"), EVERY.values(), ids=EVERY)
def test_item(raw: Any, expected: Message) -> None:
    """An item is read into one message with all that it says, and nothing else."""
    assert expected == read_item(raw)


def test_unknown_part() -> None:
    """A part of an unknown type keeps its name, and all of it as JSON."""
    assert read_part({"type": "scent", "of": "rain"}) == Part("scent", '{"type":"scent","of":"rain"}')
