"""`configure()` in programs of its own, against real receivers: a process has one tracer provider."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
from opentelemetry.sdk.resources import Resource

from otlp_receivers import grpc_receiver, http_receiver, lost, silent_port, unreached

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
SDK = {
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": version("opentelemetry-sdk"),
    "service.instance.id": "i",
}
START = """
import json, logging, os, signal, sys, time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from spanglass.configure import configure
URL = sys.argv[1] if len(sys.argv) > 1 else None
def span(name): trace.get_tracer("test").start_span(name).end()
"""
OWN = """
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
provider = TracerProvider(resource=Resource({"service.name": "own"}))
trace.set_tracer_provider(provider)
"""


def run(script: str, *args: str, **variables: str) -> tuple[int, Any, str]:
    """Run a program; return its exit status, what it printed as JSON, and its stderr."""
    done = subprocess.run(  # noqa: S603  # the program is the test's own
        [sys.executable, "-c", START + script, *args],
        env={**CLEAN, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def lines(*said: str) -> str:
    """Return what a program's stderr is that says so."""
    return "".join(f"{line}\n" for line in said)


NOTHING = (0, None, "")

RESOURCES = [
    ('project="p", ', {}, {"service.name": "p", "openinference.project.name": "p"}),
    (
        'project="p", service="s", environment="e", ',
        {"OTEL_SERVICE_NAME": "x", "OTEL_RESOURCE_ATTRIBUTES": "openinference.project.name=x,region=eu"},
        {"service.name": "s", "openinference.project.name": "p", "deployment.environment.name": "e", "region": "eu"},
    ),
    ('project="p", ', {"OTEL_SERVICE_NAME": "x"}, {"service.name": "x", "openinference.project.name": "p"}),
    (
        "",
        {"OTEL_RESOURCE_ATTRIBUTES": "openinference.project.name=x,deployment.environment.name=e"},
        {"service.name": "x", "openinference.project.name": "x", "deployment.environment.name": "e"},
    ),
    ("", {}, {"service.name": Resource.create().attributes["service.name"]}),
]


@pytest.mark.parametrize(("arguments", "variables", "expected"), RESOURCES)
def test_resource(arguments: str, variables: dict[str, str], expected: dict[str, str]) -> None:
    """The resource is what the arguments say, over the variables, over a service named like its project."""
    attributes = f"service.instance.id=i,{variables.get('OTEL_RESOURCE_ATTRIBUTES', 'a=b')}"
    environ = {**variables, "OTEL_RESOURCE_ATTRIBUTES": attributes}
    with http_receiver() as received:
        outcome = run(f"configure({arguments}endpoint=URL); span('a')", received.url, **environ)
    fixed = {**SDK, **({} if "OTEL_RESOURCE_ATTRIBUTES" in variables else {"a": "b"})}

    assert (outcome, received.spans, received.resource) == (NOTHING, ["a"], {**fixed, **expected})


PATHS = [
    ("", "/v1/traces"),
    ("/", "/v1/traces"),
    ("/otlp/in", "/otlp/in"),
    ("/otlp/in/", "/otlp/in/"),
    ("/in?key=1", "/in?key=1"),
]


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_path(path: str, expected: str) -> None:
    """An endpoint without a path gets that of OTLP's traces, and one with a path is taken as it is."""
    with http_receiver() as received:
        outcome = run("configure(endpoint=URL); span('a')", received.url + path)

    assert (outcome, received.paths) == (NOTHING, [expected])


def test_headers() -> None:
    """Headers of the variables, of the URL's user and of the argument are sent, the last winning."""
    script = "configure(endpoint=URL, headers={'Api-Key': 'mine'}); span('a')"
    with http_receiver() as received:
        url = f"http://us%40er:pa%3Ass@127.0.0.1:{received.port}"
        outcome = run(script, url, OTEL_EXPORTER_OTLP_HEADERS="api-key=theirs,x-team=a%20b")
    names = ("api-key", "x-team", "authorization")

    assert (outcome, [{name: sent.get(name) for name in names} for sent in received.headers]) == (
        NOTHING,
        [{"api-key": "mine", "x-team": "a b", "authorization": "Basic dXNAZXI6cGE6c3M="}],
    )


