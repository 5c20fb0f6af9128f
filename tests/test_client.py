"""One client instead of all: what is traced, by what, for how long; and the classes that are so from the start."""

import copy
import gc
import inspect
import pickle
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import openai
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from typing_extensions import Self

from flavours import ASK, Async, Flavour, Sync
from spanglass import OpenAIInstrumentor, Settings, TraceAsyncOpenAI, TraceOpenAI, wrap_openai
from spanglass.calls.tracing import Tracing
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, captured_spans

TRACED: dict[type[Flavour], Any] = {Sync: TraceOpenAI, Async: TraceAsyncOpenAI}
CONTENT = "llm.input_messages.0.message.content"
BUSY = Reply(status=503, headers={"retry-after": "0.001", "retry-after-ms": "1"})


def standing() -> set[tuple[str, str, int]]:
    """Return which object stands at each name in the SDK's classes for clients and streams, and the HTTP clients'."""
    kinds = {kind for client in (openai.AzureOpenAI, openai.AsyncAzureOpenAI) for kind in client.__mro__}
    kinds |= {openai.Stream, openai.AsyncStream}
    return {(kind.__name__, name, id(value)) for kind in kinds for name, value in vars(kind).items() if callable(value)}


@pytest.fixture(scope="module", autouse=True)
def _put_back() -> Iterator[None]:
    """Leave nothing wrapped to the tests of other modules."""
    yield
    put_back()


def put_back() -> None:
    """Collect the clients that were dropped; the next who uninstruments finds that nobody wants the wrappers."""
    gc.collect()
    OpenAIInstrumentor().instrument()
    OpenAIInstrumentor().uninstrument()


@pytest.fixture
def own() -> CapturedSpans:
    """Give a provider for a client's own spans."""
    return CapturedSpans()


@pytest.fixture
def other() -> CapturedSpans:
    """Give one more."""
    return CapturedSpans()


def names(captured: CapturedSpans) -> list[str]:
    """Return the names of the spans that ended."""
    return [span.name for span in captured.spans]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span, but for those that hold a time."""
    return {key: value for key, value in (span.attributes or {}).items() if not key.startswith("spanglass.time.")}


def test_the_very_client(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """The client that was given is what comes back, and its calls have the spans that any instrumented call has."""
    client = flavour.client(server)
    with captured_spans() as captured:
        flavour.create(client)

    assert client is wrap_openai(client, tracer_provider=own.provider)
    flavour.create(client)
    assert [attributes(span) for span in captured.spans] == [attributes(span) for span in own.spans]


def test_no_other_client(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Another client is left alone, be it made before or after."""
    before = flavour.client(server)
    wrap_openai(flavour.client(server), tracer_provider=own.provider)
    for client in (before, flavour.client(server)):
        flavour.create(client)

    assert [] == own.spans


