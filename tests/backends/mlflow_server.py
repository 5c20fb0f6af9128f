"""A real MLflow, from an environment of its own, and what it answers about the spans it was sent."""

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, answers, free_ports, running, variables
from wire import Nested

CONFIGURATION = Path(__file__).parents[2] / "examples" / "backends" / "mlflow" / "mlflow.env"
EXPERIMENT = "x-mlflow-experiment-id"
OWN = "mlflow."  # how the names begin of the attributes and tags that it adds itself


class MLflow(NamedTuple):
    """A running MLflow: its address, and where it takes spans, by protocol."""

    url: str
    endpoints: dict[str, str]

    def experiment(self, name: str) -> str:
        """Make an experiment, and return its id, which is what EXPERIMENT says in the headers of its spans."""
        return str(
            self._get("/api/2.0/mlflow/experiments/create", json.dumps({"name": name}).encode())["experiment_id"]
        )

    def headers(self, project: str) -> dict[str, str]:
        """Return the headers by which spans go to a new experiment of this name."""
        return {EXPERIMENT: self.experiment(project)}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return all that it keeps of the traces of `spans`, nested as in `wire.py`.

        It has stored spans before it answers their export, so that there is nothing to wait for.
        """
        traces = {trace_id(span) for span in spans}
        return [span for trace in traces for span in self._spans(trace)]

    def trace(self, trace: str) -> dict[str, Any]:
        """Return what it says of a trace as a whole."""
        found: dict[str, Any] = self._get(f"/api/3.0/mlflow/traces/{trace}")["trace"]["trace_info"]
        return found

    def found(self, experiment: str, condition: str = "") -> list[str]:
        """Return the ids of the traces of an experiment for which a condition in its language holds."""
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        body = {"locations": [location], "filter": condition, "max_results": 100}
        traces = self._get("/api/3.0/mlflow/traces/search", json.dumps(body).encode()).get("traces", [])
        return [str(trace["trace_id"]) for trace in traces]

    def page(self, experiment: str, trace: str) -> str:
        """Return the address of the page that shows a trace."""
        return f"{self.url}/#/experiments/{experiment}/traces?selectedEvaluationId={trace}"

    def session(self, experiment: str, name: str) -> str:
        """Return the address of the page that shows a session."""
        return f"{self.url}/#/experiments/{experiment}/chat-sessions/{name}"

    def added(self, trace: str) -> list[dict[str, Any]]:
        """Return the attributes that it adds to each span of a trace."""
        return [
            {key: json.loads(text) for key, text in span["attributes"].items() if key.startswith(OWN)}
            for span in self._artifact(trace)
        ]

    def _spans(self, trace: str) -> list[Nested]:
        resource = {key: value for key, value in self.trace(trace)["tags"].items() if not key.startswith(OWN)}
        return [{**_nested(span), "resource": resource} for span in self._artifact(trace)]

    def _artifact(self, trace: str) -> list[dict[str, Any]]:
        """Return a trace's spans as its pages get them: the one answer that has texts as they were sent."""
        spans: list[dict[str, Any]] = self._get(f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={trace}")["spans"]
        return sorted(spans, key=lambda span: span["start_time_unix_nano"])

    def _get(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - ours
            return json.load(response)


def trace_id(span: ReadableSpan) -> str:
    """Return the id by which MLflow knows a span's trace."""
    context = span.get_span_context()
    assert context is not None
    return f"tr-{context.trace_id:032x}"


def _nested(span: Mapping[str, Any]) -> Nested:
    """Return a span nested as in `wire.py`; whatever else MLflow tells stands beside, under MLflow's own names."""
    rest = dict(span)
    status = rest.pop("status")
    return {
        "name": rest.pop("name"),
        "trace id": _hex(rest.pop("trace_id")),
        "span id": _hex(rest.pop("span_id")),
        "parent id": _hex(rest.pop("parent_span_id") or ""),
        "start": rest.pop("start_time_unix_nano"),
        "end": rest.pop("end_time_unix_nano"),
        "status": status["code"].removeprefix("STATUS_CODE_"),
        "status message": status["message"] or "",
        "attributes": {key: _value(text) for key, text in rest.pop("attributes").items() if not key.startswith(OWN)},
        "events": [
            {"name": event["name"], "time": event["time_unix_nano"], "attributes": event["attributes"]}
            for event in rest.pop("events")
        ],
        "links": [
            {
                "trace id": link["trace_id"].removeprefix("tr-"),
                "span id": link["span_id"],
                "attributes": link["attributes"],
            }
            for link in rest.pop("links")
        ],
        **rest,
    }


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


def _value(text: str) -> Any:
    """Return an attribute's value, which is kept as JSON; no attribute is an object: one is a text, as it was sent."""
    value = json.loads(text)
    return text if isinstance(value, dict) else value


@contextmanager
def mlflow_server(environment: Path, directory: Path) -> Iterator[MLflow]:
    """Run the MLflow of a virtual environment for the block, as the example does, but on a free port."""
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    settings = variables(CONFIGURATION) | {"MLFLOW_PORT": str(port)}
    command = [str(environment / "bin" / "python"), "-m", "mlflow", "server"]
    ready = lambda: answers(f"{url}/health")  # noqa: E731 - three words, used once
    with running(command, ready, directory=directory, environment=settings, seconds=180):
        yield MLflow(url, {"http/protobuf": f"{url}/v1/traces"})
