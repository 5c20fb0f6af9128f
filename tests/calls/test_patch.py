"""What is wrapped while OpenAI is instrumented, and that it is put back."""

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import openai
import pytest
import wrapt
from openai import _base_client, _streaming
from openai.resources.chat.completions import Completions
from pydantic import BaseModel
from told import ANSWERED, COUNTED, call, told

from asking import FAMILIES
from flavours import ASK, Flavour
from spanglass import OpenAIInstrumentor
from spanglass.calls import patch, rivals
from spanglass.testing import OpenAIServer, captured_spans

MODULES = (_base_client, _streaming, sys.modules[Completions.__module__], *FAMILIES)
ALWAYS = {
    "SyncAPIClient.request",
    "AsyncAPIClient.request",
    "BaseClient._build_request",
    "Stream.__stream__",
    "AsyncStream.__stream__",
    "Completions.create",
    "AsyncCompletions.create",
}
WHERE_THERE = {
    "Completions.parse",
    "Completions.stream",
    "AsyncCompletions.parse",
    "AsyncCompletions.stream",
    "httpx.Client.send",
    "httpx.AsyncClient.send",
    "httpx2.Client.send",
    "httpx2.AsyncClient.send",
}
NOTED = pytest.mark.parametrize("below", [True, False], ids=["below ours", "above ours"])


def standing() -> dict[str, Any]:
    """Return the functions in the classes of all modules that have to do with a call."""
    found: dict[str, Any] = {}
    for module in MODULES:
        prefix = f"{module.__name__}." if module in FAMILIES else ""
        for owner, kind in vars(module).items():
            if isinstance(kind, type) and not issubclass(kind, BaseModel):  # these complete themselves when used
                found |= {f"{prefix}{owner}.{name}": value for name, value in vars(kind).items() if callable(value)}
    return found


WRAPPED = ALWAYS | (WHERE_THERE & standing().keys())


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return what is not the very same object."""
    return {name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)}


@pytest.fixture
def instrumentor() -> Iterator[OpenAIInstrumentor]:
    """Give the instrumentor, and uninstrument in the end."""
    instrumentor = OpenAIInstrumentor()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def test_what_is_wrapped(instrumentor: OpenAIInstrumentor) -> None:
    """Fifteen functions are wrapped, where the SDK has them all, nothing else is touched, and all is put back."""
    before = standing()
    instrumentor.instrument()
    during = standing()
    instrumentor.uninstrument()

    assert (changed(before, during), changed(before, standing())) == (WRAPPED, set())


@pytest.mark.parametrize("arguments", [((object(),), {}), ((), {"tracer": object()})])
def test_a_tracer_as_older_code_gives_it(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    """A tracer that is given to the instrumentor itself is refused, with where its provider goes."""
    said = (
        r"^OpenAIInstrumentor\(\) takes no tracer: give its provider to instrument, as in "
        r"OpenAIInstrumentor\(\)\.instrument\(tracer_provider=…\)\.$"
    )
    args, kwargs = arguments
    with pytest.raises(TypeError, match=said):
        OpenAIInstrumentor(*args, **kwargs)


def test_instrumented_twice_is_once(
    instrumentor: OpenAIInstrumentor, flavour: Flavour, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who instruments a second time is told so in the log; a call has one span, and one `uninstrument` is enough."""
    before = standing()
    with captured_spans() as captured, caplog.at_level(logging.WARNING):
        instrumentor.instrument()
        flavour.create(flavour.client(server))

        assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]
    assert [record.getMessage() for record in caplog.records] == ["Attempting to instrument while already instrumented"]
    assert changed(before, standing()) == set()


def test_uses_are_counted() -> None:
    """Wrappers that two wanted stay until neither wants them."""
    before = standing()
    seen = []
    for step in (patch.apply, patch.apply, patch.undo, patch.undo):
        step()
        seen.append(changed(before, standing()))

    assert seen == [WRAPPED, WRAPPED, WRAPPED, set()]


def test_setting_that_is_not_allowed(instrumentor: OpenAIInstrumentor) -> None:
    """A setting that cannot be leaves nothing wrapped, and the instrumentor ready for a better one."""
    before = standing()

    with pytest.raises(ValueError, match="SPANGLASS_ATTEMPT_SPANS"):
        instrumentor.instrument(attempt_spans="sometimes")
    with pytest.raises(ValueError, match="is not a setting"):
        instrumentor.instrument(atempt_spans="off")

    assert changed(before, standing()) == set()
    instrumentor.instrument(attempt_spans="off")
    assert changed(before, standing()) == WRAPPED


