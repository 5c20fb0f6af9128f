"""A program without a line of telemetry, started by `opentelemetry-instrument`, and what a collector takes of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from processes import wait_until
from rotel_agent import Rotel

from spanglass.testing import OpenAIServer, Reply, error

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend

PROGRAM = """
import sys
from openai import OpenAI

with OpenAI(base_url=sys.argv[1], api_key="test") as client:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    print(client.chat.completions.create(**asked).choices[0].message.content)
    stream = client.chat.completions.create(**asked, stream=True)
    print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
"""


def of(rotel: Rotel, project: str) -> list[dict[str, Any]]:
    """Return the spans of a project that came out of the collector: scope, name, and whether it is a child."""
    found: list[ResourceSpans] = [
        resource
        for request in list(rotel.receiver.requests)
        for resource in request.resource_spans
        if any(pair.value.string_value == project for pair in resource.resource.attributes)
    ]
    return [
        {"scope": scope.scope.name, "name": span.name, "child": bool(span.parent_span_id)}
        for resource in found
        for scope in resource.scope_spans
        for span in sorted(scope.spans, key=lambda span: span.start_time_unix_nano)
    ]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_no_code(rotel: Rotel, protocol: str, project: str, tmp_path: Path) -> None:
    """A program that knows nothing of tracing has its calls, its stream and its attempts in a collector."""
    program = tmp_path / "app.py"
    program.write_text(PROGRAM)
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    variables = {
        "PATH": str(Path(sys.executable).parent),
        "OTEL_SERVICE_NAME": project,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": rotel.endpoints[protocol],
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true",
        "OTEL_TRACES_EXPORTER": "otlp_proto_http" if protocol != "grpc" else "otlp_proto_grpc",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        # Others that are installed beside us are not the subject.
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,httpx,httpx2,urllib,requests,threading,asyncio,logging",
    }
    with OpenAIServer() as server:
        server.script(Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"}))
        ran = subprocess.run(  # noqa: S603 - a program of this file
            [launcher, sys.executable, program, server.base_url],
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    expected = [
        {"scope": "spanglass", "name": "ChatCompletion", "child": False},
        {"scope": "spanglass", "name": "attempt", "child": True},
        {"scope": "spanglass", "name": "attempt", "child": True},
        {"scope": "spanglass", "name": "ChatCompletion", "child": False},
    ]

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Hello\nHello\n", "")
    wait_until(lambda: len(of(rotel, project)) >= len(expected), "four spans to leave Rotel", seconds=10)
    assert of(rotel, project) == expected
