"""What tests of the command read: real traces with ids and times that are the same each time, and made ones."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import openai
from click.testing import CliRunner, Result
from opentelemetry.sdk.trace import ReadableSpan

from spanglass import spans_to_jsonl
from spanglass.cli import main
from spanglass.testing import OpenAIServer

MS: Final = 1_000_000  # nanoseconds
START: Final = 1_700_000_000_000  # ms since the epoch: 2023-11-14 22:13:20 UTC
SECONDS: Final = {
    "spanglass.attempt.backoff": 0.5,
    "spanglass.time.backoff": 0.5,
    "spanglass.stream.time_to_first_chunk": 0.025,
}
"""What the attributes that tell a time tell in a settled file."""

COMMAND: Final = str(Path(sys.executable).with_name("spanglass"))
PLAIN: Final[Mapping[str, str | None]] = {
    "COLUMNS": "80",
    **dict.fromkeys(("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")),
}
WEATHER: Final[dict[str, Any]] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALL: Final = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}


def client(server: OpenAIServer) -> openai.OpenAI:
    """Return a client of the server, which tries a call three times."""
    return openai.OpenAI(base_url=server.base_url, api_key="test", max_retries=2)


def says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    """Return a message."""
    return {"role": role, "content": content, **more}


def ask(client: openai.OpenAI, *messages: Any, **asked: Any) -> Any:
    """Create a chat completion; a message that is a text is the user's."""
    listed = [says("user", message) if isinstance(message, str) else message for message in messages]
    create: Any = client.chat.completions.create
    return create(model="gpt-4o-mini", messages=listed, **asked)


def settled(spans: Iterable[ReadableSpan]) -> str:
    """Return spans as a file has them, with counted ids, and 10 ms between any two moments that follow each other."""
    requests = [json.loads(line) for line in spans_to_jsonl(spans).splitlines()]
    inside = [span for request in requests for span in _spans(request)]
    inside.sort(key=lambda span: int(span["startTimeUnixNano"]))
    traces = _counted((span["traceId"] for span in inside), "{:04x}", 8)
    ids = _counted((span["spanId"] for span in inside), "{:016x}", 1)
    moments = sorted({int(span[key]) for span in inside for key in ("startTimeUnixNano", "endTimeUnixNano")})
    for span in inside:
        span["traceId"], span["spanId"] = traces[span["traceId"]], ids[span["spanId"]]
        if "parentSpanId" in span:
            span["parentSpanId"] = ids.get(span["parentSpanId"], span["parentSpanId"])
        for link in span.get("links", ()):
            link["traceId"], link["spanId"] = traces[link["traceId"]], ids[link["spanId"]]
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            span[key] = str((START + 10 * moments.index(int(span[key]))) * MS)
        for attribute in span["attributes"]:
            if attribute["key"] in SECONDS and attribute["value"] != {"doubleValue": 0.0}:
                attribute["value"] = {"doubleValue": SECONDS[attribute["key"]]}
    return "".join(f"{json.dumps(request)}\n" for request in requests)


def _spans(request: Any) -> Iterator[Any]:
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def _counted(ids: Iterable[str], form: str, times: int) -> dict[str, str]:
    return {old: form.format(number) * times for number, old in enumerate(dict.fromkeys(ids), 1)}


def made(  # noqa: PLR0913 - what a span has
    number: int,
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    trace: int = 1,
    parent: int | None = None,
    start: float = 0,
    end: float = 10,
    failed: str | None = None,
    scope: str = "spanglass",
) -> str:
    """Return the line of a span that was made up; times are ms."""
    span: dict[str, Any] = {
        "traceId": f"{trace:04x}" * 8,
        "spanId": f"{number:016x}",
        "name": name,
        "startTimeUnixNano": str(int((START + start) * MS)),
        "endTimeUnixNano": str(int((START + end) * MS)),
        "attributes": [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()],
        "status": {} if failed is None else {"code": 2, "message": failed},
    }
    if parent is not None:
        span["parentSpanId"] = f"{parent:016x}"
    scopes = [{"scope": {"name": scope}, "spans": [span]}]
    return json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": scopes}]}) + "\n"


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def run(*arguments: object, **environment: str) -> Result:
    """Run the command in this process, its output 80 columns wide and without colour."""
    return CliRunner(env={**PLAIN, **environment}).invoke(main, [str(argument) for argument in arguments])


def shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of a shell, in which `spanglass` is the command that is installed here."""
    return subprocess.run(  # noqa: S603 - a line of a test
        ["/bin/sh", "-c", line.replace("spanglass", COMMAND, 1)],
        env={"COLUMNS": "80", "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
