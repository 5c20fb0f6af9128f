"""Every backend, by every protocol it takes: what is read back from it is what a program sent."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import pytest
from keeps import KEPT, expected
from opentelemetry.sdk.trace import ReadableSpan
from scenarios import SCENARIOS
from tracing import traced
from wire import Nested, flat, nested

from otlp_receivers import http_receiver
from spanglass.export.sizes import span_bytes
from spanglass.semconv.openinference import INPUT_VALUE, LLM_INPUT_MESSAGES, MESSAGE_CONTENT

pytest_plugins = ["servers"]

HTTP, GRPC = "http/protobuf", "grpc"
SPEAKS = {"mlflow": (HTTP,), "own_dashboard": (HTTP,)}
MARKS = {
    "phoenix": [pytest.mark.phoenix],
    "phoenix_postgresql": [pytest.mark.phoenix_postgresql],
    "mlflow": [pytest.mark.mlflow],
}
CELLS = [
    pytest.param(backend, protocol, scenario, marks=[pytest.mark.backend, *MARKS.get(backend, [])])
    for backend in KEPT
    for protocol in SPEAKS.get(backend, (HTTP, GRPC))
    for scenario in SCENARIOS
]


class Backend(Protocol):
    """What all backends have."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Where it takes spans, by protocol."""

    def headers(self, project: str) -> Mapping[str, str]:
        """Return the headers by which a project's spans are sent."""

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return all that it tells of the traces of `spans`, as soon as it is as many, nested as in `wire.py`."""


@pytest.mark.parametrize(("backend", "protocol", "scenario"), CELLS)
def test_what_is_sent_arrives(
    request: pytest.FixtureRequest, backend: str, protocol: str, scenario: str, project: str
) -> None:
    """Every span arrives once, and whole but for what the backend is known not to keep."""
    server: Backend = request.getfixturevalue(backend)
    program = SCENARIOS[scenario]
    headers = server.headers(project)
    with traced(server.endpoints, protocol, project=project, headers=headers, settings=program.settings) as spans:
        program.run()

    assert [span.name for span in spans] == program.leaves
    assert flat(server.read(spans)) == flat(expected(KEPT[backend], span) for span in nested(spans))


def sent(scenario: str) -> list[ReadableSpan]:
    """Return the spans of a program that sends them to a receiver of our own."""
    program = SCENARIOS[scenario]
    with (
        http_receiver() as receiver,
        traced({HTTP: receiver.url}, HTTP, project="night-desk", settings=program.settings) as spans,
    ):
        program.run()
    return spans


def test_every_row_is_needed() -> None:
    """What a backend is said not to keep is sent by some program, and what it is said to reword is sent otherwise."""
    spans = [span for scenario in SCENARIOS for span in nested(sent(scenario))]
    idle = [
        (backend, row)
        for backend, kept in KEPT.items()
        for row in kept.rows()
        if flat(expected(row, span) for span in spans) == flat(spans)
    ]

    assert idle == []


def cut(span: ReadableSpan) -> set[str]:
    """Return the names of the attributes that say how long they were before they were cut."""
    return {name for name, value in (span.attributes or {}).items() if "… [cut: " in str(value)}


def test_content_is_large() -> None:
    """Of 5 MB in one message a part is sent, and says so; in several, they are sent whole and fill one gRPC message."""
    (large,), (whole,) = sent("large"), sent("whole")

    assert cut(large) == {INPUT_VALUE, f"{LLM_INPUT_MESSAGES}.1.{MESSAGE_CONTENT}"}
    assert cut(whole) == {INPUT_VALUE}
    assert 3_900_000 < span_bytes(whole) < 4 * 1024 * 1024
