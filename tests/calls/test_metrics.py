"""What is counted: the four metrics of gen_ai, for every call, sampled or not, and nothing where nobody counts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import openai
import pytest
import yaml
from asks import ASKS, CANCEL, CHAT, COUNT, EMBEDDINGS, RESPONSES, RETRIEVE, Ask, each
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from flavours import Flavour
from metered import (
    DURATION,
    EMBEDDED,
    EMBEDDING,
    FIRST,
    INPUT,
    OTHER,
    OUTPUT,
    UNITS,
    Counting,
    Point,
)
from spanglass import OpenAIInstrumentor
from spanglass.calls.tracing import SCOPE
from spanglass.semconv import SCHEMA_URL
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, chunks, error

REGISTRY = Path(__file__).parents[2] / "semconv/registry/gen_ai.yaml"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
AGAIN = Reply(error("Slow down"), status=429, headers={"retry-after": "0.001"})
REFUSED = Reply(error("No", code="bad"), status=400)


@pytest.fixture
def counted(counting: Counting) -> Iterator[CapturedSpans]:
    """Instrument OpenAI with it, and give the spans."""
    with captured_spans(meter_provider=counting.provider) as captured:
        yield captured


def asked(server: OpenAIServer, **more: Any) -> dict[str, Any]:
    """Return the attributes of a call that was answered, with more."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        **{name.replace("__", "."): value for name, value in more.items()},
    }


def unanswered(server: OpenAIServer, **more: Any) -> dict[str, Any]:
    """Return the attributes of a call that was not."""
    attributes = asked(server, **more)
    del attributes["gen_ai.response.model"]
    return attributes


def tokens(attributes: dict[str, Any], sent: int, received: int) -> dict[str, list[Point]]:
    """Return the two counts of tokens."""
    kinds = {**attributes, "gen_ai.token.modality": "unknown"}
    return {INPUT: [Point(kinds, sent)], OUTPUT: [Point(kinds, received)]}


def of(server: OpenAIServer, ask: Ask, calls: int, *, first: bool = False) -> dict[str, list[Point]]:
    """Return all that is counted of so many calls of an endpoint; of streams with the time to their `first` chunk."""
    models = {"request": ask.body.get("model"), "response": ask.reply.get("model")}
    told: dict[str, Any] = {f"gen_ai.{side}.model": model for side, model in models.items()}
    attributes = {**asked(server), "gen_ai.operation.name": ask.operation, **told}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    timed = [Point(attributes, calls)]
    if ask is EMBEDDINGS:
        return {EMBEDDING: timed, EMBEDDED: [Point(attributes, 9 * calls)]}
    if ask in (COUNT, RETRIEVE, CANCEL):
        return {OTHER: timed}
    return {DURATION: timed, **({FIRST: timed} if first else {}), **tokens(attributes, 9 * calls, 2 * calls)}


