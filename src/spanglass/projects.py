"""The project and environment of one trace: another resource for its spans, where `configure()` made the provider."""

import logging
from functools import lru_cache
from threading import Lock
from typing import Any
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from spanglass.calls import tracing
from spanglass.guard import guard
from spanglass.semconv.openinference import OPENINFERENCE_PROJECT_NAME
from spanglass.semconv.otel import DEPLOYMENT_ENVIRONMENT_NAME

log = logging.getLogger("spanglass")

# The keys of a context, and the resource's attributes that they stand for.
PROJECT = "spanglass.project"
ENVIRONMENT = "spanglass.environment"
ATTRIBUTES = {PROJECT: OPENINFERENCE_PROJECT_NAME, ENVIRONMENT: DEPLOYMENT_ENVIRONMENT_NAME}

ELSEWHERE = (
    "spanglass: a trace has a project= or environment= of its own only where configure() has made the tracer provider; "
    "this one was made elsewhere, and its traces go where its resource says: call configure() before anything else "
    "makes one. This is said once."
)
WITHIN = (
    "spanglass: a trace is in one project and environment, those of its outermost span: %s of a span inside it cannot "
    "be another. This is said once."
)

able: "WeakSet[TracerProvider]" = WeakSet()
"""The providers whose spans may have another resource than their provider's."""

_placing: "WeakSet[TracerProvider]" = WeakSet()
_lock = Lock()
_told: set[str] = set()


class Placed(Resource):
    """The resource of a trace that has a project or an environment of its own."""


def check() -> None:
    """See to it that a project or environment in the context counts, or say that it cannot."""
    chosen = tracing.current
    provider = trace.get_tracer_provider() if chosen is None or chosen.provider is None else chosen.provider
    if not isinstance(provider, TracerProvider) or provider in _placing:
        return
    if provider not in able:
        _say(ELSEWHERE)
        return
    with _lock:
        if provider not in _placing:
            _placing.add(provider)
            provider.add_span_processor(_Placing())


class _Placing(SpanProcessor):
    """Gives each span the resource of its trace, as it starts."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        with guard:  # spans of the program's own and of others begin here too
            _place(span, parent_context)


def _place(span: Span, parent_context: Context | None) -> None:
    context = get_current() if parent_context is None else parent_context
    parent = trace.get_current_span(context)
    resource = parent.resource if isinstance(parent, ReadableSpan) else None
    asked = tuple((name, context[key]) for key, name in ATTRIBUTES.items() if key in context)
    if resource is None and asked:
        resource = _placed(span.resource, asked)
    if isinstance(resource, Placed):
        span._resource = resource  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the SDK has no other way, and reads it there as a span ends
    if resource is not None:
        other = [pair for pair in asked if resource.attributes.get(pair[0]) != pair[1]]
        if other:
            _say(WITHIN, ", ".join(f"{name}={value!r}" for name, value in other))


@lru_cache(maxsize=1024)  # a service may have a project for each of its customers
def _placed(resource: Resource, asked: tuple[tuple[str, str], ...]) -> Placed:
    attributes: dict[str, Any] = {**resource.attributes, **dict(asked)}
    return Placed(attributes, resource.schema_url)


def _say(text: str, *arguments: str) -> None:
    if text not in _told:
        _told.add(text)
        log.warning(text, *arguments)
