"""What calls are traced with: settings, a tracer and the writers chosen. Turns a record into spans."""

import os
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESSED  # pyright: ignore[reportPrivateUsage]
from opentelemetry.context import Context, attach, detach, set_value
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TracerProvider

from spanglass.calls.metrics import Meters
from spanglass.guard import foreign
from spanglass.limits import EVENT, RESERVED, SMALLEST, STATUS, Limits, within
from spanglass.openinference import upload
from spanglass.record import Failure, Record
from spanglass.semconv import SCHEMA_URL, otel
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own
from spanglass.settings import Settings
from spanglass.writers import Writers
from spanglass.writers.budget import fold, trim
from spanglass.writers.extras import attempt_attributes
from spanglass.writers.redaction import hiding, redact, word
from spanglass.writers.redactor import redact_by, redact_values_by
from spanglass.writers.table import table
from spanglass.writers.values import clean, clean_text

SCOPE = "spanglass"
VERSION = foreign(version, SCOPE) or "unknown"  # a frozen program may come without its packages' metadata
# As many attributes as a span may have before ours: what it was started with, and what others have added.
FEW = 16
# The key of a context in which no content is recorded, whatever its value.
OFF = "spanglass.content.off"
# The keys under which OpenInference's context managers keep what an application says of its spans.
CONTEXT = (
    oi.SESSION_ID,
    oi.USER_ID,
    oi.METADATA,
    oi.TAG_TAGS,
    oi.LLM_PROMPT_TEMPLATE_TEMPLATE,
    oi.LLM_PROMPT_TEMPLATE_VERSION,
    oi.LLM_PROMPT_TEMPLATE_VARIABLES,
)
_EXCEPTION = table(
    (otel.EXCEPTION_TYPE, "type"),
    (otel.EXCEPTION_MESSAGE, "message"),
    (otel.EXCEPTION_STACKTRACE, "stacktrace"),
)
_API_ERROR = table(
    (own.SPANGLASS_ERROR_CODE, "code"),
    (own.SPANGLASS_ERROR_TYPE, "api_type"),
    (own.SPANGLASS_ERROR_PARAM, "param"),
    (own.SPANGLASS_RESPONSE_REQUEST_ID, "request_id"),
)


