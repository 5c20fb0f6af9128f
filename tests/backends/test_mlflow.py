"""What MLflow makes of the spans: all it keeps, what it counts and finds by them, and what a person sees."""

import pytest
from keeps import MLFLOW, expected
from mlflow_server import MLflow
from openinference.instrumentation import using_metadata
from scenarios import SCENARIOS
from tracing import traced
from wire import flat, nested

pytest_plugins = ["servers"]
pytestmark = [pytest.mark.backend, pytest.mark.mlflow]

HTTP = "http/protobuf"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_mlflow_keeps_every_attribute(mlflow: MLflow, scenario: str, project: str) -> None:
    """MLflow gives back every span as the program recorded it, but for what it is known not to keep."""
    headers = mlflow.headers(project)
    with traced(mlflow.endpoints, HTTP, project=project, headers=headers) as spans, using_metadata({"desk": [1, "2"]}):
        SCENARIOS[scenario].run()

    assert [span.name for span in spans] == SCENARIOS[scenario].leaves
    assert flat(mlflow.read(spans)) == flat(expected(MLFLOW, span) for span in nested(spans))
