"""OpenAI's chat format of supervised fine-tuning, as strictly as its documents and the SDK's types have it."""

import json
from collections.abc import Iterable
from typing import Any, Final

from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from openai.types.chat.completion_create_params import Function
from pydantic import TypeAdapter

MESSAGE: Final = TypeAdapter[Any](ChatCompletionMessageParam)
TOOL: Final = TypeAdapter[Any](ChatCompletionFunctionToolParam)
FUNCTION: Final = TypeAdapter[Any](Function)

ROLES: Final = ("system", "user", "assistant", "tool", "function")  # fine-tuning knows no developer
KEYS: Final = {"messages", "tools", "parallel_tool_calls", "functions"}


def valid(line: str) -> dict[str, Any]:
    """Return the example of a line; raises ValueError (pydantic's is one) where it is none."""
    example: dict[str, Any] = json.loads(line)
    _require(example.keys() <= KEYS, f"unknown keys: {sorted(example.keys() - KEYS)}")
    messages: list[dict[str, Any]] = example["messages"]
    for message in messages:
        _check_message(message)
    for tool in example.get("tools", []):
        _check(TOOL, tool)
    for function in example.get("functions", []):
        _check(FUNCTION, function)
    _require(example.get("tools") != [] and example.get("functions") != [], "a list of tools that is empty")
    _require(isinstance(example.get("parallel_tool_calls", True), bool), "parallel_tool_calls is no boolean")
    _require(messages[-1]["role"] == "assistant", "the last message is not the assistant's")
    _check_results(messages)
    return example


def _require(holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion's two halves
    if not holds:
        raise ValueError(what)


def _check(adapter: TypeAdapter[Any], value: Any) -> None:
    """Require the very type: nothing is converted, and nothing is there that the type does not have."""
    kept = _lists(adapter.validate_python(value, strict=True))
    _require(kept == value, f"{value} has what its type has not")


def _lists(value: Any) -> Any:
    """Return what pydantic has validated, with its lazy iterables read."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value if isinstance(value, str) or not isinstance(value, Iterable) else [_lists(item) for item in value]


def _check_message(message: dict[str, Any]) -> None:
    said = {key: value for key, value in message.items() if key != "weight"}
    _check(MESSAGE, said)
    _require(message["role"] in ROLES, f"the role {message['role']}")
    if "weight" in message:
        _require(message["role"] == "assistant" and message["weight"] in (0, 1), "a weight that is neither 0 nor 1")
    if message["role"] == "assistant":
        _require(bool(message.keys() & {"tool_calls", "function_call"}) or message["content"] is not None, "no content")
    for call in message.get("tool_calls", []):
        _require({"id", "type", "function"} == call.keys() and call["type"] == "function", f"the tool call {call}")
    content = message.get("content")
    for part in content if isinstance(content, list) else []:
        url = part["image_url"]["url"] if part["type"] == "image_url" else "https://"
        _require(part["type"] in ("text", "refusal", "image_url"), f"a part of type {part['type']}")
        _require(url.startswith(("https://", "http://", "data:image/")), f"an image at {url}")


def _check_results(messages: Iterable[dict[str, Any]]) -> None:
    """Require that each result answers a call just before, and that all calls have one but the last message's."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            _require(message["tool_call_id"] in open_calls, f"a result of {message['tool_call_id']}, not called")
            open_calls.remove(message["tool_call_id"])
        else:
            _require(not open_calls, f"no result of {open_calls}")
            open_calls = [call["id"] for call in message.get("tool_calls", [])]
