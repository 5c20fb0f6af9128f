"""Bodies as the OpenAI API words them: always the same ids and times, so that a test can compare all of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MODEL: Final = "gpt-4o-mini"
CREATED: Final = 1_700_000_000
USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


def completion(
    content: str | None = "Hello",
    *,
    model: str = MODEL,
    usage: Mapping[str, Any] | None = USAGE,
    tool_calls: Sequence[Mapping[str, Any]] | None = None,
    finish_reason: str | None = "stop",
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a chat completion with one choice; `more` adds to its top level, or replaces what is there."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if tool_calls is not None:
        message["tool_calls"] = list(tool_calls)
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": None if usage is None else dict(usage),
        **more,
    }


def chunks(
    pieces: Iterable[str] = ("Hel", "lo"),
    *,
    model: str = MODEL,
    usage: Mapping[str, Any] | None = None,
    tool_calls: Sequence[Mapping[str, Any]] = (),
    finish_reason: str | None = "stop",
    **more: Any,
) -> list[dict[str, Any]]:
    """Return the chunks of a streamed chat completion with one choice.

    One opens it with the role, one carries each of the `pieces`, three each of the `tool_calls` (whole calls, as in
    `completion`: the arguments come in two halves); then `finish_reason` and `usage`, each unless it is None. `more`
    adds to the top level of every chunk, or replaces what is there.
    """
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces]
    deltas += [
        {"tool_calls": [part]} for index, call in enumerate(tool_calls) for part in _tool_call_deltas(index, call)
    ]
    choices: list[list[dict[str, Any]]] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    if finish_reason is not None:
        choices.append([{"index": 0, "delta": {}, "finish_reason": finish_reason}])
    top: dict[str, Any] = {
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        **more,
    }
    if usage is None:
        return [{**top, "choices": choice} for choice in choices]
    return [
        *({**top, "choices": choice, "usage": None} for choice in choices),
        {**top, "choices": [], "usage": dict(usage)},
    ]


def _tool_call_deltas(index: int, call: Mapping[str, Any]) -> list[dict[str, Any]]:
    function = call["function"]
    arguments: str = function["arguments"]
    half = len(arguments) // 2
    return [
        {"index": index, **call, "function": {**function, "arguments": ""}},
        {"index": index, "function": {"arguments": arguments[:half]}},
        {"index": index, "function": {"arguments": arguments[half:]}},
    ]


def error(
    message: str, *, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """Return an error as the API words it, for the body of a `Reply` or a chunk of a `Stream`; `kind` is its type."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
