"""Draws the picture of a slow request in Jaeger: runs it, sends its trace there, and reads it back."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from drawing import draw
from jaeger import CONFIGURATION, Jaeger, jaeger_2
from openai import OpenAI
from opentelemetry import trace
from scenarios import ANSWER, MODEL, QUESTION, SYSTEM, TOOL, TOOL_CALL, TOOL_RESULT, USAGE
from tree import last

from spanglass import OpenAIInstrumentor, configure
from spanglass.testing import OpenAIServer, Reply, Stall, Stream, chunks, completion, error

PICTURE = CONFIGURATION.with_name("trace.svg")
SERVICE = "night-desk"
EVENING = (
    Reply(completion(ANSWER), before=Stall()),
    Reply(
        error("Rate limit reached", kind="requests"), status=429, headers={"retry-after-ms": "350"}, before=Stall(0.06)
    ),
    Reply(error("Overloaded", kind="server_error"), status=503, headers={"retry-after-ms": "250"}, before=Stall(0.2)),
    Reply(completion(None, tool_calls=[TOOL_CALL], finish_reason="tool_calls"), before=Stall(0.4)),
    Stream(chunks(ANSWER.split(" "), usage=USAGE), before=Stall(0.35), delay=0.04),
)


def answer_a_customer(client: OpenAI) -> None:
    """Ask the model, which has a bad evening; look up the departures, as it wants; ask again, for a stream."""
    tracer = trace.get_tracer(SERVICE)
    with tracer.start_as_current_span("answer a customer"):
        asked = client.chat.completions.create(model=MODEL, messages=[SYSTEM, QUESTION], tools=[TOOL])  # type: ignore[list-item]  # dicts will do
        with tracer.start_as_current_span("departures"):
            time.sleep(0.15)  # the work of the tool
        messages = [SYSTEM, QUESTION, asked.choices[0].message, TOOL_RESULT]
        for _ in client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL], stream=True):  # type: ignore[arg-type,list-item]
            pass


def sent_to(backend: Jaeger) -> None:
    """Run the program, and return when Jaeger has its trace."""
    pipeline = configure(service=SERVICE, endpoint=backend.endpoints["http/protobuf"], protocol="http/protobuf")
    OpenAIInstrumentor().instrument()
    with OpenAIServer() as server:
        server.script(*EVENING)
        with OpenAI(base_url=server.base_url, api_key="test", max_retries=3, timeout=0.6) as client:
            answer_a_customer(client)
    pipeline.shutdown()


def main() -> None:
    """Write the picture."""
    binary = Path(os.environ["SPANGLASS_BACKENDS"]) / "jaeger"
    if not binary.exists():
        message = f"There is no {binary}: `make backends` builds it where there is Go."
        raise SystemExit(message)
    with TemporaryDirectory() as directory, jaeger_2(binary, Path(directory)) as backend:
        sent_to(backend)
        PICTURE.write_text(draw(last(backend.url, SERVICE)), encoding="utf-8")
    print(f"{PICTURE.name} is drawn anew.")  # noqa: T201 - a command's word


if __name__ == "__main__":
    main()
