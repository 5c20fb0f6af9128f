"""Where a call stands in the program's trace, and what the program says of it or forbids."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import openai
import pytest
from asks import ASKS, Ask, each
from openinference.instrumentation import (
    suppress_tracing,
    using_attributes,
    using_metadata,
    using_prompt_template,
    using_session,
    using_tags,
    using_user,
)
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags
from told import ANSWERED, COUNTED, GOOD, attempt, call, refused, retried, told

from asking import HTTP, need
from flavours import Flavour
from spanglass import OpenAIInstrumentor
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, chunks

Seen = list[SpanContext]
AGAIN = Reply(status=503, headers={"retry-after-ms": "1"})


def watching(flavour: Flavour, server: OpenAIServer) -> tuple[Any, Seen]:
    """Return a client, and a list that gets the span that is current at each request and response of it."""
    seen: Seen = []

    def look(_: Any) -> None:
        seen.append(trace.get_current_span().get_span_context())

    async def look_async(_: Any) -> None:
        look(_)

    if flavour.kind is openai.OpenAI:
        http: Any = HTTP.Client(event_hooks={"request": [look], "response": [look]})
    else:
        http = HTTP.AsyncClient(event_hooks={"request": [look_async], "response": [look_async]})
    return flavour.client(server, http_client=http), seen


def test_span_is_current_while_the_sdk_works(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """At each request and response of a call its span is the current one, and afterwards the caller's own again."""
    client, seen = watching(flavour, server)
    server.script(AGAIN)

    with captured.provider.get_tracer("program").start_as_current_span("work") as work:
        flavour.create(client)
        after = trace.get_current_span()

    whole = next(span for span in captured.spans if span.name == "ChatCompletion")
    assert seen == [whole.context] * 4
    assert after is work
    assert whole.parent == work.get_span_context()


