"""A real Phoenix, from an environment of its own, and what it answers about the spans it was sent."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, answers, awaited, free_ports, running, variables
from wire import Nested, traces_of

from spanglass.semconv.openinference import OPENINFERENCE_PROJECT_NAME, OPENINFERENCE_SPAN_KIND

CONFIGURATION = Path(__file__).parents[2] / "examples" / "backends" / "phoenix" / "phoenix.env"
EPOCH = datetime.fromtimestamp(0, tz=timezone.utc)

COSTS = """query ($project: ID!) { node(id: $project) { ... on Project { spans(first: 50) { edges { node {
  spanId tokenCountPrompt tokenCountCompletion tokenCountTotal
  costSummary { prompt { cost } completion { cost } total { cost } }
} } } } } }"""

TOTAL = "query ($project: ID!) { node(id: $project) { ... on Project { tokenCountTotal } } }"

SESSIONS = """query ($project: ID!) { node(id: $project) { ... on Project { sessions(first: 50) { edges { node {
  sessionId firstInput { value } lastOutput { value }
} } } } } }"""


class Phoenix(NamedTuple):
    """A running Phoenix: its address, and where it takes spans, by protocol."""

    url: str
    endpoints: dict[str, str]

    def shows(self, project: str, spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
        """Return the traces of `spans` in the order of their spans' start, waiting until it has as many."""
        return self._awaited(project, {"trace_id": traces_of(spans)}, len(spans))

    def headers(self, project: str) -> dict[str, str]:  # noqa: ARG002 - every backend is asked
        """Return none: the resource says whose spans they are."""
        return {}

    def read(self, spans: Sequence[ReadableSpan]) -> list[Nested]:
        """Return all that it shows of the traces of `spans`, waiting until it is as many."""
        project = str(spans[0].resource.attributes[OPENINFERENCE_PROJECT_NAME])
        return [_nested(span) for span in self.shows(project, spans)]

    def first(self, project: str) -> dict[str, Any]:
        """Return the first span of a project, waiting until there is one."""
        return self._awaited(project, {}, 1)[0]

    def having_all(self, project: str, count: int) -> list[dict[str, Any]]:
        """Return all spans of a project, waiting until there are so many."""
        return self._awaited(project, {}, count)

    def having(self, project: str, attribute: str, value: str) -> list[dict[str, Any]]:
        """Return the spans of a project that have this value of an attribute."""
        return self._spans(project, {"attribute": [f"{attribute}:{value}"]})

    def sessions(self, project: str) -> list[dict[str, Any]]:
        """Return the sessions of a project."""
        found: list[dict[str, Any]] = self._get(f"/v1/projects/{project}/sessions")["data"]
        return found

    def conversations(self, project: str) -> dict[str, tuple[str, str]]:
        """Return the first input and the last output of each session of a project, as its list shows them."""
        nodes = [edge["node"] for edge in self._asked(SESSIONS, project)["sessions"]["edges"]]
        return {node["sessionId"]: (node["firstInput"]["value"], node["lastOutput"]["value"]) for node in nodes}

    def project_id(self, project: str) -> str:
        """Return the id by which GraphQL and the pages know a project."""
        return str(self._get(f"/v1/projects/{project}")["data"]["id"])

    def page(self, project: str, span: ReadableSpan) -> str:
        """Return the address of the page that shows a span's trace."""
        context = span.get_span_context()
        assert context is not None
        return f"{self.url}/projects/{self.project_id(project)}/traces/{context.trace_id:032x}"

    def costs(self, project: str) -> dict[str, dict[str, Any]]:
        """Return tokens and cost of each span of a project, by its span id in hex."""
        nodes = [edge["node"] for edge in self._asked(COSTS, project)["spans"]["edges"]]
        return {node.pop("spanId"): node for node in nodes}

    def total(self, project: str) -> int:
        """Return the tokens of all calls of a project."""
        return int(self._asked(TOTAL, project)["tokenCountTotal"])

    def _asked(self, query: str, project: str) -> Any:
        variables = {"project": self.project_id(project)}
        answer = self._get("/graphql", json.dumps({"query": query, "variables": variables}).encode())
        return answer["data"]["node"]

    def _awaited(self, project: str, query: dict[str, list[str]], count: int) -> list[dict[str, Any]]:
        # Asking more often starves what inserts them.
        return awaited(lambda: self._spans(project, query), count, f"{project} in Phoenix", every=0.25)

    def _spans(self, project: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        try:
            answer = self._get(
                f"/v1/projects/{project}/spans?{urllib.parse.urlencode({'limit': 1000, **query}, doseq=True)}"
            )
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:  # a project is there with its first span
                    return []
                raise
        spans = [{key: value for key, value in span.items() if key != "id"} for span in answer["data"]]
        return sorted(spans, key=lambda span: (span["start_time"], span["name"]))

    def _get(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - ours
            return json.load(response)


def _nested(span: Mapping[str, Any]) -> Nested:
    """Return a span nested as in `wire.py`; whatever else Phoenix tells stands beside, under Phoenix's own names."""
    rest = dict(span)
    context = rest.pop("context")
    return {
        "name": rest.pop("name"),
        "trace id": context["trace_id"],
        "span id": context["span_id"],
        "parent id": rest.pop("parent_id") or "",
        "start": _nanoseconds(rest.pop("start_time")),
        "end": _nanoseconds(rest.pop("end_time")),
        "status": rest.pop("status_code"),
        "status message": rest.pop("status_message"),
        "attributes": {OPENINFERENCE_SPAN_KIND: rest.pop("span_kind"), **rest.pop("attributes")},
        "events": [
            {"name": event["name"], "time": _nanoseconds(event["timestamp"]), "attributes": event["attributes"]}
            for event in rest.pop("events")
        ],
        **rest,
    }


def _nanoseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1) * 1000


@contextmanager
def viewer(environment: Path, directory: Path, database: str = "") -> Iterator[Phoenix]:
    """Run the Phoenix of a virtual environment for the block, with what it keeps in `directory`, or in `database`."""
    http, grpc = free_ports(2)
    url = f"http://{LOOPBACK}:{http}"
    settings = {
        **variables(CONFIGURATION),
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_WORKING_DIR": str(directory),
        "PHOENIX_SQL_DATABASE_URL": database,
    }
    command = [str(environment / "bin" / "python"), "-m", "phoenix.server.main", "serve"]
    ready = lambda: answers(f"{url}/healthz")  # noqa: E731 - three words, used once
    with running(command, ready, directory=directory, environment=settings, seconds=180):
        yield Phoenix(url, {"http/protobuf": f"{url}/v1/traces", "grpc": f"http://{LOOPBACK}:{grpc}"})