@pytest.mark.usefixtures("counted")
@each(ASKS)
def test_plain_call(ask: Ask, flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call counts its time and the tokens that it cost, as the provider told; another one adds to it."""
    client = flavour.client(server)
    server.script(ask.answer, ask.answer)
    ask.create(flavour, client)
    ask.create(flavour, client)

    assert counting.points() == of(server, ask, 2)


@pytest.mark.usefixtures("counted")
def test_stream(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A stream counts the time to its first chunk too, and its tokens where they were told."""
    server.script(Stream(chunks(usage=USAGE)))

    flavour.take(flavour.create(flavour.client(server), stream=True))

    timed = [Point(asked(server), 1)]
    assert counting.points() == {DURATION: timed, FIRST: timed, **tokens(asked(server), 9, 2)}


@pytest.mark.usefixtures("counted")
def test_stream_without_usage(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """What a stream's tokens are estimated at is not counted: there is a zero."""
    flavour.take(flavour.create(flavour.client(server), stream=True), 2)
    flavour.collect()
    flavour.create(flavour.client(server))  # which finishes what was dropped

    timed = asked(server)
    assert counting.points() == {
        DURATION: [Point(timed, 2)],
        FIRST: [Point(timed, 1)],
        **tokens(timed, 9, 2),
    }


@pytest.mark.usefixtures("counted")
def test_retried_call(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call that took three attempts is one."""
    server.script(AGAIN, AGAIN)

    flavour.create(flavour.client(server))

    assert counting.points() == {DURATION: [Point(asked(server), 1)], **tokens(asked(server), 9, 2)}


@pytest.mark.usefixtures("counted")
def test_failed_call(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call that fails is timed under its exception, and counts no tokens but a zero."""
    server.script(REFUSED)

    with pytest.raises(openai.BadRequestError):
        flavour.create(flavour.client(server))

    timed = unanswered(server, error__type="openai.BadRequestError")
    assert counting.points() == {DURATION: [Point(timed, 1)], **tokens(unanswered(server), 0, 0)}


@pytest.mark.usefixtures("counted")
def test_failed_stream(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A stream that breaks is timed under its exception, with what had arrived."""
    server.script(Stream([*chunks(finish_reason=None), error("broken")]))

    with pytest.raises(openai.APIError):
        flavour.take(flavour.create(flavour.client(server), stream=True))

    points = counting.points()
    assert points[DURATION] == [Point(asked(server, error__type="openai.APIError"), 1)]
    assert {name: points[name] for name in (INPUT, OUTPUT)} == tokens(asked(server), 0, 0)
    assert [point.counted for point in points[FIRST]] == [1]


@pytest.mark.usefixtures("counted")
def test_mistake(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call that the SDK refuses before any request is timed, and counts no tokens."""
    with pytest.raises(TypeError):
        flavour.wait(flavour.client(server).chat.completions.create(model="gpt-4o-mini"))

    timed = unanswered(server, error__type="TypeError")
    assert counting.points() == {DURATION: [Point(timed, 1)], **tokens(unanswered(server), 0, 0)}


@pytest.mark.usefixtures("counted")
def test_azure(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """The provider is told in gen_ai's words."""
    flavour.create(flavour.azure(server))

    attributes = asked(server, gen_ai__provider__name="azure.ai.openai")
    assert counting.points()[DURATION] == [Point(attributes, 1)]


@pytest.fixture
def unsampled(counting: Counting) -> Iterator[None]:
    """Instrument OpenAI, and sample nothing."""
    traces = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=traces, meter_provider=counting.provider)
    yield
    instrumentor.uninstrument()


@pytest.mark.usefixtures("unsampled")
@each(ASKS)
def test_not_sampled(ask: Ask, flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call that is not sampled is counted as any other."""
    server.script(ask.answer)
    ask.create(flavour, flavour.client(server))

    assert counting.points() == of(server, ask, 1)


@pytest.mark.usefixtures("unsampled")
@each([CHAT, RESPONSES])
def test_stream_that_is_not_sampled(ask: Ask, flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """So is a stream, with the time to its first chunk."""
    server.script(Stream(chunks(usage=USAGE)) if ask is CHAT else ask.stream)
    flavour.take(ask.open(flavour, flavour.client(server)))

    assert counting.points() == of(server, ask, 1, first=True)


def test_content_hidden(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """Hiding content hides no number."""
    server.script(REFUSED)
    with captured_spans(meter_provider=counting.provider, content="off"):
        client = flavour.client(server)
        with pytest.raises(openai.BadRequestError):
            flavour.create(client)
        flavour.create(client)

    points = counting.points()
    failed = Point(unanswered(server, error__type="openai.BadRequestError"), 1)
    assert points[DURATION] == [failed, Point(asked(server), 1)]
    assert [point.counted for point in points[INPUT]] == [0, 9]


def test_names_units_and_scope(
    flavour: Flavour, server: OpenAIServer, counting: Counting, counted: CapturedSpans
) -> None:
    """The metrics have the convention's names and units, the scope of the spans, and refer to the call's span."""
    flavour.take(flavour.create(flavour.client(server), stream=True))

    metrics = counting.metrics()
    (span,) = counted.spans
    scope = span.instrumentation_scope
    assert scope is not None
    assert {metric.name: metric.unit for metric, _ in metrics} == UNITS
    assert {(found.scope.name, found.scope.version, found.scope.schema_url) for _, found in metrics} == {
        (SCOPE, scope.version, SCHEMA_URL)
    }
    exemplars = [one for metric, _ in metrics for point in metric.data.data_points for one in point.exemplars]
    assert span.context is not None
    assert {(one.trace_id, one.span_id) for one in exemplars} == {(span.context.trace_id, span.context.span_id)}
    assert len(exemplars) == len(UNITS)


# What the convention allows, and no answer of these endpoints tells.
FINGERPRINT, TIER = "openai.response.system_fingerprint", "openai.response.service_tier"
UNTOLD = {
    OTHER: {FINGERPRINT},
    EMBEDDING: {FINGERPRINT, TIER},
    EMBEDDED: {FINGERPRINT, TIER, "error.type"},
}


@pytest.mark.usefixtures("counted")
def test_attributes_of_the_registry(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """Each metric has the attributes that the registry gives it, when a call has all there is to tell."""
    client = flavour.client(server)
    server.script(Stream(chunks(usage=USAGE, service_tier="flex", system_fingerprint="fp_1")))
    flavour.take(flavour.create(client, stream=True))
    server.script(Stream([*chunks(service_tier="flex", system_fingerprint="fp_1"), error("broken")]))
    with pytest.raises(openai.APIError):
        flavour.take(flavour.create(client, stream=True))

    for ask in (EMBEDDINGS, COUNT, RETRIEVE):
        server.script(Reply({**ask.reply, "service_tier": "flex"}), REFUSED)
        ask.create(flavour, client)
        with pytest.raises(openai.BadRequestError):
            ask.create(flavour, client)

    groups = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))["groups"]
    told = {
        group["metric_name"]: {attribute["ref"] for attribute in group["attributes"]}
        for group in groups
        if group["type"] == "metric"
    }
    found = {name: {key for point in points for key in point.attributes} for name, points in counting.points().items()}
    assert found == {name: told[name] - UNTOLD.get(name, set()) for name in told}


def test_nobody_counts(flavour: Flavour, server: OpenAIServer, counting: Counting, captured: CapturedSpans) -> None:
    """Without a provider of meters a call is traced, and nothing is counted anywhere."""
    flavour.create(flavour.client(server))

    assert (len(captured.spans), counting.points()) == (1, {})


def test_not_after_uninstrumenting(flavour: Flavour, server: OpenAIServer, counting: Counting) -> None:
    """A call that is made when OpenAI is no longer instrumented is not counted."""
    client = flavour.client(server)
    with captured_spans(meter_provider=counting.provider):
        pass
    flavour.create(client)

    assert counting.points() == {}


GLOBAL = """
    import sys
    import openai
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from leaving import watch
    from spanglass import OpenAIInstrumentor

    watch()
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    early = sys.argv[2] == "early"
    if early:
        metrics.set_meter_provider(provider)
    OpenAIInstrumentor().instrument()
    if not early:
        metrics.set_meter_provider(provider)
    with openai.OpenAI(base_url=sys.argv[1], api_key="test") as client:
        client.chat.completions.create(model="m", messages=[])
    data = reader.get_metrics_data()
    scopes = [scope for group in data.resource_metrics for scope in group.scope_metrics]
    print(*(metric.name for scope in scopes for metric in scope.metrics if scope.scope.name == "spanglass"))
"""


@pytest.mark.parametrize("when", ["early", "late"])
def test_global_provider(when: str, server: OpenAIServer) -> None:
    """Where none is given the process's provider of meters is used, be it made before or after instrumenting."""
    ran = subprocess.run(  # noqa: S603 - a program of this file
        [sys.executable, "-W", "error", "-c", dedent(GLOBAL), server.base_url, when],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, f"{DURATION} {INPUT} {OUTPUT}\n", "") == (ran.returncode, ran.stdout, ran.stderr)
