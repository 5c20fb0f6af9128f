"""Bodies of the Responses API, of embeddings and of the completions before chat, as the OpenAI API words them."""

import base64
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from spanglass.testing.bodies import CREATED, MODEL, USAGE

RESPONSE_USAGE: Final = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 11,
}
EMBEDDING_MODEL: Final = "text-embedding-3-small"
TEXT_MODEL: Final = "gpt-3.5-turbo-instruct"
ENDS: Final = {"completed": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}
# What an item has of these when it is added.
UNBEGUN: Final[dict[str, Any]] = {
    "status": "in_progress",
    "content": [],
    "summary": [],
    "arguments": "",
    "input": "",
    "code": "",
    "outputs": None,
    "output": None,
    "encrypted_content": None,
}
# Of an item's list of parts: what its events call a part's place, and the events of the parts and of their texts.
PARTS: Final = (
    (
        "summary",
        "summary_index",
        {"part": "response.reasoning_summary_part", "summary_text": "response.reasoning_summary_text"},
    ),
    (
        "content",
        "content_index",
        {
            "part": "response.content_part",
            "output_text": "response.output_text",
            "refusal": "response.refusal",
            "reasoning_text": "response.reasoning_text",
        },
    ),
)
# Of an item that is a call: the events of its text, and the field that holds it.
TEXTS: Final = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
    "mcp_call": ("response.mcp_call_arguments", "arguments"),
    "code_interpreter_call": ("response.code_interpreter_call_code", "code"),
}
LEADING: Final = ("response.created", "response.in_progress")


