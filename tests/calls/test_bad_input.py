"""What a server gets wrong: the caller meets what the bare SDK gives, and the span says what it can."""

import json
from typing import Any, NamedTuple

import pytest
from bare import Met, attribute, both
from told import ANSWERED, COUNTED, Told, call, shortened, told

from flavours import ASK, Flavour
from spanglass.testing import HangUp, OpenAIServer, Reply, completion, error

JSON = "application/json"
LONG = "x" * 5_000_000
ANSWER: dict[str, Any] = {**ANSWERED, **COUNTED}
NAMED = {key: ANSWER[key] for key in ("output.mime_type", "llm.response.model_name", "spanglass.response.id")}
SAID = {key: value for key, value in ANSWERED.items() if key not in NAMED}
ROLE = {"llm.output_messages.0.message.role": "assistant"}


class Odd(NamedTuple):
    """A body that the API would not send, and what the span says of it; `shown` is its text, where that differs."""

    body: Any
    said: dict[str, Any]
    kind: str = JSON
    shown: str | None = None

    def reply(self) -> Reply:
        """Return the answer with this body."""
        return Reply(self.body, headers={"content-type": self.kind})

    def text(self) -> str:
        """Return the body's text."""
        if self.shown is not None:
            return self.shown
        return self.body.decode() if isinstance(self.body, bytes) else json.dumps(self.body)


OBJECT = {"output.mime_type": JSON}
TEXT = {"output.mime_type": "text/plain"}
CHOICE = {"index": 0, "finish_reason": "stop"}
NUMBERS = (
    b'{"id":NaN,"choices":[{"index":NaN,"message":{"role":"assistant","content":NaN}}],'
    b'"usage":{"total_tokens":-Infinity}}'
)
FAR = b'{"created":1e999,"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}' % (2**63, -(2**63))

ODD = {
    "no choices": Odd(completion(choices=None), {**NAMED, **COUNTED}),
    "choices are text": Odd(completion(choices="x"), {**NAMED, **COUNTED}),
    "choices are an object": Odd(completion(choices={"0": CHOICE}), {**NAMED, **COUNTED}),
    "choices are no objects": Odd(completion(choices=["x", 3, None]), {**NAMED, **COUNTED}),
    "no message": Odd(
        completion(choices=[{**CHOICE, "message": None}]), {**NAMED, **COUNTED, "llm.finish_reason": "stop"}
    ),
    "message is text": Odd(
        completion(choices=[{**CHOICE, "message": "x"}]), {**NAMED, **COUNTED, "llm.finish_reason": "stop"}
    ),
    "numbers for text": Odd(
        completion(7, model=8, id=9, finish_reason=10, service_tier=11),  # type: ignore[arg-type]
        {
            **OBJECT,
            **COUNTED,
            **ROLE,
            "llm.output_messages.0.message.content": "7",
            "llm.finish_reason": "10",
        },
    ),
    "text for numbers": Odd(
        completion(usage={"prompt_tokens": "7", "completion_tokens": 1.5, "total_tokens": None}), {**NAMED, **SAID}
    ),
    "usage is text": Odd({**completion(), "usage": "many"}, {**NAMED, **SAID}),
    "usage is a list": Odd({**completion(), "usage": [1]}, {**NAMED, **SAID}),
    "details are text": Odd(
        completion(
            usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "prompt_tokens_details": "x"}
        ),
        ANSWER,
    ),
    "not a number": Odd(NUMBERS, {**OBJECT, **ROLE, "llm.output_messages.0.message.content": '"nan"'}),
    "beyond 64 bits": Odd(FAR, {**OBJECT, "llm.token_count.completion": -(2**63)}),
    "surrogate and NUL": Odd(
        completion("a\ud800b\0c"), {**ANSWER, "llm.output_messages.0.message.content": "a\ufffdb\ufffdc"}
    ),
    "5 MB": Odd(
        completion(LONG),
        {**ANSWER, "llm.output_messages.0.message.content": shortened(LONG)},
        shown=json.dumps(completion(shortened(LONG)), separators=(",", ":"), ensure_ascii=False),
    ),
    "HTML": Odd(b"<html>hi</html>", TEXT, "text/html"),
    "text in UTF-16": Odd("é".encode("utf-16"), TEXT, "text/plain; charset=utf-16", "é"),
    "JSON called text": Odd(b'{"id":"x"}', {**OBJECT, "spanglass.response.id": "x"}, "text/plain"),
    "nothing": Odd(b"", TEXT, "text/plain"),
    "nothing, called JSON": Odd(b"", TEXT),
    "an empty object": Odd(b"{}", OBJECT),
    "a list": Odd(b"[1, 2]", OBJECT),
    "null": Odd(b"null", OBJECT),
    "a number": Odd(b"17", OBJECT),
    "a string": Odd(b'"hm"', OBJECT),
    "bad JSON": Odd(b'{"id": ', TEXT),
    "bad UTF-8": Odd(b'{"id":"\xff"}', {**OBJECT, "spanglass.response.id": "\ufffd"}, shown='{"id":"\ufffd"}'),
    "too deep": Odd(b'{"choices":' + b"[" * 200_000 + b"]" * 5000 + b"}", TEXT),
    "too many digits": Odd(b'{"created":' + b"9" * 200_000 + b"}", TEXT),
}


