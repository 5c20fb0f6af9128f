"""What is said of one trace: its facts, and its steps."""

import math
from decimal import Decimal
from typing import Any, Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode
from recorder import ASKED, CHAIN, OK, UNSET, Recorder, one, retried

from spanglass.export.notes import read
from spanglass.export.summary import Row, Summary, Tally, summarize


def summary(**known: Any) -> Summary:
    """Return a summary in which nothing is known but this."""
    nothing: dict[str, Any] = {
        "trace_id": "a1b2c3d500000000000000000000feed",
        "name": None,
        "prompt": None,
        "model": None,
        "project": None,
        "environment": None,
        "latency": 50.0,
        "tokens": None,
        "estimated": False,
        "cost": None,
        "partial": False,
        "retries": 0,
        "steps": 0,
        "status": "SUCCESS",
        "rows": (),
    }
    return Summary(**{**nothing, **known})


def kind(name: str, **more: Any) -> dict[str, Any]:
    """Return the attributes of a span of a kind of OpenInference's."""
    return {"openinference.span.kind": name, **more}


def test_a_retried_call() -> None:
    """A summary says what was asked and spent, and lists each attempt with the wait that followed it."""
    assert summarize(retried()) == summary(
        prompt="What is the capital of France?",
        model="gpt-4o-mini",
        project="customer-support",
        environment="production",
        latency=7000.25,
        tokens=1087,
        retries=2,
        steps=1,
        rows=(
            Row(1, "openai_chat", 0, 7000.25, "OK", "stop"),
            Row(None, "attempt 1", 1, 10, "FAILED", "HTTP 429", 1),
            Row(None, "backoff", 11, 300, "", "asked for by the server", 1),
            Row(None, "attempt 2", 311, 5005, "FAILED", "ReadTimeout", 1),
            Row(None, "backoff", 5316, 812.5, "", "chosen by the SDK", 1),
            Row(None, "attempt 3", 6128.5, 870.5, "OK", "HTTP 200", 1),
        ),
    )


@pytest.mark.parametrize(
    ("attributes", "status", "expected"),
    [
        ({"llm.finish_reason": "length"}, OK, Row(1, "openai_chat", 0, 1240, "OK", "length")),
        ({}, UNSET, Row(1, "openai_chat", 0, 1240, "OK", "")),
        (
            {
                "llm.finish_reason": "tool_calls",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
                "llm.output_messages.0.message.tool_calls.1.tool_call.function.name": "clock",
            },
            OK,
            Row(1, "openai_chat", 0, 1240, "OK", "calls weather, clock"),
        ),
        (
            {"spanglass.stream.outcome": "completed", "spanglass.stream.chunk_count": 1, "llm.finish_reason": "stop"},
            OK,
            Row(1, "openai_chat_stream", 0, 1240, "OK", "completed, 1 chunk, stop"),
        ),
        (
            {"spanglass.stream.outcome": "truncated", "spanglass.stream.chunk_count": 0},
            UNSET,
            Row(1, "openai_chat_stream", 0, 1240, "INCOMPLETE", "truncated, 0 chunks"),
        ),
        (
            {"spanglass.stream.outcome": "error", "spanglass.stream.chunk_count": 3, "error.type": "openai.APIError"},
            Status(StatusCode.ERROR),
            Row(1, "openai_chat_stream", 0, 1240, "FAILED", "error, 3 chunks, APIError"),
        ),
    ],
    ids=["plain", "bare", "tools", "completed", "truncated", "failed"],
)
def test_the_row_of_a_step(attributes: dict[str, Any], status: Status, expected: Row) -> None:
    """A step's row names how it was called, and how it ended in the words that its span has for it."""
    assert summarize(one(attributes, status)).rows == (expected,)


def responded(status: str, **more: Any) -> dict[str, Any]:
    """Return the attributes of a response that has come so far."""
    return kind("LLM", **{"llm.system": "openai", "spanglass.response.status": status, **more})