class Tracing:
    """One way to trace; the process has one or none, a client may have its own."""

    __slots__ = (
        "__weakref__",
        "_hidden",
        "_off",
        "_redactor",
        "extras",
        "least",
        "limits",
        "longest",
        "meters",
        "most",
        "provider",
        "settings",
        "tracer",
        "writers",
    )

    def __init__(
        self,
        settings: Settings,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.settings = settings
        self.provider = tracer_provider
        self.tracer = trace.get_tracer(SCOPE, VERSION, tracer_provider, SCHEMA_URL)
        self.meters = Meters(SCOPE, VERSION, meter_provider)
        self.writers = Writers(settings.conventions)
        self.extras = "spanglass" in settings.conventions
        self._off = hiding(settings.hide, content=False)
        self._hidden = self._off if settings.content == "off" else hiding(settings.hide)
        taken = None if settings.uploader is None else partial(upload, settings.uploader)
        self._redactor = None if settings.redactor is None else partial(_alone, settings.redactor)
        self.limits = Limits(settings.max_media_bytes, settings.max_span_bytes, taken)
        self.least = self.limits.least
        self.most = settings.max_span_bytes // SMALLEST  # attributes of a span
        self.longest = settings.max_span_bytes // STATUS // 4  # characters of an error in a span's status

    def start(self, record: Record, context: Context, links: list[Link] | None = None) -> Span:
        """Start the span of a call, with what a sampler may ask for."""
        hidden = self._hidden is self._off or OFF in context
        model = record.request_model
        if model is not None and (hidden or self._redactor is not None):
            record.request_model = word(model)
        attributes: dict[str, Any] = {}
        for writer in self.writers[record.operation]:
            writer.start(record, attributes)  # its one text from outside, the model's name, is clean
        span = self.tracer.start_span(
            self.writers[record.operation][0].span_name(record),
            context,
            SpanKind.CLIENT,
            attributes,
            links,
            record.start,
        )
        if not hidden:
            record.request_model = model  # which the program's own function has yet to see
        return span

    def read_context(self, record: Record, context: Context) -> None:
        """Note what the application has said of its spans."""
        for key in CONTEXT:
            if key in context:
                if record.context is None:
                    record.context = {}
                record.context[key] = context[key]

    def write(self, span: Span, record: Record, context: Context) -> None:
        """Write all that is known of a call to its span, and the spans of its attempts; `context` holds that span."""
        self._hide(span, record, context)
        if not span.is_recording():
            return
        attributes = self._attributes(record)
        try:
            limit: int | None = span._limits.max_span_attributes  # type: ignore[attr-defined]  # noqa: SLF001
            if limit is None or limit > self.most:
                limit = self.most
        except AttributeError:  # not the SDK's span
            limit = None
        if limit is not None and len(attributes) + FEW > limit:
            attributes = self._within(limit - len(span.attributes), record, attributes)  # type: ignore[attr-defined]
        room = self.limits.span - RESERVED
        if record.failure is not None:
            room -= self.limits.span // EVENT + self.limits.span // STATUS
        clean(attributes, room)
        span.set_attributes(attributes)
        if record.stream is not None and record.stream.first is not None:
            span.add_event(oi.FIRST_TOKEN_STREAM_EVENT, timestamp=record.start + record.stream.first)
        if record.failure is not None:
            self._fail(span, record.failure, record.start + record.duration)
        elif record.succeeded and self.writers[record.operation][0].marks_success:
            span.set_status(StatusCode.OK)
        if record.attempts and self._wants_attempts(record):
            self._write_attempts(record, context)

    def within(self, value: Any, context: Context) -> Any:
        """Return what is sent or received without what is too long of it; `context` is the call's.

        What is hidden, or might be by the program's own function, is not uploaded anywhere.
        """
        hides = self._hidden is not None or self._redactor is not None or OFF in context
        kept = hides or not trace.get_current_span(context).is_recording()
        return within(value, self.limits._replace(upload=None) if kept else self.limits)

    def _hide(self, span: Span, record: Record, context: Context) -> None:
        hidden = self._off if OFF in context else self._hidden
        if hidden is not None:
            redact(record, hidden)
        if self._redactor is not None:
            (redact_by if record.operation else redact_values_by)(self._redactor, record)
            span.update_name(clean_text(self.writers[record.operation][0].span_name(record)))

    def _attributes(self, record: Record) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for writer in self.writers[record.operation]:
            if self._redactor is not None or record.adopts:  # which may have changed what was known at the start
                writer.start(record, attributes)
            writer.write(record, attributes)
        return attributes

    def _within(self, room: int, record: Record, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return what a span with so much room takes of a call."""
        if len(attributes) <= room:
            return attributes
        if fold(record, attributes, room):
            attributes = self._attributes(record)
        trim(attributes, room)
        return attributes

    def _fail(self, span: Span, failure: Failure, end: int) -> None:
        attributes: dict[str, Any] = {otel.EXCEPTION_ESCAPED: True}
        _EXCEPTION(failure, attributes)
        if self.extras:
            _API_ERROR(failure, attributes)
        clean(attributes, self.limits.span // EVENT)
        if failure.raised:
            span.add_event(otel.EXCEPTION, attributes, end)
        if not failure.cancelled:
            message = attributes[otel.EXCEPTION_MESSAGE] if otel.EXCEPTION_MESSAGE in attributes else ""
            span.set_status(StatusCode.ERROR, f"{failure.name}: {message[: self.longest]}")

    def _wants_attempts(self, record: Record) -> bool:
        wanted = self.settings.attempt_spans
        if wanted == "retries":
            return len(record.attempts) > 1 or record.attempts[0].failed
        return wanted == "always"

    def _write_attempts(self, record: Record, context: Context) -> None:
        for attempt in record.attempts:
            attributes = attempt_attributes(attempt, extras=self.extras)
            if record.context:
                attributes |= record.context
            clean(attributes, self.limits.span - RESERVED - self.limits.span // STATUS)
            child = self.tracer.start_span(
                "attempt", context, attributes=attributes, start_time=record.start + attempt.start
            )
            if attempt.failure is not None:
                message = (attempt.failure.message or "")[: self.longest]
                child.set_status(StatusCode.ERROR, clean_text(f"{attempt.failure.name}: {message}"))
            elif attempt.failed:
                child.set_status(StatusCode.ERROR, f"HTTP {attempt.status}")
            child.end(record.start + attempt.end)


def _alone(redactor: Callable[[Record], object], record: Record) -> object:
    """Call a program's function. What it calls itself is not traced, or it would be asked of that too, without end."""
    token = attach(set_value(SUPPRESSED, value=True))
    try:
        return redactor(record)
    finally:
        detach(token)


def disabled() -> bool:
    """Tell whether the environment turns OpenTelemetry off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def load(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None, **given: Any
) -> Tracing:
    """Return what to trace with: these providers, or the global ones, and settings as `Settings.load` reads them."""
    return Tracing(Settings.load(**given), tracer_provider, meter_provider)


@lru_cache(maxsize=1)
def usual() -> Tracing | None:
    """Return what a function is traced with where no client of the process is: global providers, the environment."""
    return None if disabled() else load()


current: Tracing | None = None