@pytest.mark.parametrize("by_variable", [True, False])
def test_grpc(by_variable: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Spans leave over gRPC where the argument or the variable says so, with headers and credentials."""
    arguments = "" if by_variable else "endpoint=URL, protocol='grpc', "
    with grpc_receiver() as received:
        url = f"http://u:p@127.0.0.1:{received.port}"
        variables = (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
            if by_variable
            else {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
        )
        outcome = run(f"configure({arguments}headers={{'Key': 'v'}}); span('a')", url, **variables)
    sent = [{name: headers.get(name) for name in ("key", "authorization")} for headers in received.headers]

    assert (outcome, received.spans, sent) == (NOTHING, ["a"], [{"key": "v", "authorization": "Basic dTpw"}])


def test_base_variable() -> None:
    """The endpoint of all signals is a base, to which the traces' path is added."""
    with http_receiver() as received:
        outcome = run("configure(); span('a')", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{received.port}/base/")

    assert (outcome, received.paths) == (NOTHING, ["/base/v1/traces"])


def test_imports() -> None:
    """Importing loads no exporter, and a program that speaks HTTP loads no gRPC."""
    script = """
before = [name for name in sys.modules if ".exporter." in name]
configure(endpoint=URL)
print(json.dumps([before, "grpc" in sys.modules]))
"""
    with http_receiver() as received:
        assert run(script, received.url) == (0, [[], False], "")


def test_twice() -> None:
    """The same call again returns the same pipeline and ships once; another endpoint is one receiver more."""
    script = """
one = configure(endpoint=URL, project="p")
two = configure(endpoint=URL.upper().replace("HTTP", "http") + "/v1/traces", project="p")
three = configure(endpoint=sys.argv[2])
span("a")
print(json.dumps([one is two, two is three, one.provider is trace.get_tracer_provider(), one.flush(), one.dropped]))
"""
    with http_receiver() as first, http_receiver() as second:
        urls = [f"http://localhost:{received.port}" for received in (first, second)]
        outcome = run(script, *urls)

    assert (outcome, first.spans, second.spans) == ((0, [True, True, True, True, 0], ""), ["a"], ["a"])


def test_shutdown_and_again() -> None:
    """After shutdown nothing is sent, and another call of configure() sends again."""
    script = """
one = configure(endpoint=URL); span("a"); one.shutdown(); span("lost"); configure(endpoint=URL); span("b")
"""
    with http_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans) == (NOTHING, ["a", "b"])


def test_program_provider() -> None:
    """A program's provider is kept and joined, its resource is told apart once, and shutdown leaves it alive."""
    script = f"""{OWN}
kept = InMemorySpanExporter(); provider.add_span_processor(SimpleSpanProcessor(kept))
pipeline = configure(endpoint=URL, project="p", service="own")
configure(endpoint=URL, project="p")
span("a"); pipeline.shutdown(); span("b")
print(json.dumps([pipeline.provider is provider, [span.name for span in kept.get_finished_spans()]]))
"""
    told = (
        "spanglass: the tracer provider was made earlier and keeps its own resource, so configure() cannot set "
        "openinference.project.name='p' (it is None): set it where the provider is made, or call configure() first.\n"
    )
    with http_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans, received.resource) == (
        (0, [True, ["a", "b"]], told),
        ["a"],
        {"service.name": "own"},
    )


def test_program_exporter_http() -> None:
    """Where the program ships to the endpoint already, spans arrive there once, and flush() covers its exporter."""
    script = f"""{OWN}
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=URL + "/v1/traces")))
pipeline = configure(endpoint=URL)
span("a"); print(json.dumps(pipeline.flush()))
"""
    with http_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans) == ((0, True, ""), ["a"])


