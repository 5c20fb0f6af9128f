"""`@trace`: what is decorated stays what it was, and each of its runs is one span with what it was given and gave."""

import asyncio
import functools
import gc
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import pytest
from openai import OpenAI
from openinference.instrumentation import get_attributes_from_context, using_attributes
from opentelemetry import trace as otel
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind

from otlp_receivers import http_receiver
from spanglass import trace, using, wrap_openai
from spanglass.calls import unfinished
from spanglass.calls.work import Steps, Work
from spanglass.export.notes import status_of
from spanglass.testing import CapturedSpans, OpenAIServer

JSON = "application/json"
TEXT = "text/plain"
Give = Callable[[], Any]


def add(first: int, second: int = 1, *others: int, scale: int = 1) -> int:
    """Add them up."""
    return (first + second + sum(others)) * scale


async def add_async(first: int, second: int = 1) -> int:
    """Add them up, later."""
    await asyncio.sleep(0)
    return first + second


def count(most: int) -> Iterator[int]:
    """Count."""
    yield from range(most)


async def count_async(most: int) -> AsyncIterator[int]:
    """Count, later."""
    for number in range(most):
        await asyncio.sleep(0)
        yield number


class Bot:
    """A class with every kind of method."""

    def method(self, text: str) -> tuple[str, str]:
        """Answer."""
        return (self.__class__.__name__, text)

    @classmethod
    def of_class(cls, text: str) -> tuple[str, str]:
        """Answer."""
        return (cls.__name__, text)

    @staticmethod
    def static(text: str) -> str:
        """Answer."""
        return text


@trace
def picklable(number: int) -> int:
    """Be found by its name, in another process too."""
    return number + 1


class Traced(Bot):
    """The same, traced: the decorator stands above those of Python."""

    method = trace(Bot.__dict__["method"])
    of_class = trace(Bot.__dict__["of_class"])
    static = trace(Bot.__dict__["static"])


class Below(Bot):
    """The same, the decorator below those of Python."""

    of_class = classmethod(trace(Bot.__dict__["of_class"].__func__))  # type: ignore[var-annotated]  # a dict's values may be anything
    static = staticmethod(trace(Bot.__dict__["static"].__func__))


