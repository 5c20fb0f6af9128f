"""Spans of programs that know nothing of spanglass."""

import re
import subprocess
import sys

from seen import Seen
from serving import Dashboard

from spanglass.testing import OpenAIServer, Reply, completion

pytest_plugins = ["served"]

PROGRAM = """
import sys
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

provider = TracerProvider(resource=Resource({"service.name": "shop"}))
exporter = OTLPSpanExporter(sys.argv[1] + "/v1/traces", compression=Compression.Gzip)
provider.add_span_processor(BatchSpanProcessor(exporter))
OpenAIInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span("GET /orders", kind=SpanKind.SERVER, attributes={"http.request.method": "GET"}):
    with OpenAI(base_url=sys.argv[2], api_key="test") as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Where is it?"}])
provider.shutdown()
"""


def test_another_instrumentor(dashboard: Dashboard, server: OpenAIServer) -> None:
    """A server's span, and a call that OpenInference's own instrumentor recorded, are shown as ours are."""
    server.script(Reply(completion("On its way.", model="gpt-4o")))
    subprocess.run(  # noqa: S603 - this interpreter, and the program above
        [sys.executable, "-c", PROGRAM, dashboard.url, server.base_url], check=True, timeout=60
    )
    listed = Seen(dashboard.ask("/").text)
    page = Seen(dashboard.ask(next(link for link in listed.links.values() if link.startswith("/traces/"))).text)
    asked, answered = "user 1 Where is it?", "assistant answer finished: stop 2 On its way."

    assert [["SUCCESS", "GET /orders Where is it?", "gpt-4o", "shop", "9 in 2 out"]] == [
        [*row[:4], row[6]] for row in listed.rows
    ]
    assert re.search(r" GET /orders server · OK .* ChatCompletion LLM · gpt-4o · OK ", page.texts["waterfall"])
    assert f" Conversation by role markdown as sent {asked} {answered} Times " in page.texts["panel"]