def test_span_is_not_current_after_a_failure(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call that failed leaves the caller's own span current."""
    server.script(Reply(status=400))

    with captured.provider.get_tracer("program").start_as_current_span("work") as work:
        with pytest.raises(openai.BadRequestError):
            flavour.create(flavour.client(server))

        assert trace.get_current_span() is work


def test_span_is_not_current_while_the_caller_holds_a_stream(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """What the caller does while a stream is open is not done within the call: another call there is a sibling."""
    client, seen = watching(flavour, server)
    server.script(Stream(chunks()))
    current: list[Span] = []

    def look(_: Any) -> bool:
        current.append(trace.get_current_span())
        return False

    with captured.provider.get_tracer("program").start_as_current_span("work") as work:
        stream = flavour.create(client, stream=True)
        current.append(trace.get_current_span())
        flavour.next(stream)
        flavour.create(client)
        flavour.each(stream, look)
        current.append(trace.get_current_span())

    plain, streamed, _ = captured.spans
    assert current == [work] * 5
    assert seen == [streamed.context] * 2 + [plain.context] * 2
    assert [span.parent for span in (plain, streamed)] == [work.get_span_context()] * 2


def test_stream_is_read_outside_of_the_span_it_began_in(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A stream may be read when the span in which it began is over: it remains its child."""
    client = flavour.client(server)

    with captured.provider.get_tracer("program").start_as_current_span("work") as work:
        stream = flavour.create(client, stream=True)
    flavour.take(stream)

    assert [(span.name, span.parent) for span in captured.spans] == [
        ("work", None),
        ("ChatCompletion", work.get_span_context()),
    ]


TEMPLATE: dict[str, Any] = {"template": "{greeting}", "version": "v1", "variables": {"greeting": "hi"}}
TEMPLATED = {
    "llm.prompt_template.template": "{greeting}",
    "llm.prompt_template.version": "v1",
    "llm.prompt_template.variables": '{"greeting": "hi"}',
}
SAYINGS: list[tuple[Callable[[], AbstractContextManager[Any]], dict[str, Any]]] = [
    (lambda: using_session("s1"), {"session.id": "s1"}),
    (lambda: using_user("u1"), {"user.id": "u1"}),
    (lambda: using_metadata({"tier": "gold"}), {"metadata": '{"tier": "gold"}'}),
    (lambda: using_tags(["a", "b"]), {"tag.tags": ("a", "b")}),
    (lambda: using_prompt_template(**TEMPLATE), TEMPLATED),
    (
        lambda: using_attributes(session_id="s1", user_id="u1", metadata={"tier": "gold"}, tags=["a", "b"]),
        {"session.id": "s1", "user.id": "u1", "metadata": '{"tier": "gold"}', "tag.tags": ("a", "b")},
    ),
]


@pytest.mark.parametrize(
    ("saying", "said"), SAYINGS, ids=["session", "user", "metadata", "tags", "prompt template", "attributes"]
)
def test_what_the_program_says_of_its_spans(
    saying: Callable[[], AbstractContextManager[Any]],
    said: dict[str, Any],
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """What OpenInference's context managers say is on the call and on its attempts, and on nothing afterwards."""
    client = flavour.client(server)
    server.script(AGAIN)

    with saying():
        flavour.create(client)
    flavour.create(client)

    assert [told(span) for span in captured.spans] == [
        attempt(server, 1, refused(503), retried("status_5xx", "retry-after-ms", "1ms"), said, description="HTTP 503"),
        attempt(server, 2, GOOD, said),
        call(server, ANSWERED, COUNTED, {"spanglass.attempt.count": 2}, said),
        call(server, ANSWERED, COUNTED),
    ]


def test_what_the_program_says_as_a_stream_begins(
    flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A stream keeps what was said where it began, wherever it is read."""
    with using_session("s1"):
        stream = flavour.create(flavour.client(server), stream=True)
    with using_session("s2"):
        flavour.take(stream)

    assert [(span.attributes or {})["session.id"] for span in captured.spans] == ["s1"]


def created(flavour: Flavour, client: Any) -> str:
    """Make a call; return its text."""
    return str(flavour.create(client).choices[0].message.content)


def streamed(flavour: Flavour, client: Any) -> str:
    """Make a streamed call; return its text."""
    read = flavour.take(flavour.create(client, stream=True))
    return "".join(chunk.choices[0].delta.content or "" for chunk in read)


def mistaken(flavour: Flavour, client: Any) -> str:
    """Make a call that the SDK refuses."""
    with pytest.raises(TypeError):
        flavour.wait(client.chat.completions.create(model="m"))
    return "Hello"


ACTS = pytest.mark.parametrize("act", [created, streamed, mistaken])
Act = Callable[[Flavour, Any], str]


@ACTS
@pytest.mark.parametrize("suppressing", [suppress_instrumentation, suppress_tracing])
def test_suppressed(
    suppressing: Callable[[], AbstractContextManager[None]],
    act: Act,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """Where OpenTelemetry or OpenInference is told to suppress instrumentation, a call is as it is without us."""
    with suppressing():
        answer = act(flavour, flavour.client(server))

    assert (answer, captured.spans) == ("Hello", [])


@each(ASKS)
@pytest.mark.parametrize("suppressing", [suppress_instrumentation, suppress_tracing])
def test_suppressed_at_each_endpoint(
    suppressing: Callable[[], AbstractContextManager[None]],
    ask: Ask,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
) -> None:
    """So it is for calls of every endpoint, plain and streamed; when it is over they have spans again."""
    client = flavour.client(server)
    server.script(ask.answer)
    with suppressing():
        ask.create(flavour, client)
        if ask.chunks:
            server.script(ask.stream)
            flavour.take(ask.open(flavour, client))
    suppressed = captured.spans
    server.script(ask.answer)
    ask.create(flavour, client)

    assert ([], [ask.span]) == (suppressed, [span.name for span in captured.spans])


@each(ASKS)
def test_uninstrumented_at_each_endpoint(ask: Ask, flavour: Flavour, server: OpenAIServer) -> None:
    """When OpenAI is no longer instrumented, no endpoint has spans, and each has its own methods back."""
    before = standing(flavour, server, ask)
    with captured_spans() as captured:
        instrumented = standing(flavour, server, ask)
    after = standing(flavour, server, ask)
    server.script(ask.answer)
    ask.create(flavour, flavour.client(server))

    assert (True, before, []) == (instrumented is not before, after, captured.spans)


def standing(flavour: Flavour, server: OpenAIServer, ask: Ask) -> Any:
    """Return what stands for the method in the class that has it."""
    client = flavour.client(server)
    need(client, ask.method)
    return vars(type(need(client, ask.owner)))[ask.helper]


def test_suppressed_for_http_only(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Suppressing the instrumentation of HTTP is not about us."""
    with suppress_http_instrumentation():
        flavour.create(flavour.client(server))

    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


@pytest.fixture
def unsampled() -> Iterator[InMemorySpanExporter]:
    """OpenAI instrumented with a provider that samples what has a sampled parent, and nothing else."""
    provider, exporter = TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()


@ACTS
def test_not_sampled(act: Act, flavour: Flavour, server: OpenAIServer, unsampled: InMemorySpanExporter) -> None:
    """A call that is not sampled is as it is without us, and so are its attempts."""
    server.script(AGAIN)
    answer = act(flavour, flavour.client(server))

    assert (answer, unsampled.get_finished_spans()) == ("Hello", ())


@pytest.mark.usefixtures("unsampled")
def test_not_sampled_is_current(flavour: Flavour, server: OpenAIServer) -> None:
    """Within a call that is not sampled its span is current: nothing below takes itself for a root and is sampled."""
    client, seen = watching(flavour, server)

    flavour.create(client)

    flags = [(context.is_valid, context.trace_flags.sampled) for context in seen]
    assert flags == [(True, False)] * 2
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize("sampled", [True, False])
def test_sampled_as_a_remote_parent_is(
    *, sampled: bool, flavour: Flavour, server: OpenAIServer, unsampled: InMemorySpanExporter
) -> None:
    """A call under a parent from elsewhere is sampled as that is, attempts and all, in its trace."""
    server.script(AGAIN)
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = SpanContext(trace_id=0xA, span_id=0xB, is_remote=True, trace_flags=flags)

    with trace.use_span(NonRecordingSpan(parent)):
        flavour.create(flavour.client(server))

    spans = unsampled.get_finished_spans()
    assert [(span.name, span.context and span.context.trace_id) for span in spans] == (
        [("attempt", 0xA), ("attempt", 0xA), ("ChatCompletion", 0xA)] if sampled else []
    )


class Asked(Sampler):
    """Notes what it is asked, and samples nothing."""

    def __init__(self) -> None:
        self.questions: list[dict[str, Any]] = []

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        """Note name, kind and attributes."""
        _, _, name, kind, attributes, *_ = (*args, *kwargs.values())
        self.questions.append({"name": name, "kind": kind.name, **attributes})
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """Return its name."""
        return "asked"


@each(ASKS)
def test_what_a_sampler_is_told(ask: Ask, flavour: Flavour, server: OpenAIServer) -> None:
    """A sampler is asked once a call, and told its kind, model and server."""
    sampler = Asked()
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=TracerProvider(sampler=sampler, shutdown_on_exit=False))
    try:
        server.script(ask.answer)
        ask.create(flavour, flavour.client(server))
    finally:
        instrumentor.uninstrument()

    known = ("llm.system", "llm.model_name", "llm.request.model_name", "embedding.model_name")
    asked = {name: ask.said[name] for name in known if name in ask.said}
    assert sampler.questions == [
        {
            "name": ask.span,
            "kind": "CLIENT",
            "openinference.span.kind": ask.kind,
            **asked,
            "server.address": "127.0.0.1",
            "server.port": server.port,
        }
    ]