def told(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says of a function: its name, kind, status, and all attributes and events."""
    return {
        "name": span.name,
        "kind": span.kind,
        "status": (span.status.status_code.name, span.status.description),
        "events": [(event.name, (event.attributes or {}).get("exception.type")) for event in span.events],
        **(span.attributes or {}),
    }


def expected(name: str, **attributes: Any) -> dict[str, Any]:
    """Return what the span of a function says that went well."""
    short = {
        "given": "input.value",
        "given_as": "input.mime_type",
        "gave": "output.value",
        "gave_as": "output.mime_type",
    }
    named = {short.get(key, key): value for key, value in attributes.items()}
    usual = {"kind": SpanKind.INTERNAL, "status": ("OK", None), "events": [], "openinference.span.kind": "CHAIN"}
    return {"name": name, **usual, **named}


FORMS: list[tuple[str, Any, Callable[[Any], Any], dict[str, Any]]] = [
    (
        "function",
        add,
        lambda f: f(1, 2, 3, scale=2),
        expected("add", given='{"first":1,"second":2,"others":[3],"scale":2}', given_as=JSON, gave="12", gave_as=JSON),
    ),
    (
        "coroutine",
        add_async,
        lambda f: asyncio.run(f(1, second=2)),
        expected("add_async", given='{"first":1,"second":2}', given_as=JSON, gave="3", gave_as=JSON),
    ),
    (
        "generator",
        count,
        lambda f: list(f(3)),
        expected(
            "count",
            given='{"most":3}',
            given_as=JSON,
            gave="[0,1,2]",
            gave_as=JSON,
            **{"spanglass.stream.outcome": "completed", "spanglass.stream.chunk_count": 3},
        ),
    ),
    (
        "async generator",
        count_async,
        lambda f: asyncio.run(collected(f(3))),
        expected(
            "count_async",
            given='{"most":3}',
            given_as=JSON,
            gave="[0,1,2]",
            gave_as=JSON,
            **{"spanglass.stream.outcome": "completed", "spanglass.stream.chunk_count": 3},
        ),
    ),
]


async def collected(items: Any) -> list[Any]:
    """Return all that an async generator yields."""
    return [item async for item in items]


@pytest.mark.parametrize(("bare", "run", "span"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_forms(bare: Any, run: Callable[[Any], Any], span: dict[str, Any], captured: CapturedSpans) -> None:
    """Whatever is decorated returns what it returned, is what it was, and its run is one span, whole."""
    traced = trace(bare)
    asks = (
        inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.signature,
        inspect.getdoc, lambda f: (f.__name__, f.__qualname__, f.__module__, f.__annotations__),
    )  # fmt: skip

    assert [ask(traced) for ask in asks] == [ask(bare) for ask in asks]
    assert run(traced) == run(bare)
    assert [span] == [told(each) for each in captured.spans]


def test_methods(captured: CapturedSpans) -> None:
    """Methods, static and class methods are traced, the decorator above Python's own or below; `self` is no input."""
    results = [
        Traced().method("a"),
        Traced.of_class("b"),
        Traced.static("c"),
        Below.of_class("d"),
        Below.static("e"),
    ]

    assert [("Traced", "a"), ("Traced", "b"), "c", ("Below", "d"), "e"] == results
    assert [
        ("Bot.method", "a", '["Traced","a"]'),
        ("Bot.of_class", "b", '["Traced","b"]'),
        ("Bot.static", "c", "c"),
        ("Bot.of_class", "d", '["Below","d"]'),
        ("Bot.static", "e", "e"),
    ] == [(span.name, said(span, "input.value"), said(span, "output.value")) for span in captured.spans]


def said(span: ReadableSpan, key: str) -> Any:
    """Return an attribute of a span."""
    return (span.attributes or {}).get(key)


def test_other_callables(captured: CapturedSpans) -> None:
    """A partial function, an object that can be called and a built-in one are traced as well, by their names."""

    class Greeter:
        def __call__(self, name: str) -> str:
            return f"Hi {name}"

    assert (3, "Hi Ann", 3) == (trace(functools.partial(add, 2))(1), trace(Greeter())("Ann"), trace(len)("abc"))
    assert ["add", "test_other_callables.<locals>.Greeter".rpartition(".")[2], "len"] == [
        span.name for span in captured.spans
    ]


def test_objects_whose_calls_take_time(captured: CapturedSpans) -> None:
    """An object whose call is a coroutine, a generator or an async generator is traced until that has ended."""

    class Answering:
        async def __call__(self) -> bool:
            await asyncio.sleep(0)
            return otel.get_current_span().is_recording()

    class Counting:
        def __call__(self) -> Iterator[int]:
            yield from range(2)

    class CountingAsync:
        async def __call__(self) -> AsyncIterator[int]:
            yield 0

    results = (
        asyncio.run(trace(Answering())()),
        [*trace(Counting())()],
        asyncio.run(collected(trace(CountingAsync())())),
    )

    assert (True, [0, 1], [0]) == results
    assert ["true", "[0,1]", "[0]"] == [said(span, "output.value") for span in captured.spans]


def test_options(captured: CapturedSpans) -> None:
    """What is said of a function is on its span and on those inside, but for the model that is expected."""

    @trace(kind="tool", prompt="look_up")
    def inner() -> None:
        """Do nothing."""

    @trace(
        name="outer",
        kind="AGENT",
        model_name="gpt-4o",
        metadata={"team": "search"},
        session="s",
        user="u",
        tags=("a", "b"),
    )
    def outer() -> str:
        inner()
        return "done"

    outer()

    context = {"session.id": "s", "user.id": "u", "tag.tags": ("a", "b")}
    assert [
        expected(
            "look_up", **{"openinference.span.kind": "TOOL", "tool.name": "look_up", "metadata": '{"team":"search"}'}
        )
        | context,
        expected(
            "outer",
            gave="done",
            gave_as=TEXT,
            **{
                "openinference.span.kind": "AGENT",
                "agent.name": "outer",
                "metadata": '{"team":"search","model_name":"gpt-4o"}',
            },
        )
        | context,
    ] == [told(span) for span in captured.spans]


def test_context_of_others(captured: CapturedSpans) -> None:
    """The decorator, `using` and OpenInference's own context managers read each other's values."""
    seen: dict[str, Any] = {}

    @trace(user="u1", model_name="m")
    def inside() -> None:
        seen.update(get_attributes_from_context())

    with using_attributes(session_id="s0", user_id="u0"), using(metadata={"a": 1}):
        inside()

    assert {"session.id": "s0", "user.id": "u1", "metadata": '{"a":1}'} == seen
    (span,) = captured.spans
    assert ("s0", "u1", '{"a":1,"model_name":"m"}') == tuple(
        said(span, key) for key in ("session.id", "user.id", "metadata")
    )


def test_calls_are_inside(server: OpenAIServer, captured: CapturedSpans) -> None:
    """The calls that a function makes are children of its span, in the same trace, and have its session."""
    with OpenAI(base_url=server.base_url, api_key="none") as client:

        @trace(session="s")
        def ask(question: str) -> str | None:
            messages: Any = [{"role": "user", "content": question}]
            return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

        ask("Why?")

    call, function = captured.spans
    assert call.parent is not None
    assert call.context is not None
    assert function.context is not None
    assert ("ChatCompletion", "s", function.context.span_id, function.context.trace_id) == (
        call.name,
        said(call, "session.id"),
        call.parent.span_id,
        call.context.trace_id,
    )
    assert ("Why?", "Hello", None) == (said(function, "input.value"), said(function, "output.value"), function.parent)


def test_a_function_that_is_not_recorded(server: OpenAIServer) -> None:
    """Where a function's own span is not recorded, what is said of it is still on the calls inside."""
    captured = CapturedSpans()
    with OpenAI(base_url=server.base_url, api_key="none") as client:
        wrap_openai(client, tracer_provider=captured.provider)

        @trace(session="s")
        def ask() -> None:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Why?"}])

        ask()
    (call,) = captured.spans

    assert ("ChatCompletion", "s", None) == (call.name, said(call, "session.id"), call.parent)


class Refused(Exception):  # noqa: N818 - it is what a program might have
    """An exception of the program's."""


REFUSED = f"{__name__}.Refused"


def raising() -> None:
    """Raise."""
    message = "with sk-abcdefghijklmnop"
    raise Refused(message)


async def raising_async() -> None:
    """Raise, later."""
    await asyncio.sleep(0)
    raising()


def raising_generator() -> Iterator[int]:
    """Raise after the first."""
    yield 1
    raising()


async def raising_async_generator() -> AsyncIterator[int]:
    """Raise after the first, later."""
    yield 1
    raising()


RAISING: list[tuple[Any, Callable[[Any], Any]]] = [
    (raising, lambda f: f()),
    (raising_async, lambda f: asyncio.run(f())),
    (raising_generator, lambda f: list(f())),
    (raising_async_generator, lambda f: asyncio.run(collected(f()))),
]


@pytest.mark.parametrize(("bare", "run"), RAISING, ids=[bare.__name__ for bare, _ in RAISING])
def test_exceptions(bare: Any, run: Callable[[Any], Any], captured: CapturedSpans) -> None:
    """An exception comes out as it is, and the span has it, its status and no credentials of its text."""
    with pytest.raises(Refused, match=r"^with sk-abcdefghijklmnop$") as raised:
        run(trace(bare))
    (span,) = captured.spans

    assert (None, None) == (raised.value.__cause__, raised.value.__context__)
    assert ("ERROR", "Refused: with __REDACTED__") == (span.status.status_code.name, span.status.description)
    assert [("exception", REFUSED)] == told(span)["events"]
    assert REFUSED == said(span, "error.type")


def test_an_exit_is_no_failure(captured: CapturedSpans) -> None:
    """SystemExit and a cancelled task pass, and leave the status unset."""

    @trace
    def leave() -> None:
        sys.exit(3)

    @trace
    async def sleep() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.ensure_future(sleep())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with pytest.raises(SystemExit):
        leave()
    asyncio.run(cancel())

    assert [("leave", ("UNSET", None), "INCOMPLETE"), ("sleep", ("UNSET", None), "INCOMPLETE")] == [
        (span.name, told(span)["status"], status_of(span)) for span in captured.spans
    ]


def test_the_context_of_a_generator(captured: CapturedSpans) -> None:
    """The span is current while a generator runs, never while its caller holds it; blocks inside it stay its own."""
    seen: list[Any] = []

    @trace
    def steps() -> Iterator[int]:
        with using(session="inner"):
            for number in range(2):
                seen.append((otel.get_current_span().is_recording(), get_current().get("session.id")))
                yield number
        seen.append((otel.get_current_span().is_recording(), get_current().get("session.id")))

    before = get_current()
    for _ in steps():
        assert get_current() is before

    assert [(True, "inner"), (True, "inner"), (True, None)] == seen
    assert get_current() is before
    assert 1 == len(captured.spans)


def test_the_context_of_an_async_generator(captured: CapturedSpans) -> None:
    """So it is with an async one, also where each step is taken by another task."""
    seen: list[bool] = []

    @trace
    async def steps() -> AsyncIterator[int]:
        for number in range(2):
            await asyncio.sleep(0)
            seen.append(otel.get_current_span().is_recording())
            yield number

    async def take() -> list[Any]:
        generator: Any = steps()
        taken = [await asyncio.ensure_future(generator.asend(None)) for _ in range(2)]
        with suppress(StopAsyncIteration):
            await asyncio.ensure_future(generator.asend(None))
        return [*taken, otel.get_current_span().is_recording()]

    assert ([0, 1, False], [True, True]) == (asyncio.run(take()), seen)
    assert ["completed"] == [said(span, "spanglass.stream.outcome") for span in captured.spans]


def drive(generator: Any) -> list[Any]:
    """Do with a generator all that can be done, and return what came of it."""
    came = [next(generator), generator.send("a")]
    try:
        came.append(generator.throw(KeyError("b")))
    except StopIteration as end:
        return [*came, end.value]
    with suppress(StopIteration):
        next(generator)
    return came


def answering() -> Iterator[Any]:
    """Answer what is sent and thrown."""
    sent = yield "first"
    try:
        yield sent
    except KeyError as error:
        yield repr(error)
    return


def returning() -> Generator[Any, None, str]:
    """Return when something is thrown."""
    try:
        yield 1
        yield 2
    except KeyError:
        pass
    return "returned"


@pytest.mark.parametrize("bare", [answering, returning])
def test_driving_a_generator(bare: Any, captured: CapturedSpans) -> None:
    """What is sent into a generator, thrown into it and returned by it passes through."""
    assert drive(trace(bare)()) == drive(bare())
    assert ["completed"] == [said(span, "spanglass.stream.outcome") for span in captured.spans]


async def answering_async() -> AsyncIterator[Any]:
    """Answer what is sent and thrown."""
    sent = yield "first"
    try:
        yield sent
    except KeyError as error:
        yield repr(error)


async def drive_async(generator: Any) -> list[Any]:
    """Do with an async generator all that can be done."""
    came = [await generator.asend(None), await generator.asend("a"), await generator.athrow(KeyError("b"))]
    with suppress(StopAsyncIteration):
        await generator.asend(None)
    return came


def test_driving_an_async_generator(captured: CapturedSpans) -> None:
    """So it is with an async one."""
    assert asyncio.run(drive_async(trace(answering_async)())) == asyncio.run(drive_async(answering_async()))
    assert ["completed"] == [said(span, "spanglass.stream.outcome") for span in captured.spans]


def left(generator: Any) -> None:
    """Take one, and close it."""
    next(generator)
    generator.close()


def dropped(generator: Any) -> None:
    """Take one, and let go of it."""
    next(generator)


def in_a_cycle(generator: Any) -> None:
    """Take one, and leave it to the garbage collector."""
    next(generator)
    cycle = [generator]
    cycle.append(cycle)
    del cycle, generator
    gc.collect()


@pytest.mark.parametrize("leave", [left, dropped, in_a_cycle])
def test_leaving_a_generator(leave: Callable[[Any], None], captured: CapturedSpans) -> None:
    """A generator that is left early runs its own ending, and its span has what had been yielded."""
    ended: list[bool] = []

    @trace
    def steps() -> Iterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            ended.append(otel.get_current_span().is_recording())

    leave(steps())

    assert [True] == ended
    assert [
        expected(
            "steps",
            status=("UNSET", None),
            gave="one",
            gave_as=TEXT,
            **{"spanglass.stream.outcome": "closed", "spanglass.stream.chunk_count": 1},
        )
    ] == [{**told(span), "name": span.name.rpartition(".")[2]} for span in captured.spans]


def test_leaving_an_async_generator(captured: CapturedSpans) -> None:
    """So it is with an async one, closed by its caller, or by the loop when it is dropped."""
    ended: list[int] = []

    @trace
    async def steps(number: int) -> AsyncIterator[int]:
        try:
            yield number
            yield number
        finally:
            ended.append(number)

    async def leave() -> None:
        closed: Any = steps(1)
        await closed.asend(None)
        await closed.aclose()
        async for _ in steps(2):
            break
        for _ in range(3):
            await asyncio.sleep(0)  # the loop closes what was dropped

    asyncio.run(leave())

    assert [1, 2] == ended
    assert [("closed", "[1]"), ("closed", "[2]")] == [
        (said(span, "spanglass.stream.outcome"), said(span, "output.value")) for span in captured.spans
    ]


async def closing_async(ended: list[int]) -> AsyncIterator[int]:
    """Take a while to close."""
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0)
        ended.append(1)


