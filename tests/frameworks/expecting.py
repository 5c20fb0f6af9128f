"""What the span of a call must say, given its request as it went over the wire and the model's answer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from saying import Said

from spanglass.testing import Request

COUNTED = {"llm.token_count.prompt": 9, "llm.token_count.completion": 2, "llm.token_count.total": 11}
DETAILS = ("prompt_details.cache_read", "prompt_details.cache_write", "completion_details.reasoning")


def call(request: Request, words: Said) -> dict[str, Any]:
    """Return what the span of any call must say."""
    body = request.json()
    own = CALLS[urlsplit(request.path).path](body, words)
    return {
        "status": "OK",
        "input.value": request.body.decode(),
        "input.mime_type": "application/json",
        **({"spanglass.stream.outcome": "completed"} if body.get("stream") else {}),
        "spanglass.attempt.count": 1,
        **own,
    }


def _chat(body: Mapping[str, Any], words: Said) -> dict[str, Any]:
    counted = not body.get("stream") or (body.get("stream_options") or {}).get("include_usage")
    text = "" if words.text is None and body.get("stream") else words.text  # the first chunk of a stream has one
    answer = {"role": "assistant", "content": text, "tool_calls": words.calls}
    return {
        "name": "ChatCompletion",
        **_model(body),
        "llm.invocation_parameters": _text({key: body[key] for key in body if key not in {"messages", "tools"}}),
        **dict(_messages("llm.input_messages", body["messages"])),
        **dict(_messages("llm.output_messages", [answer])),
        "llm.finish_reason": words.finish,
        **(COUNTED if counted else {}),
    }


def _response(body: Mapping[str, Any], words: Said) -> dict[str, Any]:
    read = {"input", "instructions", "tools"}
    instructed = {"role": "system", "content": body["instructions"]} if body.get("instructions") else None
    given = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    items = [*([instructed] if instructed else []), *given, words.item]
    return {
        "name": "Response",
        **_model(body),
        "llm.invocation_parameters": _text({key: body[key] for key in body if key not in read}),
        "messages": sorted(word for item in items for word in _words(item)),
        "llm.finish_reason": "completed",
        "spanglass.response.status": "completed",
        **COUNTED,
        **{f"llm.token_count.{detail}": 0 for detail in DETAILS},
    }


def _embeddings(body: Mapping[str, Any], _: Said) -> dict[str, Any]:
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]  # texts, or their tokens
    texts = {index: text for index, text in enumerate(inputs) if isinstance(text, str)}
    asked = {key: body[key] for key in body if key != "encoding_format"}  # it is the SDK that asks for base64
    return {
        "input.value": _text(asked),
        "name": "CreateEmbeddings",
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": body["model"],
        "embedding.invocation_parameters": _text({key: asked[key] for key in asked if key != "input"}),
        **{f"embedding.embeddings.{index}.embedding.text": text for index, text in texts.items()},
        **{f"embedding.embeddings.{index}.embedding.vector": (0.25, -0.5) for index in range(len(inputs))},
        "llm.token_count.prompt": 9,
        "llm.token_count.total": 9,
        "spanglass.response.vector_count": len(inputs),
    }


CALLS = {"/v1/chat/completions": _chat, "/v1/responses": _response, "/v1/embeddings": _embeddings}


def _model(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = enumerate(body.get("tools") or ())
    return {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": body["model"],
        **{f"llm.tools.{index}.tool.json_schema": _text(tool) for index, tool in tools},
    }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _messages(prefix: str, messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for index, message in enumerate(messages):
        own = f"{prefix}.{index}.message"
        yield f"{own}.role", message["role"]
        content = message.get("content")
        if isinstance(content, str):
            yield f"{own}.content", content
        for place, part in enumerate(content if isinstance(content, list) else ()):
            yield f"{own}.contents.{place}.message_content.type", part["type"]
            yield f"{own}.contents.{place}.message_content.text", part["text"]
        for key in ("name", "tool_call_id"):
            if message.get(key):
                yield f"{own}.{key}", message[key]
        for place, asked in enumerate(message.get("tool_calls") or ()):
            inner = f"{own}.tool_calls.{place}.tool_call"
            yield f"{inner}.id", asked["id"]
            yield f"{inner}.function.name", asked["function"]["name"]
            yield f"{inner}.function.arguments", asked["function"]["arguments"]


def _words(item: Mapping[str, Any]) -> list[str]:
    """Return what is said in one item of a response's input or output."""
    if item.get("type") == "function_call":
        return ["assistant", item["call_id"], item["name"], item["arguments"]]
    if item.get("type") == "function_call_output":
        return ["tool", item["call_id"], item["output"]]
    content = item["content"]
    return [item["role"], *([content] if isinstance(content, str) else [part["text"] for part in content])]