@pytest.mark.parametrize(
    ("name", "attributes", "status", "expected"),
    [
        (
            "Response",
            responded("completed", **{"llm.finish_reason": "completed"}),
            OK,
            ("openai_response", "OK", "completed"),
        ),
        (
            "Response",
            responded("incomplete", **{"llm.finish_reason": "max_output_tokens"}),
            UNSET,
            ("openai_response", "INCOMPLETE", "max_output_tokens"),
        ),
        (
            "Response",
            responded("failed", **{"error.type": "server_error"}),
            Status(StatusCode.ERROR, "server_error: The model is gone."),
            ("openai_response", "FAILED", "server_error: The model is gone."),
        ),
        (
            "Response",
            responded(
                "completed",
                **{
                    "llm.output_messages.0.message.role": "assistant",
                    "llm.output_messages.1.message.role": "assistant",
                    "llm.output_messages.1.message.tool_calls.0.tool_call.function.name": "weather",
                    "llm.output_messages.2.message.tool_calls.0.tool_call.function.name": "clock",
                },
            ),
            OK,
            ("openai_response", "OK", "calls weather, clock"),
        ),
        (
            "Response",
            responded(
                "completed",
                **{
                    "spanglass.stream.outcome": "completed",
                    "spanglass.stream.chunk_count": 9,
                    "llm.finish_reason": "completed",
                },
            ),
            OK,
            ("openai_response_stream", "OK", "completed, 9 chunks"),
        ),
        ("Response", responded("queued"), OK, ("openai_response", "OK", "queued")),
        (
            "RetrieveResponse",
            responded("in_progress", **{"openinference.span.kind": "CHAIN"}),
            OK,
            ("openai_retrieve", "OK", "in_progress"),
        ),
        (
            "CancelResponse",
            responded("cancelled", **{"openinference.span.kind": "CHAIN"}),
            OK,
            ("openai_cancel", "OK", "cancelled"),
        ),
        ("RetrieveResponse", responded("cancelled"), UNSET, ("openai_retrieve", "INCOMPLETE", "cancelled")),
        ("CompactResponse", kind("LLM"), OK, ("openai_compact", "OK", "")),
        ("CountInputTokens", kind("CHAIN", **{"llm.system": "openai"}), OK, ("openai_count_tokens", "OK", "")),
        ("CreateEmbeddings", kind("EMBEDDING"), OK, ("openai_embeddings", "OK", "")),
        ("Completion", kind("LLM", **{"llm.finish_reason": "stop"}), OK, ("openai_completion", "OK", "stop")),
        ("Response", CHAIN, OK, ("Response", "OK", "")),
    ],
    ids=["completed", "incomplete", "failed", "tools", "stream", "queued", "fetched", "cancelled", "fetched cancelled",
         "compacted", "counted", "embedded", "completed prompt", "a program's own function"],
)  # fmt: skip
def test_the_row_of_other_endpoints(
    name: str, attributes: dict[str, Any], status: Status, expected: tuple[str, str, str]
) -> None:
    """A row names the endpoint, and how far its response has come, where that is not as for any other call."""
    recorder = Recorder()
    recorder.end(recorder.begin(name, 0, attributes), 5, status)

    assert [(row.tool, row.status, row.detail) for row in summarize(recorder.spans).rows] == [expected]


TOOK: Final[dict[str, Any]] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.response.model_name": "gpt-4o-mini",
    "llm.model_name": "gpt-4o-mini",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100,
    "llm.token_count.total": 1100,
}
ANSWERED: Final = responded("completed", **TOOK)
FETCHED: Final = {
    **responded("completed"),
    "openinference.span.kind": "CHAIN",
    "spanglass.usage.told.prompt_tokens": 1000,
    "spanglass.usage.told.completion_tokens": 100,
    "spanglass.usage.told.total_tokens": 1100,
}

BEGUN: Final = ("Response", responded("queued"))


