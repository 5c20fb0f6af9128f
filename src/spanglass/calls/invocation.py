"""The life of one call: begin, attempts, deliver, finish; once, whoever gets there first."""

import json
from time import perf_counter_ns
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import Span

from spanglass.calls import background
from spanglass.calls.aside import running
from spanglass.calls.attempts import answered, link, split
from spanglass.calls.body import Body
from spanglass.calls.failure import read_failure
from spanglass.calls.stream import StreamState
from spanglass.calls.tracing import Tracing
from spanglass.calls.unfinished import collecting, drain, hold, lose, lost, release
from spanglass.credentials import scrub_failure, secrets_of, without_secrets
from spanglass.endpoints.endpoint import Endpoint
from spanglass.guard import foreign, guard
from spanglass.plain import encode, fields
from spanglass.record import Attempt, Record

T = TypeVar("T")
# What a settled call holds.
SETTLED = Record("", "", "")
NOWHERE = Context()
NOBODY = (None, None)


class Invocation:
    """One recorded call."""

    __slots__ = (
        "_body",
        "_context",
        "_previous",
        "_read",
        "_result",
        "_secrets",
        "_sender",
        "endpoint",
        "origin",
        "outer",
        "record",
        "response",
        "span",
        "stream",
        "ticket",
        "tracing",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - all that begin() has found
        self,
        tracing: Tracing,
        endpoint: Endpoint,
        record: Record,
        span: Span,
        context: Context,
        origin: int,
        body: Any,
        sender: tuple[Any, Any],
    ) -> None:
        self.tracing = tracing
        self.endpoint = endpoint
        self.record = record
        self.span = span
        self.origin = origin
        self.response: Any = None
        self.stream: StreamState | None = None
        self._body = body
        self._sender = sender
        self._secrets: tuple[str, ...] | None = None
        self._read = False
        self._result: Any = None
        self.outer: Invocation | None = None
        self._previous = context
        self._context = trace.set_span_in_context(span, context)
        # Whoever takes it finishes the call: taking is atomic.
        self.ticket = [True]

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
            lose(self, "cancelled", perf_counter_ns())
        else:
            self.finish("error" if isinstance(error, Exception) else "cancelled", error, perf_counter_ns())

    def _hold(self) -> None:
        """Keep the call open until its stream is left."""
        self._result = self.response = None
        if self.ticket:  # not left already
            hold(self)

    # Attempts

    def built(self, request: Any) -> None:
        """Note the request that the SDK has built; the first one holds the body as it is sent."""
        if not self._read:
            self._read_request(request.content)

    def _read_request(self, sent: bytes | None) -> None:
        self._read = True
        body, self._body = fields(self._body), None
        if self.endpoint.addressed or self.endpoint.added:  # what is sent is not what was asked
            sent = None
        least = self.tracing.least
        if sent is None or sent[least : least + 1]:
            whole, body = body, foreign(self._within, body) or body
            sent = sent if body is whole else None
        self.endpoint.read_request(self.record, body, None if sent is None else sent.decode("utf-8", "replace"))

    def _within(self, value: Any) -> Any:
        return self.tracing.within(value, self._context)

    def answer(self, attempt: Attempt, request: Any, response: Any, *, streamed: bool) -> StreamState | None:
        """End an attempt that was answered; return the state of the stream if its body is still to come."""
        attempt.end = perf_counter_ns() - self.origin
        answered(attempt, response)
        failed = attempt.failed
        if failed or attempt.number > 1 or self.tracing.settings.attempt_spans == "always":
            self._describe(attempt, request)
        if failed:
            return None
        if not streamed:
            self.response = response
            return None
        self.record.streamed = True
        self.stream = StreamState(self, self.endpoint.accumulator(), Body(response))
        return self.stream

    def refuse(self, attempt: Attempt, request: Any, error: BaseException) -> None:
        """End an attempt that an exception ended."""
        attempt.end = perf_counter_ns() - self.origin
        attempt.failure = read_failure(error, self._hidden(), trace=False)  # the call's span has the traceback
        self._describe(attempt, request)

    def _hidden(self) -> tuple[str, ...]:
        """Return the secrets that the client sends, which the server may tell again."""
        if self._secrets is None:
            self._secrets = secrets_of(*self._sender)
        return self._secrets

    def _describe(self, attempt: Attempt, request: Any) -> None:
        """Note where an attempt went: what only its own span tells."""
        attempt.method, attempt.url = request.method, without_secrets(str(request.url), self._hidden())
        attempt.address, attempt.port = self.record.address, self.record.port

    # The end

    def leave(self, outcome: str, at: int) -> None:
        """Finish now; or soon, where the collector runs on this thread, which may hold any lock."""
        if collecting():
            lose(self, outcome, at)
        else:
            self.finish(outcome, None, at)

    def lose(self, at: int) -> None:
        """Finish soon: the stream was dropped."""
        if self.ticket:
            lose(self, "abandoned", at)

    def abandon(self) -> None:
        """Finish with what has arrived until now."""
        if self.stream is not None:
            self.finish("abandoned", None, self.stream.last)

    def disown(self) -> None:
        """Never finish: another process does."""
        self.ticket.clear()

    def finish(self, outcome: str, error: BaseException | None, at: int) -> None:
        """Settle this call, and those that were queued meanwhile."""
        self.settle(outcome, error, at)
        if lost:
            drain()

    def settle(self, outcome: str, error: BaseException | None, at: int) -> None:
        """Write the span and end it, once. `at` is monotonic; `outcome` is for a stream, or of a cancelled call."""
        try:
            self.ticket.pop()
        except IndexError:
            return
        record = self.record
        record.duration = at - self.origin
        try:
            if error is not None:
                with guard:
                    record.failure = read_failure(error, self._hidden())
            with guard:
                self._complete(outcome)
            with guard:
                self.tracing.write(self.span, record, self._context)
            if self.tracing.meters.live:
                with guard:
                    self.tracing.meters.count(record, self._context)
        finally:  # a KeyboardInterrupt passes the guard
            with guard:
                self.span.end(record.start + record.duration)
            if self.stream is not None:
                release(self)
                self.stream.clear()
            # Requests and streams that the caller keeps hold this call.
            self._result = self.response = self.stream = self._body = self._secrets = None
            self._sender = NOBODY
            self.record, self.span, self._context, self._previous = SETTLED, trace.INVALID_SPAN, NOWHERE, NOWHERE

    def _complete(self, outcome: str) -> None:
        record = self.record
        if record.attempts:
            link(record.attempts)
            record.split = split(record.attempts, record.duration, streamed=record.streamed)
        if not self._read:
            self._read_request(None)
        record.succeeded = outcome == "" and record.failure is None
        if self.stream is not None:
            self._read_stream(self.stream, outcome)
        elif self.response is not None:
            try:
                received = self.response.content.decode()
            except UnicodeDecodeError:
                received = self.response.text
            self._read_response(received)
        elif self._result is not None:  # by an HTTP client whose `send` is its own
            self.endpoint.read_response(record, self._result, None)
        if record.failure is not None and not record.failure.raised:
            scrub_failure(record.failure, self._hidden())
            if record.output_value is not None:  # which says the same
                record.output_value = without_secrets(record.output_value, self._hidden())
        if self.endpoint.fetches or record.background:
            self._account()

    def _account(self) -> None:
        """See to it that the tokens of a response that is made in the background are counted once."""
        record = self.record
        if not self.endpoint.fetches:
            background.note(record, self.span)
            return
        background.adopt(record)
        if record.adopts and not record.enclosed:
            record.kind = "LLM"

    def _read_stream(self, stream: StreamState, outcome: str) -> None:
        record = self.record
        body = stream.body
        if body.whole and not body.streamed:  # a plain response that was read as bytes
            record.succeeded = record.failure is None
            self._read_response(body.text())
            return
        record.stream = stream.stats(outcome)
        record.succeeded = record.stream.outcome == "completed"
        if record.stream.chunks:
            settled = stream.accumulator.settle()
            self._read_settled(settled, encode(settled))
        if record.usage is not None:
            record.stream.estimated_tokens = None

    def _read_response(self, received: str) -> None:
        result = self._result
        if result is None or "http_response" in fields(result):  # raw, or refused after it had come
            result = None if self.endpoint.extract is not None else _parsed(received)
        self._read_settled(result, received)

    def _read_settled(self, response: Any, received: str) -> None:
        """Read a response and its text, without what is too long of it."""
        if self.endpoint.extract is not None:
            response, received = self.endpoint.extract(self.record, response, received)
        least = self.tracing.least
        if received[least : least + 1]:
            whole = _parsed(received)
            response = received if whole is None else whole
            smaller = self._within(response)
            if smaller is not response:
                response, received = smaller, smaller if smaller.__class__ is str else encode(smaller)
        self.endpoint.read_response(self.record, response, received)


def _parsed(received: str) -> Any:
    try:
        return json.loads(received)
    except (ValueError, RecursionError):
        return None
