"""The life of one run of a tool that the SDK runs by itself: a span that is current while the tool runs."""

import json
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from opentelemetry.context import attach, get_current

from spanglass.calls import tracing
from spanglass.calls.arguments import told
from spanglass.calls.methods import named
from spanglass.calls.serving import served
from spanglass.calls.suppressed import suppressed
from spanglass.calls.unfinished import hold, lose
from spanglass.calls.work import Work, begin
from spanglass.guard import foreign, guard
from spanglass.plain import encode, fields
from spanglass.record import Record, Tool

T = TypeVar("T")
# Under which the SDK hands on a watcher of diagnostics, or None.
WATCHER = "on_diagnostic"


class Asked(NamedTuple):
    """What the model asks of a tool: by which name, with which arguments, and how the tool is defined."""

    name: str
    id: str | None = None
    arguments: Any = None
    definition: Callable[[], Any] | None = None


class Kind(NamedTuple):
    """One kind of tool: what is asked of it, read from what runs it and the arguments; its output, from the result.

    `watched` says that a tool that fails has an output too, and that a watcher of diagnostics is told.
    """

    asked: Callable[[Any, tuple[Any, ...]], Asked]
    output: Callable[[Any], Any]
    watched: bool = False


class Execution(Work):
    """One run of a tool, which lasts until what it has returned was awaited."""

    __slots__ = ("_failure", "_handled", "_kind", "_waiting")

    def __enter__(self) -> "Execution":  # noqa: PYI034 - typing.Self came with Python 3.11
        self._outside = get_current()  # what is awaited may be so elsewhere
        attach(self._context)
        return self

    def ask(self, kind: Kind, asked: Asked) -> None:
        """Note what is asked of the tool."""
        self._kind = kind
        self._waiting: Any = None
        self._failure: BaseException | None = None
        if not self._span.is_recording():
            return
        record, limits = self._record, self._tracing.limits
        record.tool = Tool(asked.id)
        with guard:  # the span has begun, and is to end
            record.input_value, record.input_mime = told(_read(asked.arguments), limits)
            definition = fields(None if asked.definition is None else asked.definition())
            if "description" in definition:
                record.tool.description, _ = told(definition["description"], limits)
            if "parameters" in definition:
                record.tool.parameters, _ = told(encode(definition["parameters"]), limits)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore(self._outside, error)
        if error is not None or self._waiting is None:
            self.finish(error or self._failure)

    def deliver(self, result: T) -> T:
        """Note what the tool returns, and return it; what is to be awaited is noted then."""
        if hasattr(type(result), "__await__"):
            self._waiting = result
            hold(self)  # and it, or the collector may find it before what closes it
            awaited: Any = _awaited(self, Unawaited(self))
            return named(awaited, result) if hasattr(result, "__qualname__") else awaited  # type: ignore[no-any-return]
        if self._record.tool is not None:
            with guard:
                super().deliver(self._kind.output(result))
        return result

    def take(self) -> Any:
        """Return what the tool has returned to be awaited, once."""
        waiting, self._waiting = self._waiting, None
        return waiting

    def watching(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with a watcher of ours before the program's, where the tool's kind is watched."""
        if not self._kind.watched or WATCHER not in kwargs or self._record.tool is None:  # it is not recorded
            return kwargs
        self._handled = sys.exc_info()[1]  # by the program, which runs the tool meanwhile
        return {**kwargs, WATCHER: partial(self._watch, kwargs[WATCHER])}

    def _watch(self, watcher: Callable[[Any], Any] | None, diagnostic: Any) -> Any:
        """Note the exception that is being handled: the SDK tells of a tool's failure within its `except`."""
        error = sys.exc_info()[1]
        if error is not self._handled:
            self._failure = error
        return None if watcher is None else watcher(diagnostic)


class Unawaited:
    """Closes what a tool has returned to be awaited where nobody does, without a word, and ends the span."""

    __slots__ = ("_run",)

    def __init__(self, run: Execution) -> None:
        self._run = run

    def __del__(self) -> None:
        waiting = self._run.take()
        if waiting is not None:
            lose(self._run, "cancelled", perf_counter_ns())
            foreign(_close, waiting)


async def _awaited(run: Execution, _unawaited: Unawaited) -> Any:
    waiting = run.take()
    with run:
        return run.deliver(await waiting)


def _close(waiting: Any) -> None:
    if hasattr(waiting, "close"):
        waiting.close()


def _read(arguments: Any) -> Any:
    """Return what the model has written as JSON, so that it is told as any data; a text that is none, as it is."""
    read = foreign(json.loads, arguments) if isinstance(arguments, str) else None
    return arguments if read is None else read


def _begin(kind: Kind, runs: Any, args: tuple[Any, ...]) -> Execution | None:
    with guard:
        chosen = served.get() or tracing.current
        context = get_current()
        if chosen is None or suppressed(context):
            return None
        asked = kind.asked(runs, args)
        record = Record(asked.name, "TOOL", "")
        chosen.read_context(record, context)
        run = begin(Execution, chosen, record, context, {})
        run.ask(kind, asked)
        return run
    return None


def executing(kind: Kind, wrapped: Any, runs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Go around what runs one call of a tool."""
    run = _begin(kind, runs, args)
    if run is None:
        return wrapped(*args, **kwargs)
    with run:
        return run.deliver(wrapped(*args, **run.watching(kwargs)))


async def executing_async(kind: Kind, wrapped: Any, runs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Go around what runs one call of a tool, and awaits it."""
    run = _begin(kind, runs, args)
    if run is None:
        return await wrapped(*args, **kwargs)
    with run:
        return run.deliver(await wrapped(*args, **run.watching(kwargs)))
