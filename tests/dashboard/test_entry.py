"""What is kept of a span: its line, and what it is found by."""

import json

import pytest
from kept import ended
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanglass.dashboard.entry import LATEST, NO_IDS, TOO_DEEP, Entry, Unkept, entry, folded, pair
from spanglass.semconv import gen_ai, otel
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own

CONTEXT = SpanContext(5, 7, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def test_what_is_kept() -> None:
    """All of a span is kept, its texts and short attributes in no case, and what lists are sorted and filtered by."""
    span = ReadableSpan(
        name="ChatCompletion",
        context=CONTEXT,
        resource=Resource({otel.SERVICE_NAME: "Service", oi.OPENINFERENCE_PROJECT_NAME: "Straße"}),
        attributes={
            gen_ai.GEN_AI_CONVERSATION_ID: "C 1",
            own.SPANGLASS_ATTEMPT_COUNT: 2,
            "true": True,
            "half": 0.5,
            "long": "X" * 257,
            "many": ("One", ("Two", 3)),
            "odd": "a\x1fB\0c\ud800",
        },
        events=[Event("exception", {otel.EXCEPTION_MESSAGE: "Boom"}, 5)],
        status=Status(StatusCode.ERROR, "Failed"),
        start_time=3,
        end_time=9,
    )
    found = entry(span)
    line = json.loads(found.line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    assert (
        Entry(
            trace=f"{5:032x}",
            span=f"{7:016x}",
            start=3,
            end=9,
            failed=True,
            retried=True,
            project="Straße",
            session="C 1",
            line=found.line,
            text=f"\x1fchatcompletion\x1ffailed\x1fc 1\x1f{'x' * 257}\x1fone\x1ftwo\x1fa b c?\x1fexception\x1fboom\x1f",
            pairs="\x1fservice.name=service\x1fopeninference.project.name=strasse\x1fgen_ai.conversation.id=c 1"
            "\x1fspanglass.attempt.count=2\x1ftrue=true\x1fhalf=0.5\x1fodd=a b c?\x1f",
        )
        == found
    )
    assert ("ChatCompletion", "3", "9") == (line["name"], line["startTimeUnixNano"], line["endTimeUnixNano"])


def test_what_is_found() -> None:
    """An attribute is found by its name and whole value, a text by any part of it, in whatever case."""
    found = entry(ended(1, 1, session="My Session", text="What a Straße"))

    assert (True, False, True, False) == (
        pair("session.id", "MY SESSION") in found.pairs,
        pair("session.id", "My") in found.pairs,
        folded("a STRASSE") in found.text,
        folded("road") in found.text,
    )


def test_times() -> None:
    """A span that has not ended, or before it started, ends where it starts; no time is beyond what a file holds."""
    times = [(5, None), (5, 3), (None, None), (2**64, 2**65)]
    spans = [ReadableSpan(name="", context=CONTEXT, start_time=start, end_time=end) for start, end in times]

    assert [(5, 5), (5, 5), (0, 0), (LATEST, LATEST)] == [(each.start, each.end) for each in map(entry, spans)]


def test_what_is_not_kept() -> None:
    """A span without ids, or with values that no reader would get at, is not kept, for a reason that it is told by."""
    deep: object = ()
    for _ in range(32):
        deep = (deep,)
    told = []
    for span in (ended(0, 1), ended(1, 0), ReadableSpan(name="", context=CONTEXT, attributes={"deep": deep})):  # type: ignore[dict-item]
        with pytest.raises(Unkept) as error:
            entry(span)
        told.append(str(error.value))

    assert [NO_IDS, NO_IDS, TOO_DEEP] == told