@pytest.mark.parametrize(
    ("calls", "tokens", "cost", "partial"),
    [
        ([("Response", ANSWERED), ("RetrieveResponse", FETCHED)], 1100, "0.00021", False),
        ([BEGUN, ("RetrieveResponse", ANSWERED), ("RetrieveResponse", FETCHED)], 1100, "0.00021", False),
        ([BEGUN, ("Response", ANSWERED)], 1100, "0.00021", True),
        ([BEGUN], None, None, False),
        ([("Response", ANSWERED), ("ChatCompletion", kind("LLM"))], 1100, "0.00021", True),
    ],
    ids=["fetched once more", "in the background", "never fetched", "begun only", "another unknown"],
)  # fmt: skip
def test_what_is_fetched_is_spent_once(
    calls: list[tuple[str, dict[str, Any]]], tokens: int | None, cost: str | None, *, partial: bool
) -> None:
    """What a response took is added up once, and is all that was spent, unless one was begun and never fetched."""
    recorder = Recorder()
    for name, attributes in calls:
        recorder.end(recorder.begin(name, 1e12 / 1e3, attributes), 1e12 / 1e3 + 5)
    found = summarize(recorder.spans)

    assert (found.tokens, found.cost, found.partial) == (tokens, cost and Decimal(cost), partial)


def test_what_is_said_of_vectors_and_prompts() -> None:
    """Embeddings and completions before chat have their model and what was asked in the summary, as a chat has."""
    embedded = kind("EMBEDDING", **{"embedding.model_name": "e-3", "embedding.embeddings.0.embedding.text": "Hello"})
    completed = kind("LLM", **{"llm.model_name": "d-2", "llm.prompts.0.prompt.text": "Once"})
    found = []
    for name, attributes in (("CreateEmbeddings", embedded), ("Completion", completed)):
        recorder = Recorder()
        recorder.end(recorder.begin(name, 0, attributes), 5)
        found.append(summarize(recorder.spans))

    assert [(each.model, each.prompt) for each in found] == [("e-3", "Hello"), ("d-2", "Once")]


def test_a_trace_of_two_calls() -> None:
    """Calls in one function are numbered in the order of their starts, and what they spent is added up."""
    recorder = Recorder()
    root = recorder.begin("agent", 0, kind("AGENT"))
    first = recorder.begin("ChatCompletion", 5, {**ASKED, "llm.token_count.total": 30}, root)
    guessed = {"llm.model_name": "gpt-4o", "spanglass.usage.estimated_completion_tokens": 12}
    second = recorder.begin("ChatCompletion", 10, {**ASKED, **guessed, "spanglass.attempt.count": 2}, root)
    tool = recorder.begin("weather", 20, kind("TOOL"), root)
    for span, end in ((tool, 25), (second, 30), (first, 40), (root, 50)):
        recorder.end(span, end)

    assert summarize(recorder.spans) == summary(
        name="agent",
        prompt="What is the capital of France?",
        model="gpt-4o, gpt-4o-mini",
        tokens=42,
        estimated=True,
        retries=1,
        steps=3,
        rows=(
            Row(1, "openai_chat", 5, 35, "OK", ""),
            Row(2, "openai_chat", 10, 20, "OK", ""),
            Row(3, "weather", 20, 5, "OK", ""),
        ),
    )


@pytest.mark.parametrize("ends", [(3, 4), (4, 3)])
def test_the_prompt_is_that_of_the_first_call(ends: tuple[int, int]) -> None:
    """Of several calls the one that began first tells the prompt, whichever ended first."""
    recorder = Recorder()
    said = "llm.input_messages.1.message.content"
    calls = [recorder.begin("ChatCompletion", start, {**ASKED, said: f"{start}?"}) for start in range(2)]
    for end, call in sorted(zip(ends, calls, strict=True), key=lambda pair: pair[0]):
        recorder.end(call, end)

    assert summarize(recorder.spans).prompt == "0?"


