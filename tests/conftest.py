"""What all tests share: a server, the spans captured, both families of the SDK, and a guard that lets errors out."""

import gc
import os
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from flavours import FLAVOURS, Flavour
from metered import Counting
from spanglass.guard import guard
from spanglass.testing import CapturedSpans, OpenAIServer, captured_spans

pytest_plugins = ("forms_report", "workers")

# The tests of a framework are found only where it is: in an environment of `make test-frameworks`, which says so.
collect_ignore_glob = [] if "SPANGLASS_FRAMEWORK" in os.environ else ["frameworks/test_*.py"]

# Where the SDK warns of values that it does not take, of spans that are written or ended after their end, of contexts.
COMPLAINING = ("opentelemetry.attributes", "opentelemetry.sdk.trace", "opentelemetry.context")


def pytest_collection_finish() -> None:
    """Leave what was imported out of all collections to come: each test of a stream makes some, and they add up."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def strict_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let spanglass's own errors out, so that a test fails of them."""
    monkeypatch.setattr(guard, "strict", True)


@pytest.fixture
def lenient_guard(strict_guard: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - comes after it
    """Swallow spanglass's own errors, as in a program."""
    monkeypatch.setattr(guard, "strict", False)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """Give a scriptable server of the test's own."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def captured(caplog: pytest.LogCaptureFixture) -> Iterator[CapturedSpans]:
    """Instrument OpenAI, and give the spans that end in the test; OpenTelemetry must find nothing wrong with them."""
    with captured_spans() as captured:
        yield captured
    logged = [*caplog.get_records("call"), *caplog.get_records("teardown")]

    assert [] == [record.getMessage() for record in logged if record.name.startswith(COMPLAINING)]


@pytest.fixture
def counting() -> Iterator[Counting]:
    """Give a provider that counts in memory."""
    reader = InMemoryMetricReader()
    counting = Counting(reader, MeterProvider([reader], shutdown_on_exit=False))
    yield counting
    counting.provider.shutdown()


@pytest.fixture(params=FLAVOURS, ids=lambda kind: kind.__name__.lower())
def flavour(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    """Give each of the SDK's two families, in a test of its own."""
    flavour = request.param()
    yield flavour

    assert flavour.leave() == []
