"""The life of one unit of a program's own work: a span that is current while a function runs, and ends once."""

import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span

from spanglass.calls.arguments import MANY, Telling, told, told_arguments, told_items
from spanglass.calls.failure import read_failure
from spanglass.calls.tracing import Tracing
from spanglass.calls.unfinished import collecting, drain, hold, lose, lost, release
from spanglass.guard import guard
from spanglass.record import Record, StreamStats
from spanglass.semconv import openinference as oi
from spanglass.writers.values import clean, clean_text

T = TypeVar("T")
W = TypeVar("W", bound="Work")

# What OpenInference calls the name of what did the work, by its kind.
NAMES = {"AGENT": oi.AGENT_NAME, "TOOL": oi.TOOL_NAME}


class Untraced:
    """One run of a function of which nothing is recorded."""

    def __enter__(self) -> "Untraced":  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        """Let it pass."""

    def deliver(self, result: T) -> T:
        """Return what the function returns."""
        return result

    note = deliver

    def finish(self, error: BaseException | None, outcome: str = "") -> None:
        """There is nothing to finish."""


UNTRACED = Untraced()


class Work:
    """One run of a function: a context around it."""

    __slots__ = ("_context", "_origin", "_outside", "_record", "_span", "_ticket", "_tracing")

    def __init__(self, tracing: Tracing, record: Record, span: Span, context: Context, origin: int) -> None:
        self._tracing = tracing
        self._record = record
        self._span = span
        self._origin = origin
        self._outside = get_current()
        self._context = trace.set_span_in_context(span, context)
        # Whoever takes it finishes the work: taking is atomic.
        self._ticket = [True]
        if span.is_recording():
            hold(self)

    def __enter__(self) -> "Work":  # noqa: PYI034 - typing.Self came with Python 3.11
        attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore(self._outside, error)
        self.finish(error)

    def _restore(self, context: Context, error: BaseException | None) -> None:
        # Set, not reset; and not where a coroutine is closed in another context than the one that it was started in.
        if not isinstance(error, GeneratorExit) or trace.get_current_span() is self._span:
            attach(context)

    def deliver(self, result: T) -> T:
        """Note what the function returns, and return it."""
        with guard:
            if self._span.is_recording():
                self._record.output_value, self._record.output_mime = told(result, self._tracing.limits)
        return result

    def finish(self, error: BaseException | None, outcome: str = "") -> None:
        """End the span, once; soon, where the garbage collector closes what ran, and may hold any lock."""
        with guard:
            now = perf_counter_ns()
            if isinstance(error, GeneratorExit) or collecting():
                lose(self, outcome or "cancelled", now)
                return
            if error is not None:
                outcome = "error" if isinstance(error, Exception) else "cancelled"
            self.settle(outcome, error, now)
            if lost:
                drain()

    def settle(self, outcome: str, error: BaseException | None, at: int) -> None:
        """Write the span and end it, once. `at` is monotonic, in nanoseconds."""
        try:
            self._ticket.pop()
        except IndexError:
            return
        record, span = self._record, self._span
        record.duration = at - self._origin
        try:
            if span.is_recording():
                with guard:
                    self._complete(outcome, error)
                    self._tracing.write(span, record, self._context)
        finally:  # a KeyboardInterrupt passes the guard
            with guard:
                span.end(record.start + record.duration)
            release(self)

    def _complete(self, outcome: str, error: BaseException | None) -> None:
        self._record.succeeded = outcome in {"", "completed"}
        if error is not None:
            self._record.failure = read_failure(error)

    def abandon(self) -> None:
        """Finish with what is known until now."""
        self.settle("abandoned", None, perf_counter_ns())

    def disown(self) -> None:
        """Never finish: another process does."""
        self._ticket.clear()