def test_stream(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A stream of the client has its span, whoever uninstruments while it is open."""
    stream = flavour.create(wrap_openai(flavour.client(server), tracer_provider=own.provider), stream=True)
    put_back()
    taken = flavour.take(stream)

    outcomes = [(span.attributes or {})["spanglass.stream.outcome"] for span in own.spans]
    assert (4, ["completed"]) == (len(taken), outcomes)


Copying = Callable[[Any], Any]
COPYING: dict[str, Copying] = {
    "copy": lambda client: client.copy(),
    "with_options": lambda client: client.with_options(max_retries=0),
    "copy of a copy": lambda client: client.with_options(timeout=3).copy(max_retries=1).with_options(timeout=4),
    "shallow": copy.copy,
}
COPIES = pytest.mark.parametrize("copying", COPYING.values(), ids=COPYING)


@COPIES
@pytest.mark.parametrize("kind", ["client", "azure"])
def test_copies(copying: Copying, kind: str, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A copy is of the same class and is traced as its original, which is no longer needed for that."""
    made = copying(wrap_openai(getattr(flavour, kind)(server), tracer_provider=own.provider, attempt_spans="always"))
    flavour.create(made)

    assert type(made) is (flavour.kind if kind == "client" else flavour.azure_kind)
    assert ["attempt", "ChatCompletion"] == names(own)


@COPIES
def test_copies_of_other_clients(copying: Copying, flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A copy of a client that is not wrapped is not traced."""
    wrap_openai(flavour.client(server), tracer_provider=own.provider)
    flavour.create(copying(flavour.client(server)))

    assert [] == own.spans


def test_copies_of_before(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Nor is one that was made before its original was wrapped."""
    client = flavour.client(server)
    made = client.copy()
    wrap_openai(client, tracer_provider=own.provider)
    flavour.create(made)

    assert [] == own.spans


class Program:
    """A client of a program's own making, that copies itself in its own way into another class."""

    def copy(self, **_: Any) -> Any:
        """Return a client of the bare kind."""
        client: Any = self
        return type(self).__mro__[2](base_url=client.base_url, api_key="test", http_client=client._client)  # noqa: SLF001 - as the SDK's own copies do

    with_options = copy


class SyncProgram(Program, openai.OpenAI):
    """Of the one family."""


class AsyncProgram(Program, openai.AsyncOpenAI):
    """Of the other."""


def test_subclass_that_copies_itself(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A subclass may have its own way of copying, into whatever class."""
    kinds: dict[Any, Any] = {openai.OpenAI: SyncProgram, openai.AsyncOpenAI: AsyncProgram}
    client = wrap_openai(flavour.client(server, kinds[flavour.kind]), tracer_provider=own.provider)
    for made in (client.with_options(), client.copy().copy()):
        flavour.create(made)

    assert ["ChatCompletion"] * 2 == names(own)


def test_instrumented_as_well(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Where all are instrumented, before or after, a call of the client has one span, the client's own."""
    before = wrap_openai(flavour.client(server), tracer_provider=own.provider)
    with captured_spans() as captured:
        after = wrap_openai(flavour.client(server), tracer_provider=own.provider)
        for client in (before, after, flavour.client(server)):
            flavour.create(client)

    assert (["ChatCompletion"] * 2, ["ChatCompletion"]) == (names(own), names(captured))


def test_mistake_where_all_are_instrumented(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """So has a call of it that the SDK refuses."""
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider)
    with captured_spans() as captured, pytest.raises(TypeError):
        flavour.create(client, tempersture=1)

    assert (["ChatCompletion"], []) == (names(own), names(captured))


def test_uninstrumented(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Nobody who uninstruments silences the client, nor a copy that is made later."""
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider)
    for _ in range(2):
        with captured_spans():
            pass
        flavour.create(client)
        flavour.create(client.with_options(timeout=3))

    assert ["ChatCompletion"] * 4 == names(own)


def test_put_back(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """The wrappers stay as long as a client or its copy lives; then the next who uninstruments puts all back."""
    put_back()
    before = standing()
    client = wrap_openai(flavour.kind(base_url=server.base_url, api_key="test"), tracer_provider=own.provider)
    wrapped = standing()
    client = client.with_options(timeout=3)
    put_back()
    still = standing()
    flavour.close(client)
    del client
    put_back()

    assert (True, True, True) == (before != wrapped, wrapped == still, before == standing())


def test_nothing_is_left(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A client that is dropped is collected, and what it was traced with."""
    client = wrap_openai(flavour.kind(base_url=server.base_url, api_key="test"), tracer_provider=own.provider)
    flavour.create(client)
    flavour.close(client)
    left = [weakref.ref(client), *(weakref.ref(value) for value in vars(client).values() if isinstance(value, Tracing))]
    del client
    gc.collect()

    assert (2, [None, None]) == (len(left), [ref() for ref in left])


def test_wrapped_twice(flavour: Flavour, server: OpenAIServer, own: CapturedSpans, other: CapturedSpans) -> None:
    """Wrapping a client again replaces what was given, of the client and not of its earlier copies; one span a call."""
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider, attempt_spans="always")
    earlier = client.copy()
    wrap_openai(client, tracer_provider=other.provider)
    for one in (client, earlier, client.copy()):
        flavour.create(one)

    assert (["attempt", "ChatCompletion"], ["ChatCompletion"] * 2) == (names(own), names(other))


def test_wrapped_twice_alike(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """The same again changes nothing."""
    client = flavour.client(server)
    for _ in range(3):
        wrap_openai(client, tracer_provider=own.provider)
    flavour.create(client)

    assert ["ChatCompletion"] == names(own)


def test_settings_of_its_own(flavour: Flavour, server: OpenAIServer, own: CapturedSpans, other: CapturedSpans) -> None:
    """Each client has its own settings."""
    hidden = wrap_openai(flavour.client(server), tracer_provider=own.provider, content="off")
    shown = wrap_openai(flavour.client(server), tracer_provider=other.provider)
    for client in (hidden, shown):
        flavour.create(client)

    contents = [[(span.attributes or {}).get(CONTENT) == "hi" for span in each.spans] for each in (own, other)]
    assert [[False], [True]] == contents


def test_metrics_of_its_own(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """And its own meter provider."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider, meter_provider=meters)
    for one in (client, flavour.client(server)):
        flavour.create(one)

    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    (points,) = (list(one.data.data_points) for one in scope.metrics if one.name == "gen_ai.client.inference.duration")
    assert [1] == [point.count for point in points if isinstance(point, HistogramDataPoint)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "an object of NoneType"),
        (openai, "an object of module"),
        (openai.OpenAI, "the class OpenAI"),
        ("client", "an object of str"),
    ],
)
def test_what_is_no_client(value: Any, found: str) -> None:
    """What is no client of the SDK is refused, with what to give instead."""
    message = (
        "wrap_openai takes an openai.OpenAI or openai.AsyncOpenAI client, or one of a subclass such as "
        f"openai.AzureOpenAI, not {found}."
    )

    with pytest.raises(TypeError) as info:
        wrap_openai(value)

    assert message == str(info.value)


WRONG = ({"attempt_spans": "sometimes"}, {"atempt_spans": "off"})


@pytest.mark.parametrize("settings", WRONG)
def test_setting_that_is_not_allowed(settings: dict[str, Any], flavour: Flavour, server: OpenAIServer) -> None:
    """A setting that cannot be is refused as the instrumentor does, and leaves the client as it was."""
    client = flavour.client(server)
    before = dict(vars(client))

    with pytest.raises(ValueError, match=r"SPANGLASS_ATTEMPT_SPANS|is not a setting"):
        wrap_openai(client, **settings)

    assert before == vars(client)


def test_suppressed(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Where instrumentation is suppressed the client has no spans."""
    with suppress_instrumentation():
        flavour.create(wrap_openai(flavour.client(server), tracer_provider=own.provider))

    assert [] == own.spans


def test_threads(flavour: Flavour, server: OpenAIServer) -> None:
    """Clients are wrapped, copied and called in threads, each with spans of its own."""

    def program(_: int) -> list[str]:
        captured = CapturedSpans()
        within = type(flavour)()
        client = wrap_openai(within.client(server), tracer_provider=captured.provider)
        for one in (client, client.with_options(timeout=9), client.copy()):
            within.create(one)
        within.leave()
        return names(captured)

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(program, range(8)))

    assert [["ChatCompletion"] * 3] * 8 == seen


def test_one_client_in_threads(server: OpenAIServer, own: CapturedSpans) -> None:
    """One client is called in many threads."""
    flavour = Sync()
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: flavour.create(client), range(16)))
    flavour.leave()

    assert ["ChatCompletion"] * 16 == names(own)


def failure(doing: Callable[[Any], object], client: Any) -> str:
    """Return the text of the TypeError that comes of it."""
    with pytest.raises(TypeError) as info:
        doing(client)
    return str(info.value)


@pytest.mark.parametrize("doing", [copy.deepcopy, pickle.dumps])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK's, of a half-made client
def test_what_the_bare_client_cannot(
    doing: Callable[[Any], object], flavour: Flavour, server: OpenAIServer, own: CapturedSpans
) -> None:
    """What cannot be done to a bare client, such as pickling, fails as it does there."""
    client = flavour.client(server)
    bare = failure(doing, client)
    wrapped = failure(doing, wrap_openai(client, tracer_provider=own.provider))
    gc.collect()  # while no event loop runs, in which the SDK would close what was never made

    assert bare == wrapped


# The classes


def traced(flavour: Flavour, server: OpenAIServer, **options: Any) -> Any:
    """Return a client of the class that is traced from the start."""
    return flavour.client(server, TRACED[type(flavour)], **options)


def test_class(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """A client of the class is one of the SDK's, takes the SDK's arguments and ours, and is traced."""
    client = traced(flavour, server, max_retries=7, organization="ours", tracer_provider=own.provider)
    flavour.create(client)

    assert isinstance(client, flavour.kind)
    assert (7, "ours", ["ChatCompletion"]) == (client.max_retries, client.organization, names(own))


def test_class_keeps_its_settings(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """Its settings and those of the SDK are told apart by their names."""
    client = traced(flavour, server, tracer_provider=own.provider, attempt_spans="always", content="off")
    flavour.create(client)

    assert [("attempt", False), ("ChatCompletion", False)] == [
        (span.name, (span.attributes or {}).get(CONTENT) == "hi") for span in own.spans
    ]


def test_names_are_told_apart(flavour: Flavour) -> None:
    """None of our arguments has the name of one of the SDK's."""
    own = {"tracer_provider", "meter_provider", *(field.name for field in fields(Settings))}

    assert set() == own & set(inspect.signature(flavour.kind).parameters)


@COPIES
def test_copies_of_the_class(
    copying: Copying, flavour: Flavour, server: OpenAIServer, own: CapturedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy is of the class too, and traced as its original, whatever the environment says by then."""
    client = traced(flavour, server, tracer_provider=own.provider, attempt_spans="always")
    monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "sometimes")
    made = copying(client)
    flavour.create(made)

    assert type(made) is TRACED[type(flavour)]
    assert ["attempt", "ChatCompletion"] == names(own)


def test_retries_of_the_class(flavour: Flavour, server: OpenAIServer, own: CapturedSpans) -> None:
    """It takes retries for a single call, raw responses included."""
    completions = traced(flavour, server, tracer_provider=own.provider).chat.completions
    server.script(BUSY, BUSY)
    for create in (completions.create, completions.with_raw_response.create):
        with pytest.raises(openai.InternalServerError):
            flavour.wait(create(**ASK, max_retries=0))

    assert 2 == len(server.journal)


@pytest.mark.parametrize("settings", WRONG)
def test_class_refuses(settings: dict[str, Any], flavour: Flavour, server: OpenAIServer) -> None:
    """A setting that cannot be is refused, and so is an argument that nobody knows."""
    with pytest.raises((ValueError, TypeError), match=r"SPANGLASS_ATTEMPT_SPANS|unexpected keyword argument"):
        traced(flavour, server, **settings)


class Named(TraceOpenAI):
    """A program's own subclass."""

    def __init__(self, *, name: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.name = name

    def copy(self, **options: Any) -> Self:
        """Return a copy of the same name."""
        made: Self = super().copy(**options)
        made.name = self.name
        return made


def test_subclass_of_the_class(server: OpenAIServer, own: CapturedSpans) -> None:
    """A program may have a subclass of it."""
    with Named(base_url=server.base_url, api_key="test", name="mine", tracer_provider=own.provider) as client:
        made = client.copy()
        made.chat.completions.create(model="gpt-4o-mini", messages=[])

    assert (Named, "mine", ["ChatCompletion"]) == (type(made), made.name, names(own))


def test_captured(flavour: Flavour, server: OpenAIServer) -> None:
    """A test of a program with such a client gives it the provider of the spans that it captures."""
    client = wrap_openai(flavour.client(server))
    with captured_spans() as captured:
        flavour.create(client)
        wrap_openai(client, tracer_provider=captured.provider)
        flavour.create(client)

    assert ["ChatCompletion"] == names(captured)
