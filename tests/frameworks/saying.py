"""What the model says, in the words of whichever endpoint is asked, streamed where that is asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from spanglass.testing import Answer, Reply, Request, Stream, chunks, completion

INPUT, OUTPUT = 9, 2
CHAT_USAGE = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
USAGE = {
    "input_tokens": INPUT,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": OUTPUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT + OUTPUT,
}
VECTOR = [0.25, -0.5]
PACKED = "AACAPgAAAL8="  # the same, as base64 of little-endian floats


@dataclass(frozen=True)
class Said:
    """One answer of the model: a text, or a call of the tool `name` with `arguments` as JSON text."""

    text: str | None = None
    name: str | None = None
    arguments: str = ""

    @property
    def finish(self) -> str:
        """Why a chat ends with it."""
        return "tool_calls" if self.name else "stop"

    def __call__(self, request: Request) -> Answer:
        """Answer a request of the server's."""
        return ANSWERS[urlsplit(request.path).path.removeprefix("/v1")](self, request.json())

    def call(self, number: int) -> dict[str, Any]:
        """Return the call of the tool as a chat has it."""
        return {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }


def _chat(said: Said, asked: Mapping[str, Any]) -> Answer:
    calls = [said.call(1)] if said.name else None
    head = {"model": asked["model"], "finish_reason": said.finish}
    if not asked.get("stream"):
        return Reply(completion(said.text, usage=CHAT_USAGE, tool_calls=calls, **head))
    counted = (asked.get("stream_options") or {}).get("include_usage")
    pieces = _halves(said.text) if said.text else ()
    return Stream(chunks(pieces, usage=CHAT_USAGE if counted else None, tool_calls=calls or (), **head))


def _response(said: Said, asked: Mapping[str, Any]) -> Answer:
    item = _item(said)
    whole = _body(asked["model"], "completed", [item], USAGE)
    if not asked.get("stream"):
        return Reply(whole)
    events = _events(said, item, _body(asked["model"], "in_progress", [], None), whole)
    return Stream([{**event, "sequence_number": number} for number, event in enumerate(events)], done=False)


def _body(model: str, status: str, output: list[Any], usage: Any) -> dict[str, Any]:
    return {
        "id": "resp_test",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


def _item(said: Said) -> dict[str, Any]:
    if said.name:
        return {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": said.name,
            "arguments": said.arguments,
        }
    text: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [text]}


def _events(said: Said, item: dict[str, Any], opened: Any, whole: Any) -> Iterator[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": 0}
    empty: dict[str, Any] = {"arguments": ""} if said.name else {"content": []}
    begun = {**item, "status": "in_progress", **empty}
    yield {"type": "response.created", "response": opened}
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    if said.name:
        for piece in _halves(said.arguments):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        done = {"name": said.name, "arguments": said.arguments}
        yield {"type": "response.function_call_arguments.done", **place, **done}
    else:
        (part,) = item["content"]
        inner = {**place, "content_index": 0}
        yield {"type": "response.content_part.added", **inner, "part": {**part, "text": ""}}
        for piece in _halves(said.text or ""):
            yield {"type": "response.output_text.delta", **inner, "delta": piece, "logprobs": []}
        yield {"type": "response.output_text.done", **inner, "text": said.text, "logprobs": []}
        yield {"type": "response.content_part.done", **inner, "part": part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": whole}


def _embeddings(_: Said, asked: Mapping[str, Any]) -> Answer:
    given = asked["input"]
    count = len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1
    vector: Any = PACKED if asked.get("encoding_format") == "base64" else VECTOR
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(count)]
    usage = {"prompt_tokens": INPUT, "total_tokens": INPUT}
    return Reply({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def _halves(text: str) -> list[str]:
    half = len(text) // 2
    return [text[:half], text[half:]]


ANSWERS = {"/chat/completions": _chat, "/responses": _response, "/embeddings": _embeddings}