def test_functions_within_functions() -> None:
    """A function in another is a step, and what it calls is indented below it, whatever else is between them."""
    recorder = Recorder()
    request = recorder.begin("GET /", 0, {})
    root = recorder.begin("answer", 1, kind("CHAIN"), request)
    search = recorder.begin("search", 2, kind("RETRIEVER"), root)
    query = recorder.begin("SELECT", 3, {}, search)
    call = recorder.begin("ChatCompletion", 4, ASKED, query)
    later = recorder.begin("check", 20, kind("GUARDRAIL"), root)
    for span, end in ((call, 10), (query, 12), (search, 13), (later, 30), (root, 40), (request, 50)):
        recorder.end(span, end, Status(StatusCode.ERROR, "ValueError: no") if span is later else OK)

    assert summarize(recorder.spans) == summary(
        name="answer",
        prompt="What is the capital of France?",
        model="gpt-4o-mini",
        steps=3,
        rows=(
            Row(1, "search", 2, 11, "OK", ""),
            Row(2, "openai_chat", 4, 6, "OK", "", 1),
            Row(3, "check", 20, 10, "FAILED", "ValueError: no"),
        ),
    )


@pytest.mark.parametrize(
    ("outermost", "inner", "expected"),
    [
        ([kind("CHAIN")], [], (None, ["step"])),
        ([kind("CHAIN")], [{}], (None, ["step"])),
        ([kind("CHAIN")], [kind("CHAIN")], ("step", ["inner"])),
        ([kind("TOOL")], [kind("LLM")], ("step", ["inner"])),
        ([kind("LLM")], [kind("TOOL")], (None, ["step", "inner"])),
        ([kind("CHAIN"), kind("CHAIN")], [kind("LLM")], (None, ["step", "step", "inner"])),
        ([{}], [kind("LLM")], (None, ["inner"])),
        ([{}], [], (None, [])),
    ],
    ids=["alone", "with another's span", "around a function", "a tool", "a call", "two", "another's", "nothing"],
)
def test_the_function_around_all_steps(
    outermost: list[dict[str, Any]], inner: list[dict[str, Any]], expected: tuple[str | None, list[str]]
) -> None:
    """The one function that all steps are in gives the trace its name, and is no step; anything else is one."""
    recorder = Recorder()
    request = recorder.begin("request", 0, {})
    outer = [recorder.begin("step", start, attributes, request) for start, attributes in enumerate(outermost)]
    for attributes in inner:
        recorder.end(recorder.begin("inner", 3, attributes, outer[-1]), 4)
    for span in (*outer, request):
        recorder.end(span, 5)
    found = summarize(recorder.spans)

    assert (found.name, [row.tool for row in found.rows]) == expected
    assert found.steps == len(found.rows)


@pytest.mark.parametrize(
    ("metadata", "called", "expected"),
    [
        ('{"team": "red", "model_name": "gpt-4o"}', {}, "gpt-4o"),
        ('{"team": "red", "model_name": "gpt-4o"}', {"llm.model_name": "gpt-4o-mini"}, "gpt-4o-mini"),
        ('{"model_name": 4}', {}, None),
        ('["model_name"]', {}, None),
        ('{"model_name": "gpt-', {}, None),
        (7, {}, None),
    ],
    ids=["expected", "reported", "number", "list", "cut short", "no text"],
)
def test_the_model(metadata: object, called: dict[str, Any], expected: str | None) -> None:
    """The model is the one that a call reports, or else the one that the function was said to call."""
    recorder = Recorder()
    root = recorder.begin("ask", 0, kind("CHAIN", metadata=metadata))
    recorder.end(recorder.begin("ChatCompletion", 1, kind("LLM", **called), root), 2)
    recorder.end(root, 3)

    assert summarize(recorder.spans).model == expected


