"""A call as examples for OpenAI's supervised fine-tuning, or the reason why it cannot be one."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import blake2b
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from spanglass.cli import responses
from spanglass.credentials import REDACTED
from spanglass.endpoints.shapes import items
from spanglass.export.notes import COMPLETE
from spanglass.plain import fields
from spanglass.reading.conversation import received, sent, tools
from spanglass.reading.spans import failed, text
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own

FAILED: Final = "failed"
LEFT: Final = "streamed, and left before the end"
UNFINISHED: Final = "cut short by a limit of tokens or by a filter"
HIDDEN: Final = "with content that is hidden or was not recorded"
CUT: Final = "with content that was cut or replaced for its size"
NO_ANSWER: Final = "without an answer"
FOREIGN: Final = "with what fine-tuning does not take: sounds, files, tools that are no functions"
IMAGES: Final = "with more images than ten, or with images that are neither JPEG, PNG nor WEBP"
LOOSE: Final = "with tool calls and results that do not match"
ELSEWHERE: Final = "that go on from what only the provider has: a response before it, a conversation, a prompt"
PROMPTS: Final = "completions of prompts, which are no chats"
SAME: Final = "the same as another example"
BEGINNING: Final = "the beginning of a longer example"

# Why an answer stops where the model was not done.
CUT_SHORT: Final = frozenset({"length", "content_filter", "max_output_tokens", "incomplete"})
INCOMPLETE: Final = "incomplete"  # a stream's outcome where the API has said so itself
# What stands for what was cut or replaced, as `limits` writes it.
MARK: Final = re.compile(r"\[[\w.+/-]+: \d+ bytes, sha256 [0-9a-f]{64}\]")
# What an answer says something in.
SAYING: Final = frozenset({"content", "tool_calls", "function_call"})
DETAILS: Final = ("auto", "low", "high")
FETCHABLE: Final = ("https://", "http://", "data:")
# What fine-tuning takes of images, and of what a tool or a function is described by.
FORMATS: Final = re.compile(r"data:image/(jpe?g|png|webp)\b|https?://", re.IGNORECASE)
MOST_IMAGES: Final = 10
DESCRIBED_BY: Final = ("name", "description", "parameters", "strict")

Raw = Mapping[str, Any]
Made = dict[str, Any]
Answer = tuple[list[Raw], object]
"""Messages, of which the last is the answer, and why the model stopped."""


class UnfitError(Exception):
    """A call that cannot be an example; its text says why, after a count."""


def examples(span: ReadableSpan) -> Iterator[Made | str]:
    """Yield an example for each answer of a call; a text, which says why after a count, where there is none."""
    try:
        _check_outcome(span)
        request, answers = _request(span), _answers(span)
        head = [_message(raw) for raw in request["messages"]]
    except UnfitError as unfit:
        yield str(unfit)
        return
    for answer, reason in answers:
        yield _fitting(request, head, answer, reason)


def _fitting(request: Raw, head: list[Made], said: list[Raw], reason: object) -> Made | str:
    try:
        messages = [*head, *map(_message, said[:-1]), _answer(said[-1], reason)]
        return _example(request, responses.joined(messages) if request.get("items") else messages)
    except UnfitError as unfit:
        return str(unfit)


def digests(example: Made) -> Iterator[bytes]:
    """Yield a digest for each message of an example that is an answer: of all up to there, and of what goes with it.

    Two examples with the same last one are the same, and one whose last is another's earlier one is its beginning.
    """
    running = blake2b(_canonical({**example, "messages": None}), digest_size=16)
    for message in example["messages"]:
        running.update(_canonical(message))
        if message["role"] == "assistant":
            yield running.digest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _check_outcome(span: ReadableSpan) -> None:
    if failed(span):
        raise UnfitError(FAILED)
    if text(span, own.SPANGLASS_STREAM_OUTCOME) not in (*COMPLETE, INCOMPLETE):
        raise UnfitError(LEFT)


def _parsed(value: str | None) -> Raw:
    """Return a JSON object; an empty one for anything else."""
    with suppress(ValueError, RecursionError):
        return fields(json.loads(value or ""))
    return {}


def _is_own(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == "spanglass"


def _is_response(span: ReadableSpan) -> bool:
    return own.SPANGLASS_RESPONSE_STATUS in (span.attributes or {})


def _objects(value: Any) -> list[Raw]:
    """Return a list of JSON objects, an empty one for anything else."""
    found = [*map(fields, items(value))]
    return found if all(found) else []


def _request(span: ReadableSpan) -> Raw:
    """Return the body that was sent; of other instrumentors' spans, what they list of it."""
    value = text(span, oi.INPUT_VALUE)
    if value == REDACTED:
        raise UnfitError(HIDDEN)
    body = _parsed(value)
    if responses.asks(body):
        if responses.is_kept_elsewhere(body):
            raise UnfitError(ELSEWHERE)
        return responses.request(body)
    if "prompt" in body and "messages" not in body:
        raise UnfitError(PROMPTS)
    if _objects(body.get("messages")):
        return responses.retold(body) if _is_response(span) else body
    if _is_own(span) or span.dropped_attributes:
        raise UnfitError(CUT if value and not body else HIDDEN)
    messages = [asdict(message) for message in sent(span)]
    if not messages:
        raise UnfitError(HIDDEN)
    return {"messages": messages, "tools": [tool for each in tools(span) if (tool := _parsed(each))]}


