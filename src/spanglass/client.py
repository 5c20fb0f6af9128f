"""`wrap_openai`, `TraceOpenAI`, `TraceAsyncOpenAI`: one client instead of all."""

from dataclasses import fields
from typing import Any, TypeVar

from openai import AsyncOpenAI, OpenAI
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

from spanglass.calls import patch, tracing
from spanglass.calls.own import handed
from spanglass.settings import Settings

T = TypeVar("T", bound=OpenAI | AsyncOpenAI)
SETTINGS = frozenset(field.name for field in fields(Settings)) | {"config"}


def wrap_openai(
    client: T,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    **settings: Any,
) -> T:
    """Trace every call of one client, and return that very client.

    `client` is an `OpenAI` or `AsyncOpenAI`, or of a subclass such as `AzureOpenAI`. It takes providers (the global
    ones by default), OpenInference's `TraceConfig` as `config`, and the fields of `Settings`; what is not given is read
    from the environment. It is traced by these alone, whether or not `OpenAIInstrumentor` traces the others, and until
    it is dropped; so are the copies that `copy()` and `with_options()` make of it from then on. Wrapping it again
    replaces what was given.

    Its chat completions' `create`, `parse` and `stream` also take `max_retries=`, for the one call, in place of the
    client's: 0 makes a single attempt. The SDK's signatures do not know it, so a type checker wants to be told:
    `client.chat.completions.create(..., max_retries=0)  # type: ignore[call-overload]`, or `[call-arg]` at `parse` and
    `stream`. A method that was taken from the client before it was wrapped does not have it.

    Where `OTEL_SDK_DISABLED` is `true` there are no spans, and all else is the same.
    Raises TypeError for what is no client of the SDK, and ValueError for a setting that is not allowed.
    """
    given: Any = client
    if not isinstance(given, (OpenAI, AsyncOpenAI)):
        found = f"the class {given.__name__}" if isinstance(given, type) else f"an object of {type(given).__name__}"
        message = (
            "wrap_openai takes an openai.OpenAI or openai.AsyncOpenAI client, or one of a subclass such as "
            f"openai.AzureOpenAI, not {found}."
        )
        raise TypeError(message)
    patch.own(client, _tracing(tracer_provider, meter_provider, settings))
    return client


class TraceOpenAI(OpenAI):
    """An `openai.OpenAI` whose every call is traced, as `wrap_openai` does.

    It takes what `openai.OpenAI` takes, and `tracer_provider`, `meter_provider` and the fields of `Settings`; its
    copies are `TraceOpenAI` too. Raises ValueError for a setting that is not allowed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**_own(self, tracer_provider, meter_provider, options))


class TraceAsyncOpenAI(AsyncOpenAI):
    """An `openai.AsyncOpenAI` whose every call is traced, as `wrap_openai` does.

    It takes what `openai.AsyncOpenAI` takes, and `tracer_provider`, `meter_provider` and the fields of `Settings`; its
    copies are `TraceAsyncOpenAI` too. Raises ValueError for a setting that is not allowed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**_own(self, tracer_provider, meter_provider, options))


def _own(
    client: Any, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Trace a client that is yet to be made, since up to 1.8 it then keeps its methods; return the SDK's options."""
    settings = {name: options[name] for name in options if name in SETTINGS}
    patch.own(client, handed.get() or _tracing(tracer_provider, meter_provider, settings))
    return {name: options[name] for name in options if name not in SETTINGS}


def _tracing(
    tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, settings: dict[str, Any]
) -> tracing.Tracing:
    if tracing.disabled():  # the client still takes `max_retries=`, or a program would break by the variable
        tracer_provider, meter_provider = NoOpTracerProvider(), NoOpMeterProvider()
    return tracing.load(tracer_provider, meter_provider, **settings)