def test_async_generators_that_a_loop_closes(captured: CapturedSpans, caplog: pytest.LogCaptureFixture) -> None:
    """Those that are open as their loop ends are closed, each once and in peace, whichever the loop takes first."""
    ended: list[int] = []
    generators = [trace(closing_async)(ended) for _ in range(10)]

    async def begin() -> None:
        for generator in generators:
            await anext(generator)

    asyncio.run(begin())

    assert [1] * 10 == ended
    assert ["closed"] * 10 == [said(span, "spanglass.stream.outcome") for span in captured.spans]
    assert [] == caplog.messages


@types.coroutine
def pause() -> Generator[None, None, None]:
    """Wait for whoever drives a coroutine."""
    yield


def test_closed_in_another_context(captured: CapturedSpans) -> None:
    """A coroutine that is closed elsewhere than it was started leaves what is current there, and is cancelled."""

    @trace
    async def wait() -> None:
        await pause()

    coroutine: Any = wait()
    copy_context().run(coroutine.send, None)
    with captured.provider.get_tracer("test").start_as_current_span("around") as around:
        coroutine.close()
        assert otel.get_current_span() is around

    assert [("around", "UNSET"), ("wait", "UNSET")] == sorted(
        (span.name, span.status.status_code.name) for span in captured.spans
    )