def test_program_exporter_grpc() -> None:
    """A gRPC exporter of the program is recognised, though it keeps only host and port."""
    script = f"""{OWN}
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=URL)))
configure(endpoint=URL, protocol="grpc"); span("a")
"""
    with grpc_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans) == (NOTHING, ["a"])


def test_provider_of_another_kind() -> None:
    """A provider that takes no processors is an error of one sentence."""
    script = """
class Other(trace.NoOpTracerProvider): pass
trace.set_tracer_provider(Other())
try: configure(endpoint=URL)
except RuntimeError as error: print(json.dumps(str(error)))
"""
    said = (
        "configure() cannot export from the global tracer provider Other, which takes no span processors: "
        "use a TracerProvider of the OpenTelemetry SDK, or none."
    )

    assert run(script, "http://127.0.0.1:9") == (0, said, "")


@pytest.mark.parametrize("variable", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_switched_off(variable: dict[str, str]) -> None:
    """Where the environment switches export off, nothing is sent and nothing fails."""
    script = "pipeline = configure(endpoint=URL); span('a'); print(json.dumps([pipeline.flush(), pipeline.dropped]))"
    with http_receiver() as received:
        outcome = run(script, received.url, **variable)

    assert (outcome, received.spans) == ((0, [True, 0], ""), [])


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_refused_connection(protocol: str) -> None:
    """Where nobody listens, a program ends as ever within seconds, with one warning and the drops counted."""
    script = """
import atexit
pipeline = configure(endpoint=URL, protocol=sys.argv[2])
atexit.register(lambda: span("late"))
for number in range(3): span("a")
ok = pipeline.flush(0.5)
span("b")
print(json.dumps(ok))
"""
    with silent_port(connects=False) as port:
        began = time.monotonic()
        outcome = run(script, f"http://u:secret@127.0.0.1:{port}?key=secret", protocol)
        took = time.monotonic() - began
    place = f"http://127.0.0.1:{port}" + ("/v1/traces" if protocol != "grpc" else "")
    why = "ConnectionError" if protocol != "grpc" else "UNAVAILABLE"

    said = lines(unreached(place, protocol, why), lost(place, "5: no answer before the end"))

    assert (outcome, took < 5) == ((0, False, said), True)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_no_answer(protocol: str) -> None:
    """A receiver that takes the connection and never answers holds up the exit for five seconds at most."""
    with silent_port(connects=True) as port:
        began = time.monotonic()
        outcome = run("configure(endpoint=URL, protocol=sys.argv[2]); span('a')", f"http://127.0.0.1:{port}", protocol)
        took = time.monotonic() - began
    place = f"http://127.0.0.1:{port}" + ("/v1/traces" if protocol != "grpc" else "")

    said = lines(unreached(place, protocol, "no answer in time"), lost(place, "1: no answer before the end"))

    assert (outcome, took < 9) == ((0, None, said), True)


def test_dead_and_live() -> None:
    """A receiver that does not answer takes nothing from the other one."""
    with silent_port(connects=True) as port, http_receiver() as received:
        dead = f"http://127.0.0.1:{port}"
        live = received.url
        outcome = run("configure(endpoint=URL); configure(endpoint=sys.argv[2]); span('a')", dead, live)

    place = f"{dead}/v1/traces"
    said = lines(unreached(place, "http/protobuf", "no answer in time"), lost(place, "1: no answer before the end"))

    assert (outcome, received.spans) == ((0, None, said), ["a"])


def test_refusal_and_recovery() -> None:
    """A refusal is told once with its status, and its end once, with the number of spans that it cost."""
    script = """
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
pipeline = configure(endpoint=URL)
flushed = []
for name in ("a", "b", "c", "d"): span(name); flushed.append(pipeline.flush())
print(json.dumps([flushed, pipeline.dropped]))
"""
    with http_receiver(401, 400) as received:
        outcome = run(script, received.url)
    place = f"http://127.0.0.1:{received.port}/v1/traces"
    said = lines(
        f"WARNING {unreached(place, 'http/protobuf', '401 Unauthorized')}",
        f"INFO spanglass: spans reach {place} again.",
        f"WARNING {lost(place, '1: 401 Unauthorized; 1: 400 Bad Request')}",
    )

    assert (outcome, received.spans) == ((0, [[False, False, True, True], 2], said), ["c", "d"])


def test_refusal_over_grpc() -> None:
    """A refusal over gRPC is told by its status."""
    with grpc_receiver(grpc.StatusCode.UNAUTHENTICATED) as received:
        url = received.url
        outcome = run("configure(endpoint=URL, protocol='grpc'); span('a')", url)

    assert outcome == (0, None, lines(unreached(url, "grpc", "UNAUTHENTICATED"), lost(url, "1: UNAUTHENTICATED")))


def test_program_exporter_is_heard() -> None:
    """What a program's own exporter logs still comes through, while ours fails beside it."""
    script = f"""{OWN}
logging.basicConfig(format="%(name)s")
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=URL + "/own")))
pipeline = configure(endpoint=URL); span("a"); pipeline.flush()
"""
    with http_receiver(400, 400) as received:
        outcome = run(script, received.url)

    assert outcome == (0, None, "spanglass\nopentelemetry.exporter.otlp.proto.http.trace_exporter\nspanglass\n")


def test_program_exporter_is_heard_over_grpc() -> None:
    """What the program's gRPC exporter logs comes through, though the same was kept back of ours just before."""
    script = f"""{OWN}
logging.basicConfig(format="%(name)s")
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[2])))
pipeline = configure(endpoint=URL, protocol="grpc"); span("a"); pipeline.flush()
"""
    refused = grpc.StatusCode.UNAUTHENTICATED
    with grpc_receiver(refused) as ours, grpc_receiver(refused) as theirs:
        outcome = run(script, ours.url, theirs.url)

    assert outcome == (0, None, "spanglass\nopentelemetry.exporter.otlp.proto.grpc.exporter\nspanglass\n")


TERMINATED = [
    ("", -signal.SIGTERM, ["a"]),
    ("signal.signal(signal.SIGTERM, lambda *_: os._exit(3))", 3, []),
]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("own", "status", "expected"), TERMINATED)
def test_sigterm(first: bool, own: str, status: int, expected: list[str]) -> None:  # noqa: FBT001  # parameters
    """SIGTERM sends what has ended and then ends the program as ever; a handler of the program's own rules."""
    configured = "configure(endpoint=URL)"
    lines = (own, configured) if first else (configured, own)
    script = "\n".join((*lines, 'span("a")', "os.kill(os.getpid(), signal.SIGTERM)", "time.sleep(20)"))
    with http_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans) == ((status, None, ""), expected)