def said(text: str, number: int = 0) -> dict[str, Any]:
    """Return the output item of a text that the model says."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_test_{number}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def response(
    output: str | Sequence[Mapping[str, Any]] = "Hello",
    *,
    model: str = MODEL,
    usage: Mapping[str, Any] | None = RESPONSE_USAGE,
    status: str = "completed",
    **more: Any,
) -> dict[str, Any]:
    """Return the body of a response; a text is one message. `more` adds to its top level, or replaces what is there."""
    return {
        "id": "resp_test",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": model,
        "output": [said(output)] if isinstance(output, str) else [dict(item) for item in output],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None if usage is None else dict(usage),
        "metadata": {},
        **more,
    }


def response_events(
    pieces: Iterable[str] | Sequence[Mapping[str, Any]] = ("Hel", "lo"), *, status: str = "completed", **more: Any
) -> list[dict[str, Any]]:
    """Return the events of a streamed response: of a text in these pieces, or of whole output items.

    `status` is that of its last event, or any other where none is to tell of the end; `more` is as in `response`.
    """
    given: list[Any] = [*pieces]
    spoken = all(isinstance(one, str) for one in given)
    output: list[dict[str, Any]] = [said("".join(given))] if spoken else [dict(item) for item in given]
    begun: dict[str, Any] = {**response([]), **more, "usage": None, "status": "in_progress"}
    events: list[dict[str, Any]] = [{"type": name, "response": begun} for name in LEADING]
    for number, item in enumerate(output):
        events += _of_item(number, item, given if spoken else None)
    if status in ENDS:
        events += [{"type": ENDS[status], "response": {**response(output, status=status), **more}}]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _of_item(number: int, item: dict[str, Any], pieces: list[str] | None) -> Iterator[dict[str, Any]]:
    place = {"item_id": item.get("id"), "output_index": number}
    empty: dict[str, Any] = {name: nothing for name, nothing in UNBEGUN.items() if item.get(name) is not None}
    if item["type"] == "shell_call":
        empty["action"] = {**item["action"], "commands": []}
    yield {"type": "response.output_item.added", "output_index": number, "item": {**item, **empty}}
    for held, at, names in PARTS:
        for index, part in enumerate(item.get(held) or ()):
            yield from _of_part({**place, at: index}, part, names, pieces)
    if item["type"] in TEXTS:
        yield from _of_text(place, item, *TEXTS[item["type"]])
    if item["type"] in SHELLS:
        yield from SHELLS[item["type"]](place, item)
    yield {"type": "response.output_item.done", "output_index": number, "item": item}


def _of_part(
    place: dict[str, Any], part: dict[str, Any], names: Mapping[str, str], pieces: list[str] | None
) -> Iterator[dict[str, Any]]:
    field = "refusal" if part["type"] == "refusal" else "text"
    event = names["part"]
    empty: dict[str, Any] = {"annotations": []} if "annotations" in part else {}
    yield {"type": f"{event}.added", **place, "part": {**part, field: "", **empty}}
    for index, annotation in enumerate(part.get("annotations") or ()):
        name = "response.output_text.annotation.added"
        yield {"type": name, **place, "annotation_index": index, "annotation": annotation}
    yield from _of_text(place, part, names[part["type"]], field, pieces)
    yield {"type": f"{event}.done", **place, "part": part}


def _of_text(
    place: dict[str, Any], holder: dict[str, Any], event: str, field: str, pieces: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    likely: dict[str, Any] = {"logprobs": []} if event == "response.output_text" else {}
    for piece in pieces if pieces is not None else _halves(holder[field]):
        yield {"type": f"{event}.delta", **place, "delta": piece, **likely}
    named = {"name": holder["name"]} if event == "response.function_call_arguments" else {}
    yield {"type": f"{event}.done", **place, **named, field: holder[field], **likely}


def _of_commands(place: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = "response.shell_call_command"
    for index, command in enumerate(item["action"]["commands"]):
        here = {"output_index": place["output_index"], "command_index": index}
        yield {"type": f"{name}.added", **here, "command": ""}
        for piece in _halves(command):
            yield {"type": f"{name}.delta", **here, "delta": piece}
        yield {"type": f"{name}.done", **here, "command": command}


def _of_outputs(place: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = "response.shell_call_output_content"
    for index, output in enumerate(item["output"]):
        for field in ("stdout", "stderr"):
            for piece in _halves(output[field]):
                yield {"type": f"{name}.delta", **place, "command_index": index, "delta": {field: piece}}
        yield {"type": f"{name}.done", **place, "command_index": index, "output": [output]}


SHELLS: Final = {"shell_call": _of_commands, "shell_call_output": _of_outputs}


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]


def embeddings(
    vectors: Sequence[Sequence[float]] = ((0.25, -0.5),),
    *,
    base64_encoded: bool = False,
    model: str = EMBEDDING_MODEL,
    **more: Any,
) -> dict[str, Any]:
    """Return the body of embeddings, the vectors as numbers, or as the base64 of 32-bit floats; `more` as elsewhere."""
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector) if base64_encoded else [*vector]}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return {"object": "list", "data": data, "model": model, "usage": usage, **more}


def _encoded(vector: Sequence[float]) -> str:
    return base64.b64encode(array("f", vector).tobytes()).decode()


def text_completion(
    *texts: str, model: str = TEXT_MODEL, usage: Mapping[str, Any] | None = USAGE, **more: Any
) -> dict[str, Any]:
    """Return the body of a completion before chat, with one choice a text ("Hello" by itself); `more` as elsewhere."""
    choices = [
        {"text": text, "index": index, "logprobs": None, "finish_reason": "stop"}
        for index, text in enumerate(texts or ("Hello",))
    ]
    top = {"id": "cmpl-test", "object": "text_completion", "created": CREATED, "model": model, "choices": choices}
    return {**top, "usage": None if usage is None else dict(usage), **more}


def text_chunks(
    pieces: Iterable[str] = ("Hel", "lo"),
    *,
    model: str = TEXT_MODEL,
    usage: Mapping[str, Any] | None = None,
    finish_reason: str | None = "stop",
) -> list[dict[str, Any]]:
    """Return the chunks of a streamed completion before chat: one a piece, the finish reason, the usage if given."""
    top = {"id": "cmpl-test", "object": "text_completion", "created": CREATED, "model": model}
    told: list[tuple[str, str | None]] = [(piece, None) for piece in pieces]
    if finish_reason is not None:
        told.append(("", finish_reason))
    found: list[dict[str, Any]] = [
        {**top, "choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": reason}]}
        for text, reason in told
    ]
    return found if usage is None else [*found, {**top, "choices": [], "usage": dict(usage)}]
