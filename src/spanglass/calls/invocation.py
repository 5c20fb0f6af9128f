"""The life of one call: begin, attempts, deliver, finish; once, whoever gets there first."""

import atexit
import gc
import json
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar

from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESSED
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span

from spanglass.calls.attempts import FAILED, answered, describe, failed, link, split
from spanglass.calls.failure import read_failure
from spanglass.calls.server import server_of
from spanglass.calls.stream import StreamState
from spanglass.calls.tracing import Tracing
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import fields, text
from spanglass.guard import guard
from spanglass.record import Attempt, Record

T = TypeVar("T")
SENTINELS = frozenset({"NotGiven", "Omit"})


class Operation:
    """What the SDK's method noted before any request was begun."""

    __slots__ = ("begun", "helper", "origin", "start")

    def __init__(self, helper: str) -> None:
        self.helper = helper
        self.start = time_ns()
        self.origin = perf_counter_ns()
        self.begun = False


class Traced(Protocol):
    """A call under way: used as a context around the SDK's own work."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def deliver(self, result: T) -> T:
        """Note what the SDK returns, and return it."""
        ...


running: "ContextVar[Invocation | None]" = ContextVar("spanglass_invocation", default=None)
operation: ContextVar[Operation | None] = ContextVar("spanglass_operation", default=None)


class Lost(NamedTuple):
    """A call to be finished later."""

    invocation: "Invocation"
    outcome: str
    at: int


_open: "set[Invocation]" = set()
_lost: deque[Lost] = deque()
_collector = 0


def _note_collection(phase: str, _: Mapping[str, int]) -> None:
    global _collector  # noqa: PLW0603 - the collector calls with nothing of ours at hand
    _collector = get_ident() if phase == "start" else 0


def drain() -> None:
    """Finish the calls whose streams were dropped. Never called from a finaliser."""
    while _lost:
        try:
            lost = _lost.popleft()
        except IndexError:  # another thread was faster
            return
        lost.invocation.finish(lost.outcome, None, lost.at)


def finish_open() -> None:
    """Finish all calls that are still open, as the program ends."""
    drain()
    for invocation in [*_open]:
        with guard:
            invocation.abandon()


class Aside:
    """A request that is no call of ours, within one that is: its attempts are not that call's."""

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer = running.get()
        running.set(None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if running.get() is None:
            running.set(self._outer)

    def deliver(self, result: T) -> T:
        """Return the result."""
        return result


class Unrecorded(Aside):
    """A call that nobody samples: its span is current while the SDK works, and that is all."""

    __slots__ = ("_context", "_previous", "_span")

    def __init__(self, span: Span, context: Context) -> None:
        self._span = span
        self._context = trace.set_span_in_context(span, context)
        self._previous = context

    def __enter__(self) -> None:
        Aside.__enter__(self)
        attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if get_current() is self._context:
            attach(self._previous)
            Aside.__exit__(self, kind, error, traceback)
        with guard:
            self._span.end()


class Invocation:
    """One recorded call."""

    __slots__ = (
        "_body",
        "_context",
        "_previous",
        "_read",
        "_result",
        "_ticket",
        "endpoint",
        "origin",
        "outer",
        "record",
        "response",
        "span",
        "stream",
        "tracing",
    )

    def __init__(  # noqa: PLR0913 - what begin() has found, once
        self, tracing: Tracing, endpoint: Endpoint, record: Record, span: Span, context: Context, origin: int, body: Any
    ) -> None:
        self.tracing = tracing
        self.endpoint = endpoint
        self.record = record
        self.span = span
        self.origin = origin
        self.response: Any = None
        self.stream: StreamState | None = None
        self._body = body
        self._read = False
        self._result: Any = None
        self.outer: Invocation | None = None
        self._previous = context
        self._context = trace.set_span_in_context(span, context)
        # Whoever takes it finishes the call: taking is atomic.
        self._ticket = [True]

    # Around the SDK's work

    def __enter__(self) -> None:
        self.outer = running.get()
        running.set(self)
        attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Set, not reset: a coroutine may be closed in another context than the one that it was started in.
        if running.get() is self:
            running.set(self.outer)
            attach(self._previous)
        self.outer = None
        with guard:
            if error is not None:
                self._stop(error)
            elif self.stream is not None:
                self._hold()
            else:
                self.finish("", None, perf_counter_ns())

    def deliver(self, result: T) -> T:
        """Note what the SDK returns, and return it."""
        self._result = result
        return result

    def _stop(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):  # the coroutine was closed, maybe by the collector
            _lost.append(Lost(self, "cancelled", perf_counter_ns()))
        else:
            self.finish("error" if isinstance(error, Exception) else "cancelled", error, perf_counter_ns())

    def _hold(self) -> None:
        """Keep the call open until its stream is left."""
        self._result = self.response = None
        if not self._ticket:  # left already
            return
        if not _registered:
            _registered.append(atexit.register(finish_open))
        if _note_collection not in gc.callbacks:
            gc.callbacks.append(_note_collection)
        _open.add(self)

    # Attempts

    def built(self, request: Any) -> None:
        """Note the request that the SDK has built; the first one holds the body as it is sent."""
        if not self._read:
            self._read_request(request.content.decode("utf-8", "replace"))

    def _read_request(self, sent: str | None) -> None:
        self._read = True
        body, self._body = self._body, None
        self.endpoint.read_request(self.record, body, sent)

    def answer(self, attempt: Attempt, request: Any, response: Any, *, streamed: bool) -> StreamState | None:
        """End an attempt that was answered; return the state of the stream if its body is still to come."""
        attempt.end = perf_counter_ns() - self.origin
        answered(attempt, response)
        if attempt.number > 1 or attempt.status >= FAILED or self.tracing.settings.attempt_spans == "always":
            describe(attempt, request)
        if attempt.status >= FAILED:
            return None
        if not streamed:
            self.response = response
            return None
        self.record.streamed = True
        self.stream = StreamState(self, self.endpoint.accumulator())
        return self.stream

    def refuse(self, attempt: Attempt, request: Any, error: BaseException) -> None:
        """End an attempt that an exception ended."""
        attempt.end = perf_counter_ns() - self.origin
        failed(attempt, error)
        describe(attempt, request)

    # The end

    def leave(self, outcome: str, at: int) -> None:
        """Finish now; or soon, where the collector runs on this thread, which may hold any lock."""
        if _collector and _collector == get_ident():
            _lost.append(Lost(self, outcome, at))
        else:
            self.finish(outcome, None, at)

    def lose(self, at: int) -> None:
        """Finish soon: the stream was dropped."""
        if self._ticket:
            _lost.append(Lost(self, "abandoned", at))

    def abandon(self) -> None:
        """Finish with what has arrived until now."""
        if self.stream is not None:
            self.finish("abandoned", None, self.stream.last)

    def finish(self, outcome: str, error: BaseException | None, at: int) -> None:
        """Write the span and end it, once. `at` is monotonic; `outcome` is for a stream."""
        try:
            self._ticket.pop()
        except IndexError:
            return
        _open.discard(self)
        record = self.record
        record.duration = at - self.origin
        with guard:
            try:
                self._complete(outcome, error)
                self.tracing.write(self.span, record)
            finally:
                self.span.end(record.start + record.duration)
        self._result = self.response = self.stream = None
        if _lost:
            drain()

    def _complete(self, outcome: str, error: BaseException | None) -> None:
        record = self.record
        if not self._read:
            self._read_request(None)
        if error is not None:
            record.failure = read_failure(error)
        if self.stream is not None:
            record.stream = self.stream.stats(outcome)
            if record.stream.chunks:
                self.endpoint.read_response(record, self.stream.accumulator.settle(), None)
            if record.usage is not None:
                record.stream.estimated_tokens = None
        elif self.response is not None:
            self._read_response()
        if record.attempts:
            link(record.attempts)
            record.split = split(record.attempts, record.duration, streamed=record.streamed)

    def _read_response(self) -> None:
        received = self.response.content.decode("utf-8", "replace")
        result = self._result
        if result is None or "http_response" in fields(result):  # raw, or refused after it had come
            try:
                result = json.loads(received)
            except ValueError:
                result = None
        self.endpoint.read_response(self.record, result, received)


class Sending:
    """One attempt under way; `watch` makes the bytes of a stream that is still to come into watched ones."""

    __slots__ = ("_attempt", "_invocation", "_request", "_streamed", "_watch")

    def __init__(
        self,
        invocation: Invocation,
        watch: Callable[[Any, StreamState], Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._invocation = invocation
        self._watch = watch
        self._request = args[0] if args else kwargs["request"]
        self._streamed = "stream" in kwargs and kwargs["stream"]
        attempts = invocation.record.attempts
        self._attempt = Attempt(len(attempts) + 1, perf_counter_ns() - invocation.origin)
        attempts += [self._attempt]

    def __enter__(self) -> "Sending":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            with guard:
                self._invocation.refuse(self._attempt, self._request, error)

    def answer(self, response: Any) -> Any:
        """Note the response, and return it."""
        with guard:
            state = self._invocation.answer(self._attempt, self._request, response, streamed=self._streamed)
            if state is not None:
                response.stream = self._watch(response.stream, state)
        return response


_registered: list[Any] = []


def begin(tracing: Tracing, endpoint: Endpoint, client: Any, options: Any) -> Traced | None:
    """Begin a call, or return None where instrumentation is suppressed, or cannot be."""
    if _lost:
        drain()
    context = get_current()
    if SUPPRESSED in context and context[SUPPRESSED]:
        return None
    noted = operation.get()
    if noted is None or noted.begun:
        noted = Operation("")
    noted.begun = True
    body = _body(options)
    record = _record(endpoint, client, noted, body)
    span = tracing.start(record, context)
    if not span.is_recording():
        return Unrecorded(span, context)
    tracing.read_context(record, context)
    return Invocation(tracing, endpoint, record, span, context, noted.origin, body)


def mistake(tracing: Tracing, endpoint: Endpoint, client: Any, noted: Operation, given: Any, error: Exception) -> None:
    """Record a call that ended in an exception before any request was begun."""
    context = get_current()
    if SUPPRESSED in context and context[SUPPRESSED]:
        return
    body = {key: given[key] for key in given if given[key].__class__.__name__ not in SENTINELS}
    record = _record(endpoint, client, noted, body)
    span = tracing.start(record, context)
    if span.is_recording():
        tracing.read_context(record, context)
        Invocation(tracing, endpoint, record, span, context, noted.origin, body).finish(
            "", error, perf_counter_ns()
        )
    else:
        span.end()


def _body(options: Any) -> Any:
    body = options.json_data
    extra = options.extra_json
    if not extra:
        return body
    extra = {key: extra[key] for key in extra if extra[key].__class__.__name__ not in SENTINELS}
    return {**fields(body), **extra}


def _record(endpoint: Endpoint, client: Any, noted: Operation, body: Any) -> Record:
    server = server_of(client)
    own = fields(body)
    model = own["model"] if "model" in own else None  # noqa: SIM401 - a method call more on every call
    return Record(
        endpoint.name,
        endpoint.kind,
        endpoint.operation,
        start=noted.start,
        system="openai",
        provider=server.provider,
        address=server.address,
        port=server.port,
        helper=noted.helper or None,
        request_model=model if model.__class__ is str else text(model),
    )