class Steps(Work):
    """One run of a generator: a context around each of its steps, which finishes only with the last."""

    __slots__ = ("_before", "_count", "_items", "_room")

    def __init__(self, tracing: Tracing, record: Record, span: Span, context: Context, origin: int) -> None:
        super().__init__(tracing, record, span, context, origin)
        self._items: list[Any] = []
        self._count = 0
        self._room = tracing.limits.text

    def __enter__(self) -> "Steps":  # noqa: PYI034 - typing.Self came with Python 3.11
        self._before = get_current()
        attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context = get_current()  # what a block inside has added is there again at the next step
        self._restore(self._before, error)
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            self.finish(None, "completed")
        elif error is not None:
            self.finish(error)

    def note(self, item: T) -> T:
        """Note what the generator yields, and return it."""
        with guard:
            self._count += 1
            if self._room > 0 and self._span.is_recording():
                telling = Telling(self._tracing.limits, self._room)
                self._items.append(telling.data(item))  # as it is now
                self._room = telling.room - (0 if issubclass(type(item), str) else self._tracing.limits.text // MANY)
        return item

    def _complete(self, outcome: str, error: BaseException | None) -> None:
        super()._complete(outcome, error)
        record = self._record
        record.stream = StreamStats(outcome, self._count)
        if self._count:
            record.output_value, record.output_mime = told_items(self._items, self._count, self._tracing.limits)


class Stepping:
    """What `yield from` drives a program's generator through."""

    def __init__(self, generator: Generator[Any, Any, Any], steps: Steps | Untraced) -> None:
        self._generator = generator
        self._steps = steps

    def __iter__(self) -> Generator[Any, Any, Any]:  # noqa: PYI058 - as `yield from` takes it
        return cast("Generator[Any, Any, Any]", self)

    def __next__(self) -> Any:
        with self._steps:
            return self._steps.note(next(self._generator))

    def send(self, value: Any) -> Any:
        """Hand a value to the generator, and return what it yields."""
        with self._steps:
            return self._steps.note(self._generator.send(value))

    def throw(self, *error: Any) -> Any:
        """Raise in the generator, and return what it yields."""
        with self._steps:
            return self._steps.note(self._generator.throw(*error))

    def close(self) -> None:
        """Close the generator: it was left before its end, or dropped."""
        with self._steps:
            self._generator.close()
        self._steps.finish(None, "closed")


Start = Callable[[tuple[Any, ...], Mapping[str, Any]], tuple[Steps | Untraced, AsyncGenerator[Any, Any]]]


def stepping(start: Start) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an async generator function that drives the one which `start` returns, each step within its `steps`."""

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps, generator = start(args, kwargs)
        step = _first_step(generator)
        while True:
            with steps:
                try:
                    item = steps.note(await step)
                except StopAsyncIteration:
                    break
            try:
                step = generator.asend((yield item))
            except GeneratorExit:
                with steps:
                    await generator.aclose()
                steps.finish(None, "closed")
                raise
            except BaseException as error:  # noqa: BLE001 - it is thrown into the program's own generator
                step = generator.athrow(error)
        steps.finish(None, "completed")

    return wrapper


def _first_step(generator: AsyncGenerator[Any, Any]) -> Any:
    """Return a generator's first step, unknown to the event loop, which would close it beside the one around it."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def begin(kind: type[W], tracing: Tracing, record: Record, context: Context, given: Mapping[str, Any]) -> W:
    """Start the span of a function that is given these arguments by their names."""
    record.start, origin = time_ns(), perf_counter_ns()
    attributes: dict[str, Any] = {oi.OPENINFERENCE_SPAN_KIND: record.kind}
    if record.kind in NAMES:
        attributes[NAMES[record.kind]] = record.name
    clean(attributes)
    span = tracing.tracer.start_span(clean_text(record.name), context, attributes=attributes, start_time=record.start)
    if span.is_recording():
        with guard:  # the span has begun, and is to end
            record.input_value, record.input_mime = told_arguments(given, tracing.limits)
    return kind(tracing, record, span, context, origin)
