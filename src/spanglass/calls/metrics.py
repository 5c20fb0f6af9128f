"""What is counted: the duration of calls, the time to a stream's first chunk, tokens; in gen_ai's names."""

from typing import Any

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, MeterProvider, NoOpHistogram
from opentelemetry.metrics._internal.instrument import _ProxyHistogram  # pyright: ignore[reportPrivateUsage]

from spanglass.record import Record
from spanglass.semconv import SCHEMA_URL, otel
from spanglass.semconv import gen_ai as ai
from spanglass.writers import WRITERS
from spanglass.writers.table import table

SECONDS = [0.01 * 2**power for power in range(14)]
TOKENS = [4**power for power in range(14)]
# The operations that are inference in the convention's sense.
INFERENCE = frozenset({"chat", "text_completion", "compact"})
NANOSECONDS = 1e9
_RESPONSE = table(
    (ai.GEN_AI_RESPONSE_MODEL, "response_model"),
    (ai.OPENAI_RESPONSE_SERVICE_TIER, "service_tier"),
    (ai.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, "fingerprint"),
)


class Meters:
    """The instruments; `live` tells whether anybody counts."""

    __slots__ = ("_duration", "_durations", "_embedded", "_first", "_input", "_other", "_output")

    def __init__(self, scope: str, version: str, provider: MeterProvider | None) -> None:
        meter = metrics.get_meter(scope, version, provider, SCHEMA_URL)

        def seconds(name: str, what: str) -> Histogram:
            return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=SECONDS)

        inference = seconds(ai.GEN_AI_CLIENT_INFERENCE_DURATION, "How long calls took.")
        embeddings = seconds(ai.GEN_AI_CLIENT_EMBEDDINGS_DURATION, "How long embeddings took.")
        self._duration = inference
        self._durations = {**dict.fromkeys(INFERENCE, inference), "embeddings": embeddings}
        self._other = seconds(ai.GEN_AI_CLIENT_OPERATION_DURATION, "How long calls took that ask no model.")
        self._first = seconds(
            ai.GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK, "How long streams took to their first chunk."
        )
        self._embedded = meter.create_histogram(
            ai.GEN_AI_CLIENT_EMBEDDINGS_OPERATION_INPUT_TOKENS,
            "{token}",
            "Tokens embedded by one call.",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._input = meter.create_counter(ai.GEN_AI_CLIENT_INFERENCE_USAGE_INPUT_TOKENS, "{token}", "Tokens sent.")
        self._output = meter.create_counter(
            ai.GEN_AI_CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS, "{token}", "Tokens received."
        )

    @property
    def live(self) -> bool:
        """Whether there is a provider that counts."""
        # Asked of the instrument: the API's own function looks into the environment each time.
        instrument: Any = self._duration
        if instrument.__class__ is _ProxyHistogram:
            return instrument._real_instrument is not None  # noqa: SLF001 - the API has no other way to ask
        return instrument.__class__ is not NoOpHistogram

    def count(self, record: Record, context: Context) -> None:
        """Count a call that has ended; `context` has its span, for exemplars."""
        attributes: dict[str, Any] = {}
        WRITERS["gen_ai"].start(record, attributes)
        _RESPONSE(record, attributes)
        timed = attributes if record.failure is None else {**attributes, otel.ERROR_TYPE: record.failure.type}
        duration = self._durations[record.operation] if record.operation in self._durations else self._other
        duration.record(record.duration / NANOSECONDS, timed, context)
        if record.stream is not None and record.stream.first is not None:
            self._first.record(record.stream.first / NANOSECONDS, timed, context)
        usage = record.usage if record.usage is not None and record.usage.counted else None
        if record.operation == "embeddings":
            if usage is not None:
                self._embedded.record(usage.prompt or 0, attributes, context)
        elif usage is not None or duration is not self._other:
            # The convention wants the kind of the tokens, which no usage tells in full; and a zero where none was told.
            # A dict of its own: older SDKs keep the one that they were given for the durations.
            counted = {**attributes, ai.GEN_AI_TOKEN_MODALITY: "unknown"}
            self._input.add((usage.prompt if usage else None) or 0, counted, context)
            self._output.add((usage.completion if usage else None) or 0, counted, context)