PRICED: Final = {
    "llm.provider": "openai",
    "llm.response.model_name": "gpt-4o-mini",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100,
}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([PRICED, PRICED], (Decimal("0.00042"), False)),
        ([PRICED, {}], (Decimal("0.00021"), True)),
        ([{}, {}], (None, False)),
    ],
    ids=["all", "some", "none"],
)
def test_the_cost(calls: list[dict[str, Any]], expected: tuple[Decimal | None, bool]) -> None:
    """The cost of a trace is that of its calls, and is marked where that of some is not known."""
    recorder = Recorder()
    root = recorder.begin("ask", 0, kind("CHAIN"))
    for attributes in calls:
        recorder.end(recorder.begin("ChatCompletion", 1, kind("LLM", **attributes), root), 2)
    recorder.end(root, 3)
    found = summarize(recorder.spans)

    assert (found.cost, found.partial) == expected


def test_attempts_of_a_call_that_counts_none() -> None:
    """Where only the convention's names are written, retries are counted by the attempts."""
    recorder = Recorder()
    call = recorder.begin("ChatCompletion", 0, ASKED)
    for number in range(3):
        resent = {"http.request.resend_count": number} if number else {}
        posted = kind("CHAIN", **{"http.request.method": "POST"}, **resent)
        recorder.end(recorder.begin("attempt", number, posted, call), number + 1)
    recorder.end(call, 4)
    found = summarize(recorder.spans)

    assert (found.retries, found.steps, len(found.rows)) == (2, 1, 4)


def test_a_function_that_is_called_attempt() -> None:
    """Only what was sent over HTTP is an attempt, whatever the program calls its own."""
    recorder = Recorder()
    recorder.end(recorder.begin("attempt", 0, kind("CHAIN")), 1)

    assert summarize(recorder.spans).rows == (Row(1, "attempt", 0, 1, "OK", ""),)


def test_spans_at_the_same_time() -> None:
    """Of spans that a coarse clock begins and ends at once, those that ended later are around those before them."""
    recorder = Recorder()
    root = recorder.begin("root", 0, kind("CHAIN"))
    inner = recorder.begin("inner", 0, kind("CHAIN"), root)
    call = recorder.begin("ChatCompletion", 0, ASKED, inner)
    for span in (call, inner, root):
        recorder.end(span, 0)

    assert summarize(recorder.spans).rows == (
        Row(1, "inner", 0, 0, "OK", ""),
        Row(2, "openai_chat", 0, 0, "OK", "", 1),
    )


def test_spans_that_begin_at_the_same_time() -> None:
    """Of spans that begin at once those that end later are around the others, in whatever order they are given."""
    recorder = Recorder()
    root = recorder.begin("root", 0, CHAIN)
    inner = recorder.begin("inner", 0, CHAIN, root)
    recorder.end(inner, 1)
    recorder.end(root, 2)
    given = recorder.spans

    assert [summarize(spans).name for spans in (given, given[::-1])] == ["root", "root"]


def test_an_attempt_without_its_call() -> None:
    """An attempt of a call that is not there has no row."""
    recorder = Recorder()
    recorder.end(recorder.begin("attempt", 0, {**CHAIN, "http.request.method": "POST"}), 1)

    assert summarize(recorder.spans) == summary(latency=1.0)


def test_spans_that_are_in_each_other() -> None:
    """Spans of a file that name each other as parents still have a row each."""
    ids = [SpanContext(1, number, is_remote=False) for number in (1, 2, 3, 4)]
    spans = [
        ReadableSpan(name, ids[number], ids[parent], attributes=attributes, start_time=0, end_time=1)
        for name, number, parent, attributes in (
            ("first", 0, 1, kind("TOOL")),
            ("second", 1, 0, kind("TOOL")),
            ("query", 2, 3, {}),
            ("query", 3, 2, {}),
        )
    ]
    found = summarize(
        [*spans, ReadableSpan("third", SpanContext(1, 5, is_remote=False), ids[2], attributes=kind("TOOL"))]
    )

    assert sorted(row.tool for row in found.rows) == ["first", "second", "third"]