def ended(met: Met, server: OpenAIServer, said: dict[str, Any], raised_type: Any) -> Told:
    """Return the span that the call must leave: an error where its caller met one."""
    if not met.raised:
        return call(server, said)
    return call(
        server, said, {"error.type": raised_type}, status="ERROR", description=met.raised, events=("exception",)
    )


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_body(odd: Odd, flavour: Flavour, server: OpenAIServer) -> None:
    """Whatever a body holds, the caller meets what the bare SDK makes of it, and the span says what can be read."""
    bare, instrumented, (span,) = both(flavour, server, odd.reply(), lambda client, _: flavour.create(client))

    assert bare == instrumented
    assert ended(bare, server, odd.said, attribute(span, "error.type")) == told(span)
    assert odd.text() == attribute(span, "output.value")


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_body_raw(odd: Odd, flavour: Flavour, server: OpenAIServer) -> None:
    """A raw response with an odd body comes back unread, parses as ever, and leaves a call that succeeded."""

    def asking(client: Any, results: list[Any]) -> Any:
        raw = flavour.wait(client.chat.completions.with_raw_response.create(**ASK))
        results += [raw.http_response.content, raw.status_code]
        return raw.parse()

    bare, instrumented, (span,) = both(flavour, server, odd.reply(), asking)

    assert bare == instrumented
    assert ("ChatCompletion", "OK", None) == told(span)[:1] + told(span)[2:4]


FAILED = {
    "HTML": Reply(b"<html>no</html>", status=400, headers={"content-type": "text/html"}),
    "a list": Reply([1], status=400),
    "error is text": Reply({"error": "no"}, status=404),
    "error is null": Reply({"error": None}, status=422),
    "error without words": Reply({"error": {}}, status=500),
    "bytes": Reply(b"\xff\0", status=503),
    "error of other types": Reply({"error": {"message": [1], "code": {"x": 2}, "type": ["t"], "param": 7}}, status=429),
    "surrogate and NUL": Reply(error("a\ud800\0", code="\ud800"), status=400),
    "unknown status": Reply(b"", status=299),
    "redirect to nowhere": Reply(b"", status=307, headers={"location": "http://127.0.0.1:1/"}),
    "redirect without a place": Reply(b"", status=304),
    "not gzip": Reply(b"xx", headers={"content-type": JSON, "content-encoding": "gzip"}),
    "cut off": Reply(completion(), cut_at=10),
    "no answer": HangUp(),
}


@pytest.mark.parametrize("answer", FAILED.values(), ids=FAILED)
def test_odd_failure(answer: Reply | HangUp, flavour: Flavour, server: OpenAIServer) -> None:
    """However a request fails, the caller meets the bare SDK's exception, and the last span says so."""
    bare, instrumented, spans = both(flavour, server, answer, lambda client, _: flavour.create(client))

    assert bare == instrumented
    span = told(spans[-1])
    assert (("ERROR", fit(bare.raised)) if bare.raised else ("OK", None)) == (span.status, span.description)
    assert ["attempt"] * (len(spans) - 1) + ["ChatCompletion"] == [one.name for one in spans]


def fit(text: str) -> str:
    """Return a text as a span can hold it."""
    return text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
