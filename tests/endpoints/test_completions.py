"""The completions before chat: prompts, the texts that came, and streams in which several of them are mixed."""

import json
import sys
from copy import deepcopy
from random import Random
from types import FrameType
from typing import Any

import pytest
from openai.types import Completion

from flavours import Flavour
from spanglass.endpoints.completions import CompletionAccumulator, read_request, read_response
from spanglass.record import Choice, Record, Usage
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, text_chunks, text_completion

MODEL = "gpt-3.5-turbo-instruct"
HEAD = {"id": "cmpl-test", "object": "text_completion", "created": 1_700_000_000, "model": MODEL}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
SEEN = {
    "input_value": "what is sent",
    "input_mime": "application/json",
}


def record(**more: Any) -> Record:
    """Return the record of a completion."""
    return Record("Completion", "LLM", "text_completion", **more)


class Text(str):
    """A text of a class of its own, as numpy has one."""

    __slots__ = ()


PROMPTS: dict[str, tuple[Any, list[str]]] = {
    "a text": ("a", ["a"]),
    "texts": (["a", "b"], ["a", "b"]),
    "a tuple": (("a", "b"), ["a", "b"]),
    "a text of another class": (Text("a"), ["a"]),
    "texts of another class": ([Text("a"), "b"], ["a", "b"]),
    "tokens": ([1, 2], []),
    "lists of tokens": ([[1, 2], [3]], []),
    "nothing": (None, []),
    "no texts": ([], []),
    "something else": ({"a": 1}, []),
}


@pytest.mark.parametrize(("given", "prompts"), PROMPTS.values(), ids=PROMPTS)
def test_prompts(given: Any, prompts: list[str]) -> None:
    """Texts are told one by one, tokens are not decoded, and all else of the request is a parameter."""
    asked = {"model": MODEL, "suffix": "z", "n": 2, "best_of": 3, "echo": True, "logprobs": 1, "max_tokens": 5}
    read = record()

    read_request(read, {"prompt": given, **asked}, "what is sent")

    assert read == record(**SEEN, parameters=asked, prompts=prompts)


def test_request_that_was_not_sent() -> None:
    """Where nothing was sent, the input is the body as JSON, without the credentials in it."""
    read = record()

    read_request(read, {"model": "m", "prompt": [[1, 2]], "api_key": "abc"}, None)

    assert read == record(
        input_value='{"model":"m","prompt":[[1,2]]}',
        input_mime="application/json",
        parameters={"model": "m"},
        prompts=[],
    )


