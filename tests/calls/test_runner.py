"""A tool that the SDK runs by itself is a span: of every kind of tool, however it is left, hidden as calls are."""

import asyncio
import gc
import importlib
import inspect
import sys
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest
import toolruns
from opentelemetry import trace as otel
from opentelemetry.context import attach, detach, get_current, set_value
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from flavours import Async, Flavour, Sync
from spanglass import trace, using, wrap_openai
from spanglass.calls import execution, patch, runner, unfinished
from spanglass.calls.serving import Serving, served
from spanglass.calls.suppressed import SUPPRESSED
from spanglass.calls.tracing import Tracing
from spanglass.credentials import REDACTED
from spanglass.settings import Settings
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, captured_spans

pytest.importorskip("openai.lib.responses_tool_runner", reason="this SDK runs no tools", exc_type=ImportError)
TOOLS: dict[str, Any] = toolruns.TOOLS
every_kind = pytest.mark.parametrize("run", TOOLS.values(), ids=TOOLS)
SECRET = "sk-" + "s3cret" * 8
ASKED = {"model": "gpt-5", "input": "hi"}


def tools(captured: CapturedSpans) -> list[ReadableSpan]:
    """Return the spans of tools."""
    return [span for span in captured.spans if (span.attributes or {}).get("openinference.span.kind") == "TOOL"]


def shown(span: ReadableSpan) -> dict[str, Any]:
    """Return what a tool's span says, but for its kind."""
    return {key: value for key, value in (span.attributes or {}).items() if key != "openinference.span.kind"}


def within(captured: CapturedSpans) -> Any:
    """Return a block that is a span of the program's own."""
    return captured.provider.get_tracer("program").start_as_current_span("outer")


@every_kind
def test_whole_span(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A tool's run is a child of the program's span, and says what was asked and what came of it."""
    with within(captured) as outer:
        ends = run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    (span,) = tools(captured)
    parent = span.parent and span.parent.span_id
    said = (span.name, span.kind, span.status.status_code, [*span.events], parent, shown(span))
    expected = {"tool.name": run.name, **run.shows}
    assert (ends, said) == (
        run.ends,
        (run.name, SpanKind.INTERNAL, StatusCode.OK, [], outer.get_span_context().span_id, expected),
    )


@every_kind
def test_nothing_is_changed(run: Any, flavour: Flavour, server: OpenAIServer) -> None:
    """The program and the tool get what they get without the instrumentor, and the server the same requests."""

    def told() -> Any:
        given: list[Any] = []

        def tool(*args: Any) -> Any:
            given.append(args)
            return run.gives

        before = len(server.journal)
        ends = run.program(flavour, server, flavour.client(server), tool)
        sent = [(request.method, request.path, request.body) for request in server.journal[before:]]
        return ends, repr(given), sent if run.program is not toolruns.agent else len(sent)

    bare = told()
    with captured_spans():
        traced = told()

    assert bare == traced


@every_kind
def test_calls_inside(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What a tool calls and traces is below its span."""
    current: list[int] = []

    @trace
    def inside() -> Any:
        return run.gives

    def tool(*_: Any) -> Any:
        current.append(otel.get_current_span().get_span_context().span_id)
        return inside()

    run.program(flavour, server, flavour.client(server), tool)

    (span,) = tools(captured)
    (found,) = [span for span in captured.spans if span.name.endswith("inside")]
    assert [span.context.span_id] * 2 == [*current, found.parent and found.parent.span_id]


@every_kind
def test_failure(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A tool that raises is an error with its exception, whatever the SDK makes of it."""

    def fails(*_: Any) -> Any:
        message = f"no weather for {SECRET}"
        raise LookupError(message)

    left(lambda: run.program(flavour, server, flavour.client(server), fails))

    (span,) = tools(captured)
    (event,) = span.events
    attributes = event.attributes or {}
    assert (span.status.status_code, span.status.description, attributes["exception.type"]) == (
        StatusCode.ERROR,
        f"LookupError: no weather for {REDACTED}",
        "LookupError",
    )
    assert SECRET not in str(span.to_json())


def left(program: Callable[[], Any]) -> BaseException | None:
    """Return the exception that leaves a program."""
    try:
        program()
    except Exception as error:  # noqa: BLE001 - whichever it is
        return error
    return None


@every_kind
def test_cancelled(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A task that is cancelled, or a program that is interrupted, within a tool ends its span, which is no error."""
    kind = asyncio.CancelledError if isinstance(flavour, Async) else KeyboardInterrupt

    def leaves(*_: Any) -> Any:
        raise kind

    with pytest.raises(kind):
        run.program(flavour, server, flavour.client(server), leaves)

    (span,) = tools(captured)
    events = [str((event.attributes or {})["exception.type"]).rpartition(".")[2] for event in span.events]
    assert (StatusCode.UNSET, [kind.__name__]) == (span.status.status_code, events)


@every_kind
def test_context(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What the program says of all spans is said of a tool's."""
    said: dict[str, Any] = {"session": "s-1", "user": "u-1", "metadata": {"a": 1}, "tags": ["beta"]}
    with using(**said):
        run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    (span,) = tools(captured)
    expected = {"session.id": "s-1", "user.id": "u-1", "metadata": '{"a":1}', "tag.tags": ("beta",)}
    assert {"tool.name": run.name, **run.shows, **expected} == shown(span)


def hidden(run: Any, *names: str, **kept: str) -> dict[str, Any]:
    """Return what is shown where these values are hidden: a mark, as text; and the definition is gone."""
    shown = {"tool.name": run.name, **run.shows}
    for name in names:
        if f"{name}.value" in shown:
            shown |= {f"{name}.value": REDACTED, f"{name}.mime_type": "text/plain"}
    gone = ("tool.description", "tool.parameters") if "input" in names else ()
    return {name: value for name, value in (shown | kept).items() if name not in gone}


@every_kind
@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"content": "off"}, ("input", "output")),
        ({"hide": ("inputs",)}, ("input",)),
        ({"hide": ("outputs",)}, ("output",)),
        ({"redactor": lambda _: 1 / 0}, ("input", "output")),
    ],
    ids=["content", "inputs", "outputs", "redactor"],
)
def test_hidden(
    run: Any,
    settings: dict[str, Any],
    names: tuple[str, ...],
    flavour: Flavour,
    server: OpenAIServer,
    lenient_guard: None,  # noqa: ARG001 - it swallows what the redactor raises
) -> None:
    """What hides the content of a call hides that of a tool: its arguments, its definition, its result."""
    with captured_spans(**settings) as captured:
        run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    (span,) = tools(captured)
    assert hidden(run, *names) == shown(span)


