"""What a server gets wrong in a stream: the caller takes what the bare SDK gives, and the span says what it can."""

from typing import Any, NamedTuple

import pytest
from bare import Met, both
from told import Told, call, shortened, told

from asking import sent
from flavours import Flavour
from spanglass.testing import OpenAIServer, Reply, Stream, chunks, completion, error

LONG = "x" * 5_000_000
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
# What the span of a stream says beside that of an answer.
ONLY = {"llm.invocation_parameters": '{"model":"gpt-4o-mini","stream":true}'}
INPUT = {"input.value": sent(stream=True)}
OBJECT = {"output.mime_type": "application/json", "llm.response.model_name": "gpt-4o-mini"}
ROLE = {"llm.output_messages.0.message.role": "assistant"}
CONTENT = "llm.output_messages.0.message.content"
CALLS = "llm.output_messages.0.message.tool_calls"
STOP = {"llm.finish_reason": "stop"}
TEST = {**OBJECT, "spanglass.response.id": "chatcmpl-test", **ROLE, CONTENT: "a"}
MINE = {**OBJECT, "spanglass.response.id": "c", **ROLE}


def stats(outcome: str, count: int, estimated: int | None) -> dict[str, Any]:
    """Return the attributes that say how a stream went."""
    said: dict[str, Any] = {"spanglass.stream.outcome": outcome, "spanglass.stream.chunk_count": count}
    if count:
        said["spanglass.stream.time_to_first_chunk"] = "seconds"
    if count > 1:
        said["spanglass.stream.longest_gap"] = said["spanglass.stream.longest_gap_at"] = "seconds"
    if estimated is not None:
        said["spanglass.usage.estimated_completion_tokens"] = estimated
    return said


def choices(*given: Any, **more: Any) -> dict[str, Any]:
    """Return a chunk with these choices."""
    return {**CHUNK, "choices": list(given), **more}


def deltas(*given: Any) -> Stream:
    """Return a stream of one choice with the role, these deltas, and the end."""
    opened = [{"role": "assistant"}, *given]
    pieces = [choices({"index": 0, "delta": delta, "finish_reason": None}) for delta in opened]
    return Stream([*pieces, choices({"index": 0, "delta": {}, "finish_reason": "stop"})])


def first(chunk: Any) -> Stream:
    """Return a stream that opens with this, and goes on as it should."""
    return Stream([chunk, *chunks(["a"])])


class Odd(NamedTuple):
    """A stream that the API would not send, and what the span says of it."""

    answer: Stream | Reply
    said: dict[str, Any]


