"""The command that draws a trace of Jaeger's: what it draws, and that this is what was sent."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from drawing import Span, draw, duration
from jaeger import CONFIGURATION, Jaeger
from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, free_ports
from scenarios import SCENARIOS
from tracing import traced

pytest_plugins = ["servers"]

MS: Final = 1_000_000
LEFT: Final = 272  # where the timeline begins; the trace below has as many milliseconds as the timeline has pixels

CALL = {"llm.model_name": "gpt-4o-mini", "spanglass.attempt.count": "2", "spanglass.time.backoff": 0.25}
LIMITED = {
    "http.response.status_code": "429",
    "error.type": "429",
    "spanglass.attempt.backoff": 0.25,
    "spanglass.attempt.backoff_source": "retry-after",
}
LATE = {"error.type": "httpx.ReadTimeout", "spanglass.attempt.retry_reason": "timeout"}
LEFT_EARLY = {
    "llm.model_name": "gpt-4o-mini",
    "spanglass.stream.time_to_first_chunk": 0.04,
    "spanglass.stream.outcome": "closed",
}


def span(id: str, parent: str, name: str, start: int, end: int, **other: Any) -> Span:  # noqa: A002 - the field's name
    """Return a span that starts and ends at these milliseconds."""
    given = {"service": "desk", "failed": False, "attributes": {}, **other}
    return Span("4bf92f3577b34da6", id, parent, name=name, start=start * MS, end=end * MS, **given)


TRACE = [
    span("f", "a", "ChatCompletion", 450, 592, attributes=LEFT_EARLY),
    span("a", "", "answer", 0, 592),
    span("d", "b", "attempt", 300, 440, failed=True, attributes=LATE),
    span("c", "b", "attempt", 10, 50, failed=True, attributes=LIMITED),
    span("b", "a", "ChatCompletion", 10, 440, attributes=CALL),
    span("e", "a", 'a <b> & "c"\0, longer than its column', 440, 440, service="tools"),
    span("g", "unknown", "of another program", 500, 592),
]
ROWS = [
    {"name": (39, "desk answer"), "bar": (LEFT, 592), "note inside": (LEFT + 8, "592 ms")},
    {
        "name": (57, "desk ChatCompletion"),
        "bar": (LEFT + 10, 430),
        "note inside": (LEFT + 18, "430 ms gpt-4o-mini · 2 attempts · 250 ms of waits"),
    },
    {
        "name": (92, "desk attempt"),
        "bar failed": (LEFT + 10, 40),
        "wait": (LEFT + 50, LEFT + 300),
        "note beside": (LEFT + 306, "40 ms 429 · wait 250 ms · by retry-after"),
    },
    {"name": (92, "desk attempt"), "bar failed": (LEFT + 300, 140), "note beside": (LEFT + 446, "140 ms timeout")},
    {
        "name": (57, 'tools a <b> & "c"\N{REPLACEMENT CHARACTER}, longer th…'),
        "bar": (LEFT + 440, 2),
        "note beside": (LEFT + 448, "0 µs"),
    },
    {
        "name": (57, "desk ChatCompletion"),
        "bar": (LEFT + 450, 142),
        "note beside": (LEFT + 444, "142 ms gpt-4o-mini · first chunk after 40 ms · closed"),
    },
    {"name": (39, "desk of another program"), "bar": (LEFT + 500, 92), "note inside": (LEFT + 508, "92 ms")},
]


PARTS = {
    "name": ("x",),
    "bar": ("x", "width"),
    "bar failed": ("x", "width"),
    "wait": ("x1", "x2"),
    "note beside": ("x",),
    "note inside": ("x",),
}


def texts(part: ET.Element) -> str:
    """Return what stands in a part, its pieces apart."""
    return " ".join(text.strip() for text in part.itertext() if text.strip())


def found(part: ET.Element, places: tuple[str, ...]) -> tuple[object, ...]:
    """Return where a part is, by these attributes, and its text where it has one."""
    return (*(float(part.attrib[place]) for place in places), *filter(None, [texts(part)]))


def rows(svg: str) -> list[dict[str, tuple[object, ...]]]:
    """Return the rows from top to bottom, the parts of each by their class."""
    return [
        {part.attrib["class"]: found(part, PARTS[part.attrib["class"]]) for part in group if part.get("class") in PARTS}
        for group in ET.fromstring(svg).iterfind("{*}g")  # noqa: S314 - our own drawing
    ]


def header(svg: str) -> list[str]:
    """Return the texts above the rows."""
    return [texts(text) for text in ET.fromstring(svg).iterfind("{*}text")]  # noqa: S314 - our own drawing


def test_rows() -> None:
    """Each span is a row below its parent, in the order of their start, with its time, its failure and its reason."""
    assert ROWS == rows(draw(TRACE))


def test_header() -> None:
    """Above the rows stand what was asked of which service, when it began, and how long it took."""
    assert header(draw(TRACE)) == [
        "desk: answer 4bf92f3",
        "Trace Start January 1 1970, 00:00:00.000 UTC Duration 592 ms Services 2 Depth 3 Total Spans 7",
        "Service & Operation",
        *("0 µs", "148 ms", "296 ms", "444 ms", "592 ms"),
    ]


@pytest.mark.parametrize(
    ("nanoseconds", "told"),
    [(0, "0 µs"), (999, "0.999 µs"), (63_240_000, "63.2 ms"), (999_700_000, "1000 ms"), (3_600_000_000_000, "3600 s")],
)
def test_duration(nanoseconds: int, told: str) -> None:
    """A duration is told in three digits and its unit."""
    assert told == duration(nanoseconds)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", CONFIGURATION.with_name("tree.py"), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def as_drawn(span: ReadableSpan) -> Span:
    """Return a span as it was sent."""
    assert span.context is not None
    return Span(
        trace=f"{span.context.trace_id:032x}",
        id=f"{span.context.span_id:016x}",
        parent=f"{span.parent.span_id:016x}" if span.parent else "",
        service=str(span.resource.attributes["service.name"]),
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time or 0,
        failed=not span.status.is_ok,
        attributes=dict(span.attributes or {}),
    )


@pytest.mark.backend
def test_what_was_sent(jaeger: Jaeger, project: str, tmp_path: Path) -> None:
    """What Jaeger gives back of a trace, by its id or as the newest of a service, is drawn exactly as it was sent."""
    with traced(jaeger.endpoints, "grpc", project=project) as spans:
        SCENARIOS["retried"].run()
        SCENARIOS["failed"].run()
    sent = [as_drawn(span) for span in spans]
    retried, failed = sent[:4], sent[4:]
    by_id, newest = tmp_path / "by-id.svg", tmp_path / "newest.svg"
    told = [
        command(retried[0].trace, "--api", jaeger.url, "--out", by_id),
        command("--last", failed[0].service, "--api", jaeger.url, "--out", newest),
    ]

    assert [done.stdout for done in told] == [
        f"{by_id}: 4 spans of trace {retried[0].trace}\n",
        f"{newest}: 2 spans of trace {failed[0].trace}\n",
    ]
    assert [path.read_text(encoding="utf-8") for path in (by_id, newest)] == [draw(retried), draw(failed)]


@pytest.mark.backend
def test_a_trace_that_is_not_there(jaeger: Jaeger, tmp_path: Path) -> None:
    """Where Jaeger has no such trace, or is not there, the command says so in a sentence and writes nothing."""
    (port,) = free_ports(1)
    nowhere = f"http://{LOOPBACK}:{port}"
    told = [command("1" * 32, "--api", url, "--out", tmp_path / "out.svg") for url in (jaeger.url, nowhere)]

    assert [(done.returncode, done.stderr.split("(")[0]) for done in told] == [
        (1, 'Jaeger does not give the trace: 404 {"error":{"httpCode":404,"message":"No traces found"}}\n'),
        (1, f"No Jaeger at {nowhere} "),
    ]
    assert list(tmp_path.iterdir()) == []