@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_sdk_disabled(instrumentor: OpenAIInstrumentor, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OTEL_SDK_DISABLED is true nothing is wrapped, nor is there anything to put back."""
    before = standing()
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)

    instrumentor.instrument()
    during = standing()
    instrumentor.uninstrument()

    assert (changed(before, during), changed(before, standing())) == (set(), set())


def test_sdk_is_disabled_by_true_only(instrumentor: OpenAIInstrumentor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other value is not true."""
    before = standing()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "1")

    instrumentor.instrument()

    assert changed(before, standing()) == WRAPPED


def test_client_of_before_and_after(flavour: Flavour, server: OpenAIServer) -> None:
    """A client is traced while OpenAI is instrumented, whenever it was made, however often that comes and goes."""
    client = flavour.client(server)
    seen = []
    for _ in range(2):
        with captured_spans() as captured:
            flavour.create(client)
        flavour.create(client)
        seen.append([told(span) for span in captured.spans])

    assert seen == [[call(server, ANSWERED, COUNTED)]] * 2


def test_what_was_kept_is_silent_afterwards(flavour: Flavour, server: OpenAIServer) -> None:
    """Methods and raw objects that the SDK or the caller keeps from the time of being instrumented do nothing after."""
    with captured_spans() as captured:
        client = flavour.client(server)
        kept = (client.chat.completions.create, client.chat.completions.with_raw_response.create)
        for create in kept:
            flavour.wait(create(**ASK))
    for create in kept:
        flavour.wait(create(**ASK))
    with suppress(TypeError):
        flavour.wait(kept[0](model="m"))

    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)] * 2


def test_stream_that_is_read_afterwards(flavour: Flavour, server: OpenAIServer) -> None:
    """A stream that is still open as OpenAI is uninstrumented goes on, and its span ends with it."""
    client = flavour.client(server)
    with captured_spans() as captured:
        stream = flavour.create(client, stream=True)
    assert captured.spans == []

    taken = flavour.take(stream)

    outcomes = [(span.attributes or {})["spanglass.stream.outcome"] for span in captured.spans]
    assert (len(taken), outcomes) == (4, ["completed"])


CLIENT: Any = _base_client.SyncAPIClient


class Party:
    """Another instrumentor, which counts the requests of sync clients."""

    def __init__(self) -> None:
        self.calls = 0
        self.before = vars(CLIENT)["request"]
        self.wrapper = wrapt.FunctionWrapper(self.before, self.count)
        CLIENT.request = self.wrapper

    def count(self, wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        """Count, and call on."""
        self.calls += 1
        return wrapped(*args, **kwargs)

    @property
    def stands(self) -> bool:
        """Whether it is what stands in the class."""
        return vars(CLIENT)["request"] is self.wrapper


@pytest.fixture
def original(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back the SDK's own `request` in the end, whoever has wrapped it."""
    monkeypatch.setattr(CLIENT, "request", vars(CLIENT)["request"])


def ask(server: OpenAIServer) -> None:
    """Make one call."""
    asked: dict[str, Any] = ASK
    with openai.OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(**asked)


@pytest.mark.usefixtures("original")
@NOTED
def test_beside_another_party(*, below: bool, server: OpenAIServer) -> None:
    """Another's wrapper, put on before ours or after it, sees every call, and stands when ours is gone."""
    party = Party() if below else None
    with captured_spans() as captured:
        party = party or Party()
        ask(server)
    ask(server)

    assert (party.stands, party.calls) == (True, 2)
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


@pytest.mark.usefixtures("original")
def test_again_beside_another_party(server: OpenAIServer) -> None:
    """Instrumented again, below a wrapper of another's that kept ours from being taken off: one span a call."""
    with captured_spans():
        party = Party()
    with captured_spans() as captured:
        ask(server)

    assert (party.stands, party.calls) == (True, 1)
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


@pytest.mark.usefixtures("original")
def test_another_party_leaves(server: OpenAIServer) -> None:
    """Another that takes its wrapper off, and so ours, does not end our tracing: the next call puts ours back."""
    first = Party()
    with captured_spans() as captured:
        CLIENT.request = first.before
        ask(server)

    assert vars(CLIENT)["request"] is first.before
    assert [told(span) for span in captured.spans] == [call(server, ANSWERED, COUNTED)]


def test_nothing_is_put_back_unwanted() -> None:
    """A call that is still looking at others as OpenAI is uninstrumented puts no wrapper back."""
    before = standing()
    with captured_spans():
        places = tuple(rivals.places.values())
    for place in places:
        place.put()

    assert changed(before, standing()) == set()