def test_redactor(flavour: Flavour, server: OpenAIServer) -> None:
    """A program's own function changes a tool's arguments and its result as those of a function."""

    def redactor(record: Any) -> None:
        for message in [*(record.input_messages or ()), *(record.output_messages or ())]:
            message.content = message.content and message.content.replace("Paris", "P.").replace("Sunny", "S.")

    with captured_spans(redactor=redactor) as captured:
        toolruns.function(flavour, server, flavour.client(server), lambda *_: "Sunny")

    (span,) = tools(captured)
    expected = {**TOOLS["function"].shows, "input.value": '{"city":"P."}', "output.value": "S."}
    assert {"tool.name": "weather", **expected} == shown(span)


def test_credentials(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Credentials in what a tool is given and returns are told by no span."""
    arguments = f'{{"city":"Paris","api_key":"plain","note":"{SECRET}"}}'
    server.script(
        Reply(toolruns.response(toolruns.function_call("weather", arguments))), Reply(toolruns.response(toolruns.DONE))
    )
    made = toolruns.function_runner(flavour, ("weather", lambda _: f"Ask with {SECRET}."))
    flavour.wait(made.run(flavour.client(server), {"model": "gpt-5", "input": "hi"}))

    (span,) = tools(captured)
    told = {key: value for key, value in shown(span).items() if key.endswith(".value")}
    assert told == {
        "input.value": f'{{"city":"Paris","note":"{REDACTED}"}}',
        "output.value": f"Ask with {REDACTED}.",
    }


@pytest.mark.parametrize("capture", [False, True], ids=["names", "content"])
def test_gen_ai(capture: bool, flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - pytest's
    """With that convention on, a tool's run has its names; arguments and result only where they are captured."""
    if capture:
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    with captured_spans(conventions=("openinference", "gen_ai")) as captured:
        toolruns.function(flavour, server, flavour.client(server), lambda *_: "Sunny")

    (span,) = tools(captured)
    content = {"gen_ai.tool.call.arguments": '{"city":"Paris"}', "gen_ai.tool.call.result": "Sunny"}
    assert {key: value for key, value in shown(span).items() if key.startswith("gen_ai")} == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.description": "Tells weather.",
        **(content if capture else {}),
    }


