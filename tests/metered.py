"""What is counted in a test, as plain values."""

from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

DURATION = "gen_ai.client.inference.duration"
FIRST = "gen_ai.client.inference.time_to_first_chunk"
OTHER = "gen_ai.client.operation.duration"
EMBEDDING = "gen_ai.client.embeddings.duration"
EMBEDDED = "gen_ai.client.embeddings.operation.input_tokens"
INPUT = "gen_ai.client.inference.usage.input_tokens"
OUTPUT = "gen_ai.client.inference.usage.output_tokens"
UNITS = {DURATION: "s", FIRST: "s", INPUT: "{token}", OUTPUT: "{token}"}
BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
LONGEST = 60


class Point(NamedTuple):
    """One series of a metric: its attributes, and what was counted: tokens, or how many were timed."""

    attributes: dict[str, Any]
    counted: int | float


class Counting(NamedTuple):
    """A provider of meters, and the reader of what they count."""

    reader: InMemoryMetricReader
    provider: MeterProvider

    def metrics(self) -> list[tuple[Any, Any]]:
        """Return each metric with its scope."""
        data = self.reader.get_metrics_data()
        groups = data.resource_metrics if data is not None else []
        return [(metric, scope) for group in groups for scope in group.scope_metrics for metric in scope.metrics]

    def points(self) -> dict[str, list[Point]]:
        """Return what was counted, by metric."""
        return {
            metric.name: [_point(point, metric.unit) for point in metric.data.data_points]
            for metric, _ in self.metrics()
        }


def _point(point: HistogramDataPoint | NumberDataPoint, unit: str) -> Point:
    if isinstance(point, NumberDataPoint):
        return Point(dict(point.attributes or {}), point.value)
    if unit != "s":
        return Point(dict(point.attributes or {}), point.sum)
    assert 0 < point.min <= point.max <= LONGEST
    assert BUCKETS == tuple(point.explicit_bounds)
    return Point(dict(point.attributes or {}), point.count)
