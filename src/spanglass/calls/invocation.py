"""The life of one call: begin, attempts, deliver, finish; once, whoever gets there first."""

import json
from collections.abc import Mapping
from time import perf_counter_ns
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESSED  # pyright: ignore[reportPrivateUsage]
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span

from spanglass.calls import background, rivals
from spanglass.calls.aside import Traced, Unrecorded, running
from spanglass.calls.attempts import answered, link, split
from spanglass.calls.body import Body
from spanglass.calls.enclosing import CURRENT, counts
from spanglass.calls.failure import read_failure
from spanglass.calls.operation import Operation, operation
from spanglass.calls.server import server_of
from spanglass.calls.stream import StreamState
from spanglass.calls.tracing import Tracing
from spanglass.calls.unfinished import collecting, drain, hold, lose, lost, release
from spanglass.credentials import scrub_failure, secrets_of, without_secrets
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import text
from spanglass.guard import foreign, guard
from spanglass.plain import encode, fields
from spanglass.record import Attempt, Record
from spanglass.writers.values import clean_text

T = TypeVar("T")
# The key under which older instrumentations are suppressed.
OLDER = "suppress_instrumentation"
# What a settled call holds.
SETTLED = Record("", "", "")
NOWHERE = Context()
NOBODY = (None, None)
LONGEST = 256  # characters of a model's name
SENTINELS = frozenset({"NotGiven", "Omit"})


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
        self._read_all(outcome)
        record = self.record
        if record.failure is not None and not record.failure.raised:
            scrub_failure(record.failure, self._hidden())
        if self.endpoint.fetches:
            background.adopt(record)
            if record.adopts and not (CURRENT in self._previous and counts(self._previous[CURRENT])):
                record.kind = "LLM"
        elif record.background:
            background.note(record, self.span)

    def _read_all(self, outcome: str) -> None:
        record = self.record
        if record.attempts:
            link(record.attempts)
            record.split = split(record.attempts, record.duration, streamed=record.streamed)
        if not self._read:
            self._read_request(None)
        if self.stream is not None:
            self._read_stream(self.stream, outcome)
            return
        record.succeeded = outcome == "" and record.failure is None
        if self.response is not None:
            try:
                received = self.response.content.decode()
            except UnicodeDecodeError:
                received = self.response.text
            self._read_response(received)
        elif self._result is not None:  # by an HTTP client whose `send` is its own
            self.endpoint.read_response(record, self._result, None)

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
            result = _parsed(received)
        self._read_settled(result, received)

    def _read_settled(self, response: Any, received: str) -> None:
        """Read a response and its text, without what is too long of it."""
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


def begin(tracing: Tracing, endpoint: Endpoint, client: Any, options: Any, held: str = "") -> Traced | None:
    """Begin a call, or return None where instrumentation is suppressed, or cannot be; `held` is the id in its path."""
    if lost:
        drain()
    context = get_current()
    if (SUPPRESSED in context and context[SUPPRESSED]) or (OLDER in context and context[OLDER]):
        return None
    if rivals.due:
        rivals.look(client)
    noted = operation.get()
    if noted is None or noted.begun:
        noted = Operation("")
    body = options.json_data if options.extra_json is None else _with_extra(options)
    if endpoint.addressed:
        body = {"response_id": held, **fields(options.params)}
    elif endpoint.added:
        body = _asked(endpoint.added, noted.given, options, body)
    record = _record(endpoint, client, noted, body)
    if CURRENT in context and counts(context[CURRENT]):
        record.kind = "CHAIN"  # tokens are counted by the span's kind: once, in the span that is current
    span = tracing.start(record, context, background.links(held) if held else None)
    noted.begun = True
    if not span.is_recording() and not tracing.meters.live:
        return Unrecorded(span, context)
    tracing.read_context(record, context)
    return Invocation(tracing, endpoint, record, span, context, noted.origin, body, (client, options.headers))


def mistake(tracing: Tracing, endpoint: Endpoint, client: Any, noted: Operation, error: Exception) -> None:
    """Record a call that ended in an exception before any request was begun."""
    given = noted.given or {}
    context = get_current()
    if context.get(SUPPRESSED) or context.get(OLDER):
        return
    body = {key: given[key] for key in given if given[key].__class__.__name__ not in SENTINELS}
    record = _record(endpoint, client, noted, body)
    span = tracing.start(record, context)
    if span.is_recording() or tracing.meters.live:
        tracing.read_context(record, context)
        sender = (client, given.get("extra_headers"))
        call = Invocation(tracing, endpoint, record, span, context, noted.origin, body, sender)
        call.finish("", error, perf_counter_ns())
    else:
        span.end()


def _asked(added: frozenset[str], given: Mapping[str, Any] | None, options: Any, body: Any) -> Mapping[str, Any]:
    """Return the body as the program asked for it, without what the SDK has added by itself.

    Of a method that was kept from before nothing is known but that it parses its response: who gave what is guessed.
    """
    own = fields(body)
    if given is None and not callable(options.post_parser):
        return own
    asked = {**fields(options.extra_json), **(given or {})}
    chosen = {key for key in asked if asked[key].__class__.__name__ not in SENTINELS}
    return {key: own[key] for key in own if key not in added or key in chosen}


def _with_extra(options: Any) -> Any:
    extra = fields(options.extra_json)
    given = {key: extra[key] for key in extra if extra[key].__class__.__name__ not in SENTINELS}
    return {**fields(options.json_data), **given}


def _record(endpoint: Endpoint, client: Any, noted: Operation, body: Any) -> Record:
    server = server_of(client)
    own = fields(body)
    model: Any = own["model"] if "model" in own else None
    if model is not None and (model.__class__ is not str or not model.isascii() or "\0" in model or model[LONGEST:]):
        model = clean_text(text(model) or "")[:LONGEST]
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
        request_model=model,
    )