@every_kind
def test_suppressed(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Where instrumentation is suppressed a tool has no span."""
    with suppress_instrumentation():
        run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    assert [] == captured.spans


@every_kind
def test_uninstrumented(run: Any, flavour: Flavour, server: OpenAIServer) -> None:
    """Nothing of ours is left in the SDK when the instrumentor has gone."""
    with captured_spans() as captured:
        pass
    run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    assert [] == captured.spans
    assert [] == [target for target in standing() if hasattr(target, "_self_wrapper")]


def standing() -> list[Any]:
    """Return what stands in the SDK's classes where tools are run."""
    gc.collect()
    patch.apply()
    patch.undo()
    owners = [(sys.modules[module], owner, name) for module, owner, name, _ in runner.ROWS]
    return [getattr(module, owner).__dict__[name] for module, owner, name in owners]


@every_kind
def test_own_client(run: Any, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The tools of a wrapped client's runner are traced by what that client is traced by, and by nothing else."""
    own = CapturedSpans()
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider, content="off")
    ends = run.program(flavour, server, client, lambda *_: run.gives)
    run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    shows = [shown(span) for span in (*tools(own), *tools(captured))]
    expected = [hidden(run, "input", "output"), {"tool.name": run.name, **run.shows}]
    assert (run.ends, expected) == (ends, shows)


def then(value: Any, use: Callable[[Any], Any]) -> Any:
    """Return what `use` makes of a value, once it was awaited where it is to be."""
    if not inspect.isawaitable(value):
        return use(value)

    async def awaited() -> Any:
        return use(await value)

    return awaited()


def test_client_in_a_tool(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A runner of another client within a tool is traced as that client is, below the tool's span."""
    own = CapturedSpans()
    client = wrap_openai(flavour.client(server), tracer_provider=own.provider)
    news = toolruns.function_runner(flavour, ("news", lambda _: "None."))
    with OpenAIServer() as another:
        another.script(
            Reply(toolruns.response(toolruns.function_call("news", "{}"))), Reply(toolruns.response(toolruns.DONE))
        )
        plain = flavour.client(another)
        toolruns.function(
            flavour, server, client, lambda _: then(news.run(plain, ASKED), lambda response: response.output_text)
        )
        flavour.close(plain)

    ((outer,), (inner,)) = tools(own), tools(captured)
    assert ("weather", "news", outer.context.span_id) == (outer.name, inner.name, inner.parent and inner.parent.span_id)


@pytest.mark.parametrize("wrapped", [False, True], ids=["instrumented", "wrapped"])
def test_early_execution(wrapped: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:  # noqa: FBT001 - pytest's
    """Tools that run beside a stream that is still read, in threads or tasks, are below the program's span."""
    client = flavour.client(server)
    own = CapturedSpans() if wrapped else captured
    if wrapped:
        wrap_openai(client, tracer_provider=own.provider)
    calls = [toolruns.function_call(name, "{}", number) for number, name in enumerate(("weather", "news"))]
    server.script(toolruns.events(*calls), toolruns.events(toolruns.DONE))
    functions = [(name, lambda _: "None.") for name in ("weather", "news")]
    made = toolruns.function_runner(flavour, *functions, independent=True)
    with within(own) as outer:
        flavour.wait(made.run(client, ASKED, stream=True, eager=True))

    found = {(span.name, span.parent and span.parent.span_id) for span in tools(own)}
    assert {(name, outer.get_span_context().span_id) for name in ("weather", "news")} == found


@pytest.mark.parametrize("wrapped", [False, True], ids=["instrumented", "wrapped"])
def test_iterate(wrapped: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:  # noqa: FBT001 - pytest's
    """Advancing by hand runs the tools, as late as ever; the iterator is of the SDK's own type and name."""
    client = flavour.client(server)
    own = CapturedSpans() if wrapped else captured
    if wrapped:
        wrap_openai(client, tracer_provider=own.provider)
    call, done = toolruns.response(toolruns.function_call("weather", "{}")), toolruns.response(toolruns.DONE)
    server.script(Reply(call), Reply(done), Reply(call))
    turns = toolruns.function_runner(flavour, ("weather", lambda _: "None.")).iterate(client, ASKED)
    kind = (type(turns).__name__, turns.__name__)
    counts = [(len(server.journal), len(tools(own)), flavour.next(turns).final) for _ in range(2)]
    with pytest.raises((StopIteration, StopAsyncIteration)):
        flavour.next(turns)
    left_early = toolruns.function_runner(flavour, ("weather", lambda _: "None.")).iterate(client, ASKED)
    flavour.next(left_early)
    flavour.wait(left_early.aclose() if isinstance(flavour, Async) else left_early.close())

    named = ("async_generator" if isinstance(flavour, Async) else "generator", "iterate")
    assert (named, [(0, 0, False), (1, 0, True)], 1) == (kind, counts, len(tools(own)))


@pytest.mark.parametrize("name", ["decision", "agent"])
def test_never_awaited(name: str, server: OpenAIServer, captured: CapturedSpans) -> None:
    """An async tool of a runner that is not is closed by the SDK without a warning, and its span ends."""
    run = TOOLS[name]
    flavour = Sync()

    async def tool(*_: Any) -> Any:
        await asyncio.sleep(0)

    left(lambda: run.program(flavour, server, flavour.client(server), tool))
    unfinished.drain()
    flavour.leave()

    (span,) = tools(captured)
    assert (run.name, StatusCode.UNSET, False) == (span.name, span.status.status_code, "output.value" in shown(span))


def test_missing_arguments(flavour: Flavour, captured: CapturedSpans) -> None:
    """What is missing is said when the SDK says it: at the call."""
    with pytest.raises(TypeError, match="client"):
        toolruns.function_runner(flavour, ("weather", lambda _: "None.")).iterate()

    assert [] == captured.spans


@every_kind
def test_our_own_failure(
    run: Any,
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
    lenient_guard: None,  # noqa: ARG001 - it swallows ours
) -> None:
    """Where a tool cannot be read, it runs all the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(execution, "Record", None)
        assert run.ends == run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    assert [] == tools(captured)


def test_within_an_except(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """The exception that the program is handling while a browser works is none of the browser's."""
    run = TOOLS["browser"]
    try:
        int("none")
    except ValueError:
        run.program(flavour, server, flavour.client(server), lambda *_: run.gives)

    assert [StatusCode.OK] == [span.status.status_code for span in tools(captured)]


def invocation(name: str = "weather") -> Any:
    """Return a call of a session's tool as the SDK holds it."""
    call = SimpleNamespace(name=name, call_id="call_1", arguments="{}")
    importlib.import_module("openai.lib.beta.agents")  # which the other imports, and is imported by
    return importlib.import_module("openai.lib.streaming.agents._tools").ToolInvocation("session_1", call)


def test_awaited_elsewhere(captured: CapturedSpans) -> None:
    """What a tool returns may be awaited within another span, and in another context than the tool was called in."""

    async def tool(_: Any) -> int:
        await asyncio.sleep(0)
        return otel.get_current_span().get_span_context().span_id

    async def program() -> tuple[Any, ...]:
        waiting = invocation().invoke(tool)
        with within(captured), using(session="s-1"):
            before = get_current()
            return await waiting, waiting.__qualname__, before is get_current()

    ran, named, kept = asyncio.run(program())

    (span,) = tools(captured)
    assert (span.context.span_id, tool.__qualname__, True, None) == (ran, named, kept, span.parent)


def test_odd_name(captured: CapturedSpans) -> None:
    """A name that is no text of UTF-8 would cost all spans that are sent with its own."""
    assert 1 == invocation("we\ud800ather\0").invoke(lambda _: 1)

    (span,) = tools(captured)
    assert ["we\ufffdather\ufffd"] * 2 == [span.name, (span.attributes or {})["tool.name"]]


@pytest.mark.parametrize("key", ["suppress_instrumentation", SUPPRESSED], ids=["older", "newer"])
def test_suppressed_by_its_key(key: str, captured: CapturedSpans) -> None:
    """Either of OpenTelemetry's keys suppresses a tool's span, and that of a function."""
    token = attach(set_value(key, value=True))
    try:
        assert (1, 2) == (invocation().invoke(lambda _: 1), trace(lambda: 2)())
    finally:
        detach(token)

    assert [] == captured.spans


def test_watcher_of_an_sdk_that_has_none(captured: CapturedSpans) -> None:
    """A browser's tool that the SDK hands no watcher gets none of ours."""
    given: list[Any] = []

    def dispatch(*_: Any, **kwargs: Any) -> Any:
        given.append(kwargs)
        return [{"output": "Found."}]

    call = SimpleNamespace(name="browser_find", call_id="call_1", arguments="{}")
    toolset = SimpleNamespace(tools=[])
    for kwargs in ({"skip": False}, {"skip": False, "on_diagnostic": None}):
        execution.executing(runner.BROWSER, dispatch, toolset, (call,), dict(kwargs))

    assert [["skip"], ["on_diagnostic", "skip"]] == [sorted(kwargs) for kwargs in given]
    assert ["Found."] * 2 == [shown(span)["output.value"] for span in tools(captured)]


def test_closed_in_another_context() -> None:
    """A runner whose coroutine is closed elsewhere, as by the collector, leaves the one that is at work there."""
    first, second = (Tracing(Settings.load()) for _ in range(2))
    closed = Serving(first)
    copy_context().run(closed.__enter__)

    with Serving(second):
        closed.__exit__()
        assert second is served.get()
    assert served.get() is None
