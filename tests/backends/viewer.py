"""A real Phoenix, from an environment of its own, and what it answers about the spans it was sent."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from processes import LOOPBACK, answers, free_ports, running, wait_until

QUIET = {
    "PHOENIX_HOST": LOOPBACK,
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
    "PHOENIX_LOG_MIGRATIONS": "false",
}

COSTS = """query ($project: ID!) { node(id: $project) { ... on Project { spans(first: 50) { edges { node {
  spanId tokenCountPrompt tokenCountCompletion tokenCountTotal
  costSummary { prompt { cost } completion { cost } total { cost } }
} } } } } }"""

TOTAL = "query ($project: ID!) { node(id: $project) { ... on Project { tokenCountTotal } } }"


class Phoenix(NamedTuple):
    """A running Phoenix: its address, and where it takes spans, by protocol."""

    url: str
    endpoints: dict[str, str]

    def shows(self, project: str, spans: Sequence[ReadableSpan]) -> list[dict[str, Any]]:
        """Return the traces of `spans` in the order of their spans' start, waiting until it has as many."""
        traces = [f"{span.context.trace_id:032x}" for span in spans if span.context]
        return self._awaited(project, {"trace_id": traces}, len(spans))

    def first(self, project: str) -> dict[str, Any]:
        """Return the first span of a project, waiting until there is one."""
        return self._awaited(project, {}, 1)[0]

    def having(self, project: str, attribute: str, value: str) -> list[dict[str, Any]]:
        """Return the spans of a project that have this value of an attribute."""
        return self._spans(project, {"attribute": [f"{attribute}:{value}"]})

    def sessions(self, project: str) -> list[dict[str, Any]]:
        """Return the sessions of a project."""
        found: list[dict[str, Any]] = self._get(f"/v1/projects/{project}/sessions")["data"]
        return found

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
        wait_until(
            lambda: len(self._spans(project, query)) >= count,
            f"{count} spans of {project} in Phoenix",
            seconds=30,
            every=0.25,  # asking more often starves what inserts them
        )
        return self._spans(project, query)

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


@contextmanager
def viewer(environment: Path, directory: Path) -> Iterator[Phoenix]:
    """Run the Phoenix of a virtual environment for the block, with everything it keeps in `directory`."""
    http, grpc = free_ports(2)
    url = f"http://{LOOPBACK}:{http}"
    ports = {"PHOENIX_PORT": str(http), "PHOENIX_GRPC_PORT": str(grpc), "PHOENIX_WORKING_DIR": str(directory)}
    command = [str(environment / "bin" / "python"), "-m", "phoenix.server.main", "serve"]
    ready = lambda: answers(f"{url}/healthz")  # noqa: E731 - three words, used once
    with running(command, ready, directory=directory, environment=QUIET | ports, seconds=180):
        yield Phoenix(url, {"http/protobuf": f"{url}/v1/traces", "grpc": f"http://{LOOPBACK}:{grpc}"})