def test_a_generator_that_is_cancelled(captured: CapturedSpans) -> None:
    """An async generator whose task is cancelled says so."""

    @trace
    async def steps() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.ensure_future(collected(steps()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert [("cancelled", "[1]")] == [
        (said(span, "spanglass.stream.outcome"), said(span, "output.value")) for span in captured.spans
    ]


class Watching(SpanProcessor):
    """Notes for each span that ends whether the garbage collector is at work."""

    def __init__(self) -> None:
        self.collecting: list[bool] = []

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - the SDK's signature
        """Note it."""
        self.collecting.append(unfinished.collecting())


def test_collection_ends_nothing(captured: CapturedSpans) -> None:
    """A generator or a coroutine that the garbage collector closes has its span ended soon after, not by it."""
    watching = Watching()
    captured.provider.add_span_processor(watching)

    @trace
    async def wait() -> None:
        await pause()

    in_a_cycle(trace(count)(3))
    coroutine: Any = wait()
    coroutine.send(None)
    cycle = [coroutine]
    cycle.append(cycle)
    del cycle, coroutine
    gc.collect()

    assert (2, [False, False]) == (len(captured.spans), watching.collecting)


def test_nothing_is_kept(captured: CapturedSpans) -> None:
    """Of a run that is over nothing is held."""
    trace(add)(1)
    list(trace(count)(2))
    with suppress(Refused):
        trace(raising)()
    gc.collect()

    assert (3, []) == (len(captured.spans), [each for each in gc.get_objects() if type(each) in {Work, Steps}])


def test_never_started(captured: CapturedSpans) -> None:
    """A generator that never runs is no span, and neither is a coroutine that is closed unawaited."""
    trace(count)(3)
    trace(add_async)(1).close()

    assert [] == captured.spans


def test_never_awaited() -> None:
    """The warning of a coroutine that is never awaited is that of the program's own function."""
    with pytest.warns(RuntimeWarning, match=r"coroutine 'add_async' was never awaited"):
        trace(add_async)(1)  # type: ignore[unused-coroutine]  # that is what it tests


def test_threads_and_tasks(captured: CapturedSpans) -> None:
    """Runs at the same time do not meet: each span of an inner function is in that of its own outer one."""

    @trace
    def inner(number: int) -> int:
        time.sleep(0.001)
        return number

    @trace
    def outer(number: int) -> int:
        return inner(number)

    @trace
    async def inner_async(number: int) -> int:
        await asyncio.sleep(0.001)
        return number

    @trace
    async def outer_async(number: int) -> int:
        return await inner_async(number)

    async def together() -> None:
        await asyncio.gather(*(outer_async(number) for number in range(20)))

    threads = [threading.Thread(target=outer, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(together())

    spans = {span.context.span_id: span for span in captured.spans if span.context}
    pairs = [(span, spans[span.parent.span_id]) for span in spans.values() if span.parent]
    assert (80, 40) == (len(spans), len(pairs))
    assert all(said(inside, "input.value") == said(outside, "input.value") for inside, outside in pairs)


def work(text: str) -> str:
    """Return the same."""
    return text


def fail(text: str) -> str:
    """Quote what was given."""
    raise Refused(text)


def test_pickling() -> None:
    """A traced function can be sent to other processes, as a pool does."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        results = pool.map(picklable, [1, 2])

    assert ([2, 3], picklable) == (results, pickle.loads(pickle.dumps(picklable)))  # noqa: S301 - it is ours


def test_suppressed(captured: CapturedSpans) -> None:
    """Where instrumentation is suppressed, a function runs, and nothing is recorded."""
    with suppress_instrumentation():
        results = (trace(work)("a"), list(trace(count)(2)), asyncio.run(trace(add_async)(1)))
        results_async = asyncio.run(collected(trace(count_async)(2)))

    assert (("a", [0, 1], 2), [0, 1], []) == (results, results_async, captured.spans)


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANGLASS_"))}
NOTHING = """
from spanglass import trace
@trace(session="s")
def work(text): return text
print(work("a"))
"""


@pytest.mark.parametrize("variables", [{}, {"OTEL_SDK_DISABLED": "true"}, {"SPANGLASS_CONTENT": "nonsense"}])
def test_nothing_is_set_up(variables: dict[str, str]) -> None:
    """Without a provider, with OpenTelemetry off, or with a setting that is wrong, a function does what it does."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", NOTHING], env=CLEAN | variables, capture_output=True, text=True, timeout=60, check=False
    )

    assert (0, "a\n") == (done.returncode, done.stdout)
    assert ("SPANGLASS_CONTENT" in variables) == bool(done.stderr)


@pytest.mark.usefixtures("lenient_guard")
def test_faults_of_ours(captured: CapturedSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in the recording, the function's result and exception are what they are."""

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    for place in ("begin", "with_said"):
        with monkeypatch.context() as patch:
            patch.setattr(f"spanglass.decorator.{place}", broken)
            assert "a" == trace(work)("a")
    for place in ("told", "told_arguments", "told_items", "read_failure"):
        with monkeypatch.context() as patch:
            patch.setattr(f"spanglass.calls.work.{place}", broken)
            assert ("a", [0, 1]) == (trace(work)("a"), list(trace(count)(2)))
            with pytest.raises(Refused):
                trace(fail)("a")

    assert 12 == len(captured.spans)


REFUSALS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: trace(kind="CHAINS"),
        ValueError,
        r"kind= cannot be 'CHAINS': use one of AGENT, CHAIN, EMBEDDING, .* TOOL\.",
    ),
    (
        lambda: trace("ask"),  # type: ignore[call-overload]  # a type checker sees it too
        TypeError,
        r"trace decorates a function or a method, not 'ask': use @trace, or @trace\(name=…\)",
    ),
    (lambda: trace(Bot), TypeError, "trace decorates a function or a method, not <class"),
    (
        lambda: trace(property(work)),  # type: ignore[call-overload]  # the same
        TypeError,
        "trace decorates a function or a method, not <property",
    ),
]


@pytest.mark.parametrize(("attempt", "kind", "message"), REFUSALS)
def test_mistakes(attempt: Callable[[], Any], kind: type[Exception], message: str) -> None:
    """What cannot be decorated or is no kind is refused where it is written, with what to do."""
    with pytest.raises(kind, match=message):
        attempt()


FORKED = """
import os, sys
from spanglass import configure, trace
pipeline = configure(endpoint=sys.argv[1])
@trace
def outer():
    child = os.fork()
    if child == 0:
        inner()
        return
    os.waitpid(child, 0)
@trace
def inner(): pass
outer()
"""


def test_a_fork_within_a_function() -> None:
    """A function that forks is one span, its parent process's; what the child does is inside it."""
    with http_receiver() as received:
        subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, received.url], timeout=60, check=True)  # noqa: S603 - ours

    assert ["inner", "outer"] == sorted(received.spans)


AT_THE_END = """
import os, signal, sys
from spanglass import configure, trace
pipeline = configure(endpoint=sys.argv[1])
@trace
def outer():
    if sys.argv[2] == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(0)
@trace
def steps():
    yield "one"
generator = steps()
next(generator)
outer()
"""


@pytest.mark.parametrize("end", ["exit", "signal"])
def test_the_end_of_a_program(end: str) -> None:
    """Functions that still run as a program ends are sent, and generators that were left open."""
    with http_receiver() as received:
        subprocess.run([sys.executable, "-c", AT_THE_END, received.url, end], timeout=60, check=False)  # noqa: S603 - ours

    assert ["outer", "steps"] == sorted(received.spans)