def choices(*told: tuple[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return choices of these indexes, texts and finish reasons."""
    return [{"index": index, "text": text, "finish_reason": reason, "logprobs": None} for index, text, reason in told]


@pytest.mark.parametrize("made", [dict, lambda body: Completion.construct(**body)], ids=["dicts", "models"])
def test_response(made: Any) -> None:
    """Choices are in the order of their index, each with its reason, and the head and the usage are read."""
    mixed = choices((2, "c", "length"), (0, "a", "stop"), (1, "b", "content_filter"))
    read = record()

    read_response(read, made(text_completion(choices=mixed, system_fingerprint="fp_1")), '{"a":1}')

    assert read == record(
        response_id="cmpl-test",
        response_model=MODEL,
        fingerprint="fp_1",
        output_value='{"a":1}',
        output_mime="application/json",
        choices=[Choice("a", "stop"), Choice("b", "content_filter"), Choice("c", "length")],
        usage=Usage(9, 2, 11),
    )


ODD: dict[str, tuple[Any, list[Choice]]] = {
    "nothing": (None, []),
    "a text": ("Service Unavailable", []),
    "no choices": ({"choices": []}, []),
    "not a list": ({"choices": "ab"}, []),
    "choices that are none": ({"choices": [1, None, "a"]}, [Choice(), Choice(), Choice()]),
    "without an index": ({"choices": [{"text": "b"}, {"text": "a", "index": 0}]}, [Choice("b"), Choice("a")]),
    "with an odd one": ({"choices": choices(("1", "b", None), (0, "a", 5))}, [Choice("b"), Choice("a", "5")]),
    "with a huge one": ({"choices": choices((2**70, "b", None), (0, "a", ""))}, [Choice("b"), Choice("a", "")]),
    "of other types": ({"choices": choices((0, ["a"], {"b": 1}))}, [Choice('["a"]', '{"b":1}')]),
    "another head": ({"id": 1, "model": ["m"], "usage": "many", "choices": None}, []),
}


@pytest.mark.parametrize(("response", "expected"), ODD.values(), ids=ODD)
def test_odd_response(response: Any, expected: list[Choice]) -> None:
    """Whatever comes in the place of a response is read as far as it is one."""
    read = record()

    read_response(read, response, "text" if response is None or isinstance(response, str) else json.dumps(response))

    odd = response is None or isinstance(response, str)
    value, mime = ("text", "text/plain") if odd else (json.dumps(response), "application/json")
    assert read == record(output_value=value, output_mime=mime, choices=expected)


def chunk(*told: tuple[Any, Any, Any], **more: Any) -> dict[str, Any]:
    """Return a chunk of choices of these indexes, texts and finish reasons; `more` adds to every choice."""
    return {**HEAD, "choices": [{**choice, **more} for choice in choices(*told)]}


def joined(index: int, text: str, reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """Return a choice of the response."""
    return {"index": index, "text": text, "finish_reason": reason, **more}


LIKELY = {"tokens": ["a"], "token_logprobs": [-1.5], "top_logprobs": [{"a": -1.5, "b": -2}], "text_offset": [0]}
UNLIKELY = {"tokens": ["b"], "token_logprobs": [-2.5], "top_logprobs": [{"b": -2.5}], "text_offset": [1]}
Streamed = tuple[list[dict[str, Any]], list[dict[str, Any]], int, str | None]
"""The chunks, the choices that they add up to, how many bear text, and how the stream has ended."""

STREAMS: dict[str, Streamed] = {
    "one text": (text_chunks(["Hel", "lo", ""]), [joined(0, "Hello")], 2, "completed"),
    "no text": (text_chunks([]), [joined(0, "")], 0, "completed"),
    "unfinished": (text_chunks(["Hel"], finish_reason=None), [joined(0, "Hel", None)], 1, None),
    "several prompts and choices, mixed": (
        [
            chunk((3, "d", None)),
            chunk((0, "a", None), (1, "b", None)),
            chunk((0, "A", None)),
            chunk((2, "c", "length")),
            chunk((3, "D", "stop")),
            chunk((1, "B", None)),
            chunk((0, "", "stop")),
            chunk((1, "", "stop")),
        ],
        [joined(0, "aA"), joined(1, "bB"), joined(2, "c", "length"), joined(3, "dD")],
        6,
        "completed",
    ),
    "one of two has not ended": (
        [chunk((0, "a", None)), chunk((1, "b", None)), chunk((0, "", "stop"))],
        [joined(0, "a"), joined(1, "b", None)],
        2,
        None,
    ),
    "log probabilities": (
        [chunk((0, "a", None), logprobs=LIKELY), chunk((0, "b", "stop"), logprobs=UNLIKELY)],
        [
            joined(
                0,
                "ab",
                logprobs={
                    "tokens": ["a", "b"],
                    "token_logprobs": [-1.5, -2.5],
                    "top_logprobs": [{"a": -1.5, "b": -2}, {"b": -2.5}],
                    "text_offset": [0, 1],
                },
            )
        ],
        2,
        "completed",
    ),
    "the end in the last piece": ([chunk((0, "a", None)), chunk((0, "b", "stop"))], [joined(0, "ab")], 2, "completed"),
}


def model(raw: dict[str, Any]) -> Completion:
    """Return a chunk as the SDK makes it, unchecked."""
    return Completion.construct(**raw)


@pytest.mark.parametrize("made", [deepcopy, model], ids=["dicts", "models"])
@pytest.mark.parametrize(("given", "expected", "bearing", "end"), STREAMS.values(), ids=STREAMS)
def test_stream(
    given: list[dict[str, Any]], expected: list[dict[str, Any]], bearing: int, end: str | None, made: Any
) -> None:
    """Models or dicts add up to the same response, by the index of each choice, whatever the order they come in."""
    accumulator = CompletionAccumulator()
    for one in [*given, {**HEAD, "system_fingerprint": "fp_1", "choices": [], "usage": USAGE}]:
        taken = made(one)
        accumulator.take(taken)
        if isinstance(taken, dict):
            taken.clear()  # it is the program's: what it does with it changes nothing

    settled = {**HEAD, "system_fingerprint": "fp_1", "choices": expected, "usage": USAGE}
    assert (settled, bearing, end) == (accumulator.settle(), accumulator.bearing, accumulator.end)


def test_no_chunks() -> None:
    """Nothing adds up to a response without choices, which is not at its end."""
    accumulator = CompletionAccumulator()

    assert ({"object": "text_completion", "choices": []}, None) == (accumulator.settle(), accumulator.end)


JUNK: tuple[Any, ...] = (None, 1, "a", [], {}, [{}], {"choices": 1}, {"text": 1}, float("nan"), b"a", object, 2**80)


def test_junk() -> None:
    """No chunk and no response is so odd that reading it raises."""
    random = Random(5)  # noqa: S311 - the same at each run
    names = ("choices", "text", "index", "finish_reason", "logprobs", "usage", "id", "model")
    for _ in range(2_000):
        made = {name: random.choice(JUNK) for name in names if random.random() < 0.7}
        if random.random() < 0.7:
            made["choices"] = [{name: random.choice(JUNK) for name in names}, random.choice(JUNK)]
        accumulator = CompletionAccumulator()
        accumulator.take(made)
        read_response(record(), made, None)
        read_response(record(), accumulator.settle(), None)
        read_request(record(), {"prompt": made, **made}, None)


def test_common_chunk_costs_nothing() -> None:
    """A piece of one choice's text is taken without a call of a function."""
    accumulator = CompletionAccumulator()
    first, second = model(chunk((0, "a", None))), model(chunk((0, "b", None)))
    for one in (first, second):  # pydantic 1 has no such quick way
        if not hasattr(one, "__pydantic_extra__"):
            pytest.skip("the models of pydantic 1 are taken as dicts are")
    accumulator.take(first)
    calls: list[str] = []

    def count(_: FrameType, event: str, __: object) -> None:
        if event in {"call", "c_call"}:
            calls.append(event)

    sys.setprofile(count)
    accumulator.take(second)
    sys.setprofile(None)

    assert ["call", "c_call"] == calls  # `take` itself, and the end of the count
    assert "ab" == accumulator.settle()["choices"][0]["text"]


def told(captured: CapturedSpans) -> dict[str, Any]:
    """Return what the one span tells of the completion itself."""
    (span,) = captured.spans
    own = ("llm.", "output.mime", "spanglass.stream.outcome", "spanglass.stream.chunk", "spanglass.response.id")
    return {name: value for name, value in (span.attributes or {}).items() if name.startswith(own)}


def test_several(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Two prompts of two choices each are told with all they say, and the input and output as they went."""
    body = text_completion("a", "b", "c", "d")
    server.script(Reply(body))
    asked: dict[str, Any] = {"model": MODEL, "prompt": ["one", "two"], "n": 2, "best_of": 2, "echo": True}

    flavour.wait(flavour.client(server).completions.create(**asked))

    (span,) = captured.spans
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert (asked, body) == (json.loads(attributes["input.value"]), json.loads(attributes["output.value"]))
    assert ("Completion", "text_completion") == (span.name, body["object"])
    assert told(captured) == {
        "llm.system": "openai",
        "llm.model_name": MODEL,
        "llm.request.model_name": MODEL,
        "llm.response.model_name": MODEL,
        "llm.invocation_parameters": '{"model":"gpt-3.5-turbo-instruct","best_of":2,"echo":true,"n":2}',
        "llm.prompts.0.prompt.text": "one",
        "llm.prompts.1.prompt.text": "two",
        **{f"llm.choices.{number}.completion.text": letter for number, letter in enumerate("abcd")},
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 9,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 11,
        "output.mime_type": "application/json",
        "spanglass.response.id": "cmpl-test",
    }


def test_streamed(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream in which two choices are mixed is told as the response that it adds up to, with its usage."""
    given, _, _, _ = STREAMS["several prompts and choices, mixed"]
    server.script(Stream([*given, {**HEAD, "choices": [], "usage": USAGE}]))
    asked: dict[str, Any] = {"model": MODEL, "prompt": [[1, 2], [3]], "n": 2, "stream": True}

    stream = flavour.wait(
        flavour.client(server).completions.create(**asked, extra_body={"stream_options": {"include_usage": True}})
    )
    flavour.take(stream)

    (span,) = captured.spans
    attributes: dict[str, Any] = dict(span.attributes or {})
    settled = {**HEAD, "choices": STREAMS["several prompts and choices, mixed"][1], "usage": USAGE}
    assert settled == json.loads(attributes["output.value"])
    assert {name: value for name, value in told(captured).items() if "model" not in name and "invoc" not in name} == {
        "llm.system": "openai",
        **{f"llm.choices.{number}.completion.text": text for number, text in enumerate(("aA", "bB", "c", "dD"))},
        "llm.finish_reason": "stop",
        "llm.token_count.prompt": 9,
        "llm.token_count.completion": 2,
        "llm.token_count.total": 11,
        "output.mime_type": "application/json",
        "spanglass.response.id": "cmpl-test",
        "spanglass.stream.outcome": "completed",
        "spanglass.stream.chunk_count": 9,
    }