def _answers(span: ReadableSpan) -> list[Answer]:
    """Return each answer, with why the model stopped."""
    value = text(span, oi.OUTPUT_VALUE)
    if value == REDACTED:
        raise UnfitError(HIDDEN)
    body = _parsed(value)
    if not body and value and _is_own(span):
        raise UnfitError(CUT)
    answers: list[Answer] = _choices(body) or _items(body) or _told_anew(body)
    if _is_response(span) and not _items(body):
        answers = _items_told_anew(body, text(span, oi.LLM_FINISH_REASON))
    if not answers and not _is_own(span):
        answers = [([asdict(message)], text(span, oi.LLM_FINISH_REASON)) for message in received(span)]
    if not answers:
        raise UnfitError(NO_ANSWER)
    return answers


def _choices(body: Raw) -> list[Answer]:
    choices = _objects(body.get("choices"))
    return [([each["message"]], each.get("finish_reason")) for each in choices if isinstance(each.get("message"), dict)]


def _items_told_anew(body: Raw, reason: object) -> list[Answer]:
    said = responses.said_anew(body.get("messages"))
    return [(said, reason)] if said else []


def _items(body: Raw) -> list[Answer]:
    said = responses.said(body.get("output"))
    return [(said, responses.reason(body))] if said else []


def _told_anew(body: Raw) -> list[Answer]:
    """Return the answers of which a part was hidden or changed: the messages as a record has them."""
    messages = _objects(body.get("messages"))
    if messages and not any("role" in message for message in messages):
        raise UnfitError(HIDDEN)
    return [([message], message.get("finish_reason")) for message in messages]


def _answer(raw: Raw, reason: object) -> Made:
    if isinstance(reason, str) and reason in CUT_SHORT:
        raise UnfitError(UNFINISHED)
    answer = _message(raw)
    if answer["role"] != "assistant":
        raise UnfitError(NO_ANSWER)
    if not any(answer.get(key) for key in SAYING):
        raise UnfitError(NO_ANSWER)
    return answer


def _example(request: Raw, messages: list[Made]) -> Made:
    offered = [_tool(tool) for tool in _objects(request.get("tools"))]
    functions = [_described(each, *DESCRIBED_BY[:-1]) for each in _objects(request.get("functions"))]
    if not functions and any("function_call" in message for message in messages):
        functions, offered = [_described(tool["function"], *DESCRIBED_BY[:-1]) for tool in offered], []
    made: Made = {"messages": messages}
    if offered:
        made["tools"] = offered
        if isinstance(request.get("parallel_tool_calls"), bool):
            made["parallel_tool_calls"] = request["parallel_tool_calls"]
    if functions:
        made["functions"] = functions
    written = _written(made)
    if REDACTED in written or ("tool_calls" in messages[-1] and not offered):
        raise UnfitError(HIDDEN)
    if MARK.search(written):
        raise UnfitError(CUT)
    _check_images(messages)
    _check_tool_calls(messages)
    return made