@pytest.mark.parametrize(
    "value", [("a", "b"), ["a"], True, math.nan, math.inf, -1, 10**400], ids=lambda value: str(value)[:9]
)
def test_attributes_of_other_types(value: object) -> None:
    """What another program wrote under the same names, in whatever type, is not taken for what it is not."""
    names = (
        "llm.model_name",
        "llm.finish_reason",
        "llm.input_messages.0.message.content",
        "llm.token_count.total",
        "llm.provider",
        "metadata",
        "error.type",
        "http.response.status_code",
    )
    attributes = {**kind("LLM"), "llm.input_messages.0.message.role": "user", **dict.fromkeys(names, value)}
    context = SpanContext(1, 2, is_remote=False)
    found = summarize([ReadableSpan("call", context, attributes=attributes, start_time=0, end_time=1)])

    assert (found.model, found.prompt, found.cost, found.rows) == (
        None,
        None,
        None,
        (Row(1, "call", 0, 1e-6, "OK", ""),),
    )


def test_beyond_the_most() -> None:
    """What is beyond the most rows still counts, and the outermost is noted in any case."""
    recorder = Recorder()
    root = recorder.begin("root", 0, kind("CHAIN"))
    for number in range(5):
        call = recorder.begin("ChatCompletion", number, {**ASKED, "llm.token_count.total": 10}, root)
        recorder.end(call, number + 1)
    recorder.end(root, 10)
    tally = Tally(2)
    kept = [tally.add(read(span), last=span.name == "root") for span in recorder.spans]
    found = tally.summary(recorder.spans[-1], recorder.spans[-1].end_time or 0, failed=False)

    assert kept == [True, True, False, False, False, True]
    assert (found.name, found.steps, found.tokens, len(found.rows)) == ("root", 5, 50, 2)


@pytest.mark.parametrize(("status", "expected"), [(OK, "OK"), (UNSET, "INCOMPLETE")], ids=["OK", "unset"])
def test_an_exception_that_was_dealt_with(status: Status, expected: str) -> None:
    """A step that says that it went well did so, whatever exception it has recorded."""
    recorder = Recorder()
    step = recorder.begin("step", 0, CHAIN)
    step.record_exception(KeyError("a"))
    recorder.end(step, 1, status)

    assert [row.status for row in summarize(recorder.spans).rows] == [expected]


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (OK, Status(StatusCode.ERROR), "SUCCESS"),
        (Status(StatusCode.ERROR), OK, "FAILED"),
        (UNSET, UNSET, "INCOMPLETE"),
    ],
)
def test_the_status_of_a_trace(outer: Status, inner: Status, expected: str) -> None:
    """A failure that the program dealt with leaves a trace successful; a stream that was cut off does not."""
    recorder = Recorder()
    root = recorder.begin("job", 0, {})
    outcome = "truncated" if inner is UNSET else "completed"
    call = recorder.begin("ChatCompletion", 1, {**ASKED, "spanglass.stream.outcome": outcome}, root)
    recorder.end(call, 2, inner)
    recorder.end(root, 3, outer)

    assert summarize(recorder.spans).status == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ({"0.message.role": "user", "0.message.content": "one", "2.message.role": "user", "2.message.content": "last"},
         "last"),
        ({"9.message.role": "user", "9.message.content": "nine", "10.message.role": "user",
          "10.message.contents.0.message_content.type": "text", "10.message.contents.0.message_content.text": "What is",
          "10.message.contents.1.message_content.image.image.url": "https://example.com/a.png",
          "10.message.contents.2.message_content.text": "this?"},
         "What is this?"),
        ({"0.message.role": "user", "0.message.content": " two\n\tlines "}, "two lines"),
        ({"0.message.role": "user", "0.message.content": "x" * 500}, "x" * 237 + "..."),
        ({"0.message.role": "system", "0.message.content": "Be brief."}, None),
        ({"0.message.role": "user"}, None),
    ],
    ids=["last", "parts", "lines", "long", "no user", "no content"],
)  # fmt: skip
def test_the_prompt_is_what_the_user_said_last(messages: dict[str, str], expected: str | None) -> None:
    """The prompt is the text of the last message of the user, on one line of bounded length."""
    attributes = {f"llm.input_messages.{name}": value for name, value in messages.items()}

    assert summarize(one(attributes)).prompt == expected
