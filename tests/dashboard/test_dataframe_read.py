"""A table of pandas as spans: what `to_dataframe` and Phoenix made of spans is read again."""

from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanglass import spans_to_jsonl, to_dataframe
from spanglass.export.dataframe_spans import spans_of_frame

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
TRACE = SpanContext(0xA, 0xB, is_remote=False, trace_flags=SAMPLED)
START = 1_500_000_000_123_456_000
CALL = ReadableSpan(
    "ChatCompletion",
    TRACE,
    resource=Resource({}),
    attributes={
        "openinference.span.kind": "LLM",
        "llm.token_count.total": 11,
        "llm.input_messages.0.message.content": "Grüße",
        "flag": True,
        "share": 0.5,
        "tags": ("a", "b"),
        "huge": 2**70,
    },
    events=[Event("said", {"what": ("x",)}, START)],
    status=Status(StatusCode.ERROR, "no"),
    start_time=START,
    end_time=START + 1,
)
CHILD = ReadableSpan(
    "attempt",
    SpanContext(0xA, 0xC, is_remote=False, trace_flags=SAMPLED),
    TRACE,
    Resource({}),
    start_time=START,
    end_time=START,
)
HINT = "give one as to_dataframe() or Phoenix's get_spans_dataframe() makes it."


def read(frame: pd.DataFrame) -> str:
    """Return the spans of a frame as lines, by which any two of them can be compared."""
    return spans_to_jsonl(spans_of_frame(frame))


@pytest.mark.parametrize(
    "changed",
    [
        lambda table: table,
        lambda table: table.reset_index(drop=True),
        lambda table: table.rename_axis("context.span_id").drop(columns="context.span_id"),
        lambda table: table.assign(
            start_time=table["start_time"].dt.tz_localize(None), end_time=table["end_time"].astype(str)
        ),
        lambda table: table.astype(object).where(table.notna(), None),
    ],
    ids=["as it is", "another index", "ids in the index", "times without a zone, times as texts", "objects"],
)
def test_what_was_made_of_spans(changed: Any) -> None:
    """A table of `to_dataframe` has the spans that it was made of, whatever its index and its types have become."""
    assert read(changed(to_dataframe([CALL, CHILD]))) == spans_to_jsonl([CALL, CHILD])


def test_what_phoenix_makes() -> None:
    """Of Phoenix's table lists of mappings are attributes again, JSON is JSON, and whole numbers are no floats."""
    frame = pd.DataFrame(
        {
            "name": ["ChatCompletion", "attempt"],
            "span_kind": ["LLM", "UNKNOWN"],
            "parent_id": [None, f"{0xB:016x}"],
            "start_time": pd.to_datetime([START, START], unit="ns", utc=True),
            "end_time": [pd.NaT, pd.Timestamp(START, tz="UTC")],
            "status_code": ["OK", "UNSET"],
            "status_message": ["", ""],
            "events": [
                [{"name": "e", "timestamp": datetime.fromisoformat("2020-01-01T00:00:00+00:00"), "attributes": {}}],
                [],
            ],
            "context.span_id": [f"{0xB:016x}", f"{0xC:016x}"],
            "context.trace_id": [f"{0xA:032x}"] * 2,
            "attributes.llm.input_messages": [
                [{"message.role": "user", "message.contents": [{"message_content.text": "Hi"}]}],
                float("nan"),
            ],
            "attributes.llm.token_count.total": [11.0, None],
            "attributes.metadata": [{"team": "a"}, None],
            "attributes.spanglass": [{"stream": {"outcome": "completed"}}, None],
            "attributes.share": [1.0, 2.0],
            "attributes.tag.tags": [["a", "b"], None],
        }
    )
    call, attempt = spans_of_frame(frame)

    assert (dict(call.attributes or {}), dict(attempt.attributes or {})) == (
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.text": "Hi",
            "llm.token_count.total": 11,
            "metadata": '{"team": "a"}',
            "spanglass.stream.outcome": "completed",
            "share": 1.0,
            "tag.tags": ("a", "b"),
        },
        {"share": 2.0},
    )
    assert [(event.name, event.timestamp) for event in call.events] == [("e", 1_577_836_800_000_000_000)]
    assert [type(call.attributes["llm.token_count.total"]) for _ in [0] if call.attributes] == [int]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda table: table.drop(columns="context.trace_id"), f"The DataFrame has no column context.trace_id: {HINT}"),
        (lambda table: table.assign(**{"context.span_id": "x"}), f"Row 0 of the DataFrame is no span: {HINT}"),
        (lambda table: table.assign(events=[1, 1]), f"Row 0 of the DataFrame is no span: {HINT}"),
    ],
    ids=["no ids", "no id", "no events"],
)
def test_what_is_no_table_of_spans(changed: Any, why: str) -> None:
    """Of a table that is none of spans one sentence says so."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its whole text is compared
        [*spans_of_frame(changed(to_dataframe([CALL, CHILD])))]

    assert str(raised.value) == why


def test_times_that_are_none() -> None:
    """Where the column of times has none, a sentence says so."""
    with pytest.raises(ValueError, match=r"^The DataFrame has no times in its column start_time \(.*\): give one as "):
        [*spans_of_frame(to_dataframe([CALL]).assign(start_time="yesterday"))]