STREAM = """
from spanglass.calls.unfinished import hold, lose, release
class Stream:
    def settle(self, outcome, error, at): span(outcome)
    def abandon(self): release(self); span("open")
"""


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_open_streams(end: str) -> None:
    """Streams that were dropped are finished by flush(), and those still open as the program ends, however it does."""
    script = f"""{STREAM}
hold(Stream())
pipeline = configure(endpoint=URL)
lose(Stream(), "dropped", 0)
pipeline.flush()
{end}
"""
    with http_receiver() as received:
        outcome = run(script, received.url)

    assert (outcome, received.spans) == ((-signal.SIGTERM if end else 0, None, ""), ["dropped", "open"])


def test_exit_by_exception() -> None:
    """A program that fails still sends what has ended."""
    with http_receiver() as received:
        status, _, _ = run("configure(endpoint=URL); span('a'); raise SystemExit(4)", received.url)

    assert (status, received.spans) == (4, ["a"])


def test_late() -> None:
    """What ends after the last moment, in what was to run at exit before, is sent at once, or told where that fails."""
    script = """
import atexit
atexit.register(lambda: [span("late"), span("later")])
configure(endpoint=URL)
"""
    with http_receiver() as received, http_receiver(401) as refusing:
        outcome = [run(script, received.url), run(script, refusing.url)]
    place = f"{refusing.url}/v1/traces"
    said = lines(
        unreached(place, "http/protobuf", "401 Unauthorized"),
        "spanglass: spans ended after the last ones were sent, and are lost: end them before; this is said once.",
    )

    assert (outcome, received.spans) == ([NOTHING, (0, None, said)], ["late", "later"])