def _written(made: Made) -> str:
    try:
        return json.dumps(made, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise UnfitError(FOREIGN) from None


def _check_images(messages: list[Made]) -> None:
    """Raise where there are more images than an example may have, or others."""
    parts = [fields(part) for message in messages for part in items(message.get("content"))]
    urls = [str(part["image_url"]["url"]) for part in parts if part.get("type") == "image_url"]
    if len(urls) > MOST_IMAGES or not all(map(FORMATS.match, urls)):
        raise UnfitError(IMAGES)


def _check_tool_calls(messages: list[Made]) -> None:
    """Raise where a call has no result before the conversation goes on, or a result no call."""
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                raise UnfitError(LOOSE)
            waiting.remove(message["tool_call_id"])
        elif waiting:
            raise UnfitError(LOOSE)
        else:
            waiting = {call["id"] for call in message.get("tool_calls", ())}


def _tool(raw: Raw) -> Made:
    if raw.get("type") != "function" or not fields(raw.get("function")):
        raise UnfitError(FOREIGN)
    return {"type": "function", "function": _described(fields(raw["function"]), *DESCRIBED_BY)}


def _described(raw: Raw, *names: str) -> Made:
    """Return what describes a function, without what only some providers take."""
    return {name: raw[name] for name in names if name in raw}


# Messages: each as the API has it, or as a record names its fields where it was told anew.


def _message(raw: Raw) -> Made:
    role = raw.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise UnfitError(FOREIGN)
    return ROLES[role](raw)


def _named(raw: Raw, role: str) -> Made:
    return {"role": role, "name": raw["name"]} if isinstance(raw.get("name"), str) else {"role": role}


def _system(raw: Raw) -> Made:
    return {**_named(raw, "system"), "content": _content(raw, "text")}


def _user(raw: Raw) -> Made:
    return {**_named(raw, "user"), "content": _content(raw, "text", "image_url", "image")}


def _tool_result(raw: Raw) -> Made:
    if not isinstance(raw.get("tool_call_id"), str):
        raise UnfitError(LOOSE)
    return {"role": "tool", "tool_call_id": raw["tool_call_id"], "content": _content(raw, "text")}


def _function_result(raw: Raw) -> Made:
    if not isinstance(raw.get("name"), str):
        raise UnfitError(LOOSE)
    return {"role": "function", "name": raw["name"], "content": _content(raw, "text")}


def _assistant(raw: Raw) -> Made:
    if raw.get("audio"):
        raise UnfitError(FOREIGN)
    made = _named(raw, "assistant")
    if raw.get("content") or raw.get("parts"):
        made["content"] = _content(raw, "text", "refusal")
    elif isinstance(raw.get("refusal"), str) and raw["refusal"]:
        made["content"] = [{"type": "refusal", "refusal": raw["refusal"]}]
    if raw.get("tool_calls"):
        made["tool_calls"] = [_tool_call(call) for call in _objects(raw["tool_calls"])]
    function = fields(raw.get("function_call"))
    name = function.get("name", raw.get("function_name"))
    if name:
        arguments = function.get("arguments", raw.get("function_arguments"))
        made["function_call"] = {"name": name, "arguments": arguments or ""}
    return made if made.keys() & SAYING else {**made, "content": ""}


def _tool_call(raw: Raw) -> Made:
    called = fields(raw.get("function", raw))
    if raw.get("type", "function") != "function" or not called:
        raise UnfitError(FOREIGN)
    name, arguments = called.get("name"), called.get("arguments")
    if not isinstance(raw.get("id"), str) or not isinstance(name, str):
        raise UnfitError(LOOSE)
    return {"id": raw["id"], "type": "function", "function": {"name": name, "arguments": arguments or ""}}


def _content(raw: Raw, *kinds: str) -> str | list[Made]:
    """Return the content: a text, or its parts, which may be of these kinds."""
    content = raw.get("parts") or raw.get("content")
    if isinstance(content, str):
        return content
    parts = _objects(content)
    if not parts:
        raise UnfitError(FOREIGN)
    return [_part(part, kinds) for part in parts]


def _part(raw: Raw, kinds: tuple[str, ...]) -> Made:
    kind = raw.get("type") or raw.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise UnfitError(FOREIGN)
    return PARTS[kind](raw)


def _text_part(raw: Raw) -> Made:
    return {"type": "text", "text": str(raw.get("text") or "")}


def _refusal_part(raw: Raw) -> Made:
    return {"type": "refusal", "refusal": str(raw.get("refusal") or raw.get("text") or "")}


def _image_part(raw: Raw) -> Made:
    image = raw.get("image_url", raw)
    url = image if isinstance(image, str) else fields(image).get("url")
    if not isinstance(url, str) or not url.startswith(FETCHABLE):
        raise UnfitError(HIDDEN if url == REDACTED else CUT)
    detail = fields(image).get("detail")
    return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail in DETAILS else {"url": url}}


PARTS: Final[Mapping[str, Callable[[Raw], Made]]] = {
    "text": _text_part,
    "refusal": _refusal_part,
    "image_url": _image_part,
    "image": _image_part,
}
ROLES: Final[Mapping[str, Callable[[Raw], Made]]] = {
    "system": _system,
    "developer": _system,  # fine-tuning has no other word for it
    "user": _user,
    "assistant": _assistant,
    "tool": _tool_result,
    "function": _function_result,
}
