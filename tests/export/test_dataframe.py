"""Spans as a pandas table: a row for each, a column for each attribute, as Phoenix has them."""

import subprocess
import sys
from typing import Any

import pandas as pd
from openai import OpenAI
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode

from spanglass import to_dataframe
from spanglass.testing import OpenAIServer, Reply, captured_spans, embeddings, response, said

TRACE = SpanContext(0xA, 0xB, is_remote=False)
CALL = ReadableSpan(
    "ChatCompletion",
    TRACE,
    attributes={
        "openinference.span.kind": "LLM",
        "llm.token_count.total": 2**53 + 1,
        "llm.input_messages.0.message.content": "Grüße",
        "flag": True,
        "share": 0.5,
        "tags": ("a", "b"),
        "tree": {"leaves": (1, None)},
        "huge": 2**70,
        "mixed": 1,
    },
    events=[Event("said", {"what": ("x",)}, 1_500_000_000_123_456_789)],
    status=Status(StatusCode.ERROR, "no"),
    start_time=1_500_000_000_123_456_789,
    end_time=2**64 - 1,
)
CHILD = ReadableSpan(
    "attempt", SpanContext(0xA, 0xC, is_remote=False), TRACE, attributes={"mixed": "text"}, start_time=0, end_time=1
)


def test_responses_and_vectors() -> None:
    """Items of a response, texts, prompts and vectors are columns as well, a vector as a list of its numbers."""
    with OpenAIServer() as server, captured_spans() as captured:
        server.script(
            Reply(response([{"id": "rs_1", "type": "reasoning", "summary": []}, said("Hello")])),
            Reply(embeddings([[0.25, -0.5], [1.0, 2.0]], base64_encoded=True)),
        )
        with OpenAI(base_url=server.base_url, api_key="test") as client:
            client.responses.create(model="gpt-4o-mini", input="Hi")
            client.embeddings.create(model="text-embedding-3-small", input=["Hi", "Bye"])
            client.completions.create(model="davinci-002", prompt="Hi")
    table = to_dataframe(captured.spans)
    expected: dict[str, list[Any]] = {
        "name": ["Response", "CreateEmbeddings", "Completion"],
        "span_kind": ["LLM", "EMBEDDING", "LLM"],
        "attributes.llm.output_messages.0.message.contents.0.message_content.id": ["rs_1", None, None],
        "attributes.llm.output_messages.1.message.content": ["Hello", None, None],
        "attributes.spanglass.response.status": ["completed", None, None],
        "attributes.embedding.embeddings.1.embedding.text": [None, "Bye", None],
        "attributes.embedding.embeddings.1.embedding.vector": [None, [1.0, 2.0], None],
        "attributes.llm.choices.0.completion.text": [None, None, "Hello"],
        "attributes.llm.token_count.total": [11, 9, 11],
    }

    rows = table.reset_index(drop=True)
    assert {name: [rows[name].dropna().to_dict().get(row) for row in range(3)] for name in expected} == expected


def test_columns() -> None:
    """A table has Phoenix's columns and then the attributes, whole numbers whole, each with what is missing missing."""
    time = pd.Timestamp(1_500_000_000_123_456_789, tz="UTC")
    expected = pd.DataFrame(
        {
            "name": ["ChatCompletion", "attempt"],
            "span_kind": ["LLM", "UNKNOWN"],
            "parent_id": [None, "000000000000000b"],
            "start_time": [time, pd.Timestamp(0, tz="UTC")],
            "end_time": pd.Series([pd.NaT, pd.Timestamp(1, tz="UTC")], dtype="datetime64[ns, UTC]"),
            "status_code": ["ERROR", "UNSET"],
            "status_message": ["no", ""],
            "events": [
                ({"name": "said", "timestamp": "2017-07-14T02:40:00.123456+00:00", "attributes": {"what": ["x"]}},),
                (),
            ],
            "context.span_id": ["000000000000000b", "000000000000000c"],
            "context.trace_id": ["0000000000000000000000000000000a"] * 2,
            "attributes.openinference.span.kind": ["LLM", None],
            "attributes.llm.token_count.total": pd.array([2**53 + 1, None], dtype="Int64"),
            "attributes.llm.input_messages.0.message.content": ["Grüße", None],
            "attributes.flag": pd.array([True, None], dtype="boolean"),
            "attributes.share": [0.5, None],
            "attributes.tags": [["a", "b"], None],
            "attributes.tree": [{"leaves": [1, None]}, None],
            "attributes.huge": pd.Series([2**70, None], dtype=object),
            "attributes.mixed": [1, "text"],
        },
    )
    expected.index = pd.Index(["000000000000000b", "000000000000000c"])

    pd.testing.assert_frame_equal(to_dataframe(iter([CALL, CHILD])), expected)


def test_times_that_cannot_be() -> None:
    """A time that no table has room for is missing, and all else is there."""
    span = ReadableSpan("a", TRACE, events=[Event("said", {}, 2**70)], start_time=-(2**70), end_time=2**70)
    row = to_dataframe([span]).iloc[0]

    assert (row["name"], row["events"], pd.isna(row["start_time"]), pd.isna(row["end_time"])) == (
        "a",
        ({"name": "said", "timestamp": None, "attributes": {}},),
        True,
        True,
    )


def test_no_spans() -> None:
    """Of no spans it is a table without rows that has the columns of all spans, of their types where these matter."""
    table = to_dataframe([])

    assert (len(table), [*table.columns], str(table["start_time"].dtype), str(table["end_time"].dtype)) == (
        0,
        [*to_dataframe([ReadableSpan("a", TRACE)]).columns],
        "datetime64[ns, UTC]",
        "datetime64[ns, UTC]",
    )


def test_it_is_what_one_works_with() -> None:
    """A span is found by its id, and times and numbers are such that one can count with them."""
    table = to_dataframe([CHILD, CALL])

    assert (
        table.loc["000000000000000c", "name"],
        int(table["attributes.llm.token_count.total"].sum()),
        (table["end_time"] - table["start_time"]).iloc[0],
        [*table.sort_values("context.span_id")["name"]],
    ) == ("attempt", 2**53 + 1, pd.Timedelta(1), ["ChatCompletion", "attempt"])


WITHOUT = """
import sys
sys.modules["pandas"] = None
import spanglass
try:
    spanglass.to_dataframe([])
except ImportError as error:
    print(error.name, error)
"""


def test_without_pandas() -> None:
    """Where pandas is not installed, a sentence says what to install."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and a program of this file
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "pandas to_dataframe() needs pandas, 2 or newer: pip install 'spanglass[pandas]'.\n"