def test_other_headers() -> None:
    """Headers of a second call for the same endpoint are not sent, and told once."""
    script = """
configure(endpoint=URL, headers={"a": "1"}); configure(endpoint=URL); configure(endpoint=URL, headers={"a": "1"})
for number in range(2): configure(endpoint=URL, headers={"a": "2"})
span("a")
"""
    with http_receiver() as received:
        outcome = run(script, received.url)
    said = (
        f"spanglass: configure() sends to {received.url}/v1/traces already and keeps the headers of the first call: "
        "give them all there."
    )

    assert (outcome, [sent["a"] for sent in received.headers]) == ((0, None, lines(said)), ["1"])


def test_fork() -> None:
    """A forked child sends its own spans, and its parent's once."""
    script = """
configure(endpoint=URL)
span("parent")
child = os.fork()
if child == 0: span("child"); sys.exit(0)
os.waitpid(child, 0)
"""
    with http_receiver() as received:
        outcome = run(script, received.url, PYTHONWARNINGS="ignore::DeprecationWarning")  # of threads and fork

    assert (outcome, sorted(received.spans)) == (NOTHING, ["child", "parent"])


KEEPING = """
import warnings
pipeline = configure(keep=2)
for name in "abc": span(name)
kept = [each.name for each in pipeline.spans()]
configure(keep=1); kept += [each.name for each in pipeline.spans()]
configure(keep=3); span("d"); span("e")
child = os.fork()
if child == 0:
    os._exit(len(pipeline.spans()))
inherited = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([kept, [each.name for each in pipeline.spans()], inherited]))
"""


def test_keeping_spans() -> None:
    """The last spans are kept, as many as the most that was asked for; a child begins with none."""
    kept = ["b", "c", "b", "c"]

    assert (0, [kept, ["c", "d", "e"], 0], "") == run(KEEPING, OTEL_TRACES_EXPORTER="none")


def test_keeping_none() -> None:
    """Without `keep` none are kept, and what is no number of spans is refused."""
    script = """
pipeline = configure(); span("a")
refused = []
for keep in (-1, 1.5, True):
    try: configure(keep=keep)
    except ValueError as error: refused.append(str(error))
print(json.dumps([pipeline.spans(), refused]))
"""
    refused = [f"keep= cannot be {keep}: use a whole number of spans, 0 or more." for keep in ("-1", "1.5", "True")]

    assert (0, [[], refused], "") == run(script, OTEL_TRACES_EXPORTER="none")


@pytest.mark.parametrize("arguments", ["keep=1", "file=sys.argv[2]", "keep=1, file=sys.argv[2]"])
def test_elsewhere(arguments: str, tmp_path: Path) -> None:
    """A program that has its spans elsewhere, and names no receiver, sends nothing to that of OTLP's default."""
    script = f"pipeline = configure({arguments}); span('a'); print(json.dumps([pipeline.flush(), pipeline.dropped]))"
    with http_receiver() as received:
        named = run(script.replace("configure(", "configure(endpoint=URL, "), received.url, str(tmp_path / "a"))
        outcome = run(script, "", str(tmp_path / "b"))

    assert (outcome, named, received.spans) == ((0, [True, 0], ""), (0, [True, 0], ""), ["a"])
