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
from spanglass.semconv.openinference import INPUT_VALUE

pytest_plugins = ["servers"]

HTTP, GRPC = "http/protobuf", "grpc"
SPEAKS = {"mlflow": (HTTP,)}
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


def test_the_largest_span_is_among_them() -> None:
    """The span that must arrive whole fills what one gRPC message may hold, and its messages are not cut."""
    (span,) = sent("whole")
    attributes = span.attributes or {}

    assert 3_900_000 < span_bytes(span) < 4 * 1024 * 1024
    assert [name for name, value in attributes.items() if "… [cut: " in str(value)] == [INPUT_VALUE]