GOOD = {**TEST, **STOP, **stats("completed", 4, 1)}
ODD = {
    "no choices": Odd(first({**CHUNK, "choices": None}), {**GOOD, "spanglass.response.id": "c"}),
    "choices are text": Odd(first({**CHUNK, "choices": "x"}), {**GOOD, "spanglass.response.id": "c"}),
    "choices are no objects": Odd(first(choices(None, 3, "x")), {**GOOD, "spanglass.response.id": "c"}),
    "no delta": Odd(first(choices({"index": 0, "delta": None})), {**GOOD, "spanglass.response.id": "c"}),
    "delta is text": Odd(first(choices({"index": "0", "delta": "x"})), {**GOOD, "spanglass.response.id": "c"}),
    "a list": Odd(first("data: [1,2]\n\n"), GOOD),
    "null": Odd(first("data: null\n\n"), GOOD),
    "a comment and an empty event": Odd(first(": hm\n\nevent: x\ndata: {}\n\n"), GOOD),
    "infinity": Odd(first('data: {"id":null,"created":Infinity,"choices":[]}\n\n'), GOOD),
    "number then text": Odd(
        deltas({"content": 7}, {"content": "a"}), {**MINE, **STOP, CONTENT: "a", **stats("completed", 4, 1)}
    ),
    "kinds that change": Odd(
        deltas({"content": 7}, {"content": ["x"]}, {"content": {"k": 1}}, {"content": "a"}),
        {**MINE, **STOP, CONTENT: "a", **stats("completed", 6, 1)},
    ),
    "tool calls are text, then calls": Odd(
        deltas({"tool_calls": "x"}, {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}),
        {
            **MINE,
            **STOP,
            f"{CALLS}.0.tool_call.id": "t",
            f"{CALLS}.0.tool_call.function.name": "f",
            **stats("completed", 4, 1),
        },
    ),
    "tool calls are no objects": Odd(
        deltas({"tool_calls": [None, 3, {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}),
        {
            **MINE,
            **STOP,
            f"{CALLS}.2.tool_call.id": "t",
            f"{CALLS}.2.tool_call.function.name": "f",
            f"{CALLS}.2.tool_call.function.arguments": "{}",
            **stats("completed", 3, 1),
        },
    ),
    "function is text": Odd(
        deltas({"tool_calls": [{"index": 0, "id": "t", "function": "f"}]}, {"tool_calls": [{"index": 0}]}),
        {**MINE, **STOP, f"{CALLS}.0.tool_call.id": "t", **stats("completed", 4, 1)},
    ),
    "halves of a character": Odd(
        Stream(chunks(["a\ud83d", "\ude00b"])),
        {**TEST, **STOP, CONTENT: "a\N{GRINNING FACE}b", **stats("completed", 4, 2)},
    ),
    "surrogate and NUL": Odd(
        Stream(chunks(["a\ud800", "b\0"])), {**TEST, **STOP, CONTENT: "a\ufffdb\ufffd", **stats("completed", 4, 2)}
    ),
    "5 MB": Odd(Stream(chunks([LONG])), {**TEST, **STOP, CONTENT: shortened(LONG), **stats("completed", 3, 1)}),
    "usage is text": Odd(Stream([*chunks(["a"]), choices(usage="x")]), GOOD),
    "usage in part": Odd(
        Stream([*chunks(["a"]), choices(usage={"prompt_tokens": "7", "total_tokens": 3})]),
        {**TEST, **STOP, "llm.token_count.total": 3, **stats("completed", 4, None)},
    ),
    "indices of no sense": Odd(
        Stream([choices({"index": 10**30, "delta": {"content": "a"}}, {"index": -1, "delta": {"content": "b"}})]),
        {
            **OBJECT,
            "spanglass.response.id": "c",
            CONTENT: "b",
            CONTENT.replace("0", "1"): "a",
            **stats("truncated", 1, 1),
        },
    ),
    "bad JSON": Odd(Stream([*chunks(["a"], finish_reason=None), 'data: {"id\n\n']), {**TEST, **stats("error", 2, 1)}),
    "an error": Odd(
        Stream([*chunks(["a"], finish_reason=None), error("Too much", code="rate")]),
        {
            **TEST,
            **stats("error", 2, 1),
            "spanglass.error.code": "rate",
            "spanglass.error.type": "invalid_request_error",
        },
    ),
    "bad UTF-8": Odd(Stream([b'data: {"id":"\xff"}\n\n']), stats("error", 0, 0)),
    "cut off": Odd(Stream(chunks(["a", "b"]), cut_at=400), {**TEST, **stats("error", 2, 1)}),
    "no chunks": Odd(Stream([]), stats("truncated", 0, 0)),
    "not a byte": Odd(Stream([], done=False), stats("truncated", 0, 0)),
    "nothing": Odd(Reply(b""), stats("truncated", 0, 0)),
    "HTML": Odd(Reply(b"<html>", headers={"content-type": "text/html"}), stats("truncated", 0, 0)),
    "an answer that does not stream": Odd(Reply(completion()), stats("truncated", 0, 0)),
}


def ended(met: Met, server: OpenAIServer, said: dict[str, Any], raised_type: Any) -> Told:
    """Return the span that the stream must leave."""
    began = said["spanglass.stream.chunk_count"] > 0
    events = ("First Token Stream Event",) * began + ("exception",) * bool(met.raised)
    if met.raised:
        said = {**said, "error.type": raised_type}
    status = "ERROR" if met.raised else {"completed": "OK"}.get(said["spanglass.stream.outcome"], "UNSET")
    return call(server, INPUT, ONLY, said, status=status, description=met.raised or None, events=events)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_stream(odd: Odd, flavour: Flavour, server: OpenAIServer) -> None:
    """Whatever a stream holds, the caller takes what the bare SDK makes of it, and the span says what can be read."""

    def asking(client: Any, results: list[Any]) -> None:
        def takes(chunk: Any) -> bool:
            results.append(chunk)
            return False

        stream = flavour.create(client, stream=True)
        try:
            flavour.each(stream, takes)
        finally:
            flavour.close(stream)

    bare, instrumented, (span,) = both(flavour, server, odd.answer, asking)

    assert bare == instrumented
    taken = len(bare.results) - (not bare.raised)  # the last is what asking itself returned
    if taken != odd.said["spanglass.stream.chunk_count"]:  # an older SDK reads odd events in another way
        assert taken == (span.attributes or {})["spanglass.stream.chunk_count"]
        return
    assert ended(bare, server, odd.said, (span.attributes or {}).get("error.type")) == told(span)
