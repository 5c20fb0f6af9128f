"""OpenAIInstrumentor: all OpenAI clients of the process."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from spanglass.calls import patch, tracing


class OpenAIInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Traces every call of every OpenAI client of the process, made before or after.

    `instrument(tracer_provider=None, meter_provider=None, config=None, **settings)` takes providers (the global ones by
    default), OpenInference's `TraceConfig`, and the fields of `Settings`; what is not given is read from the
    environment. It raises ValueError for a value that is not allowed.
    Where `OTEL_SDK_DISABLED` is `true` it does nothing. `uninstrument()` puts everything back.
    """

    instrumented_with: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> "OpenAIInstrumentor":  # noqa: PYI034 - typing.Self came with Python 3.11
        """Return the one of the process."""
        if args or kwargs:
            message = (
                "OpenAIInstrumentor() takes no tracer: give its provider to instrument, as in "
                "OpenAIInstrumentor().instrument(tracer_provider=…)."
            )
            raise TypeError(message)
        made: Any = super()
        only: OpenAIInstrumentor = made.__new__(cls)
        return only

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("openai >= 1.6.0",)

    def _instrument(self, **kwargs: Any) -> None:
        self.instrumented_with = dict(kwargs)
        self._applied = not tracing.disabled()
        if not self._applied:
            return
        tracing.current = tracing.load(**kwargs)
        patch.apply()

    def _uninstrument(self, **_: Any) -> None:
        if self._applied:
            tracing.current = None
            patch.undo()
