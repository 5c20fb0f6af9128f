"""`spanglass doctor`: each thing that keeps spans from arriving is found, with what to do about it."""

import platform
import ssl
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
import trustme
from commands import Ran, program, run

from exporting import RECEIVERS
from otlp_receivers import Answer, http_receiver, partial, silent_port
from spanglass.cli.in_force import in_force
from spanglass.export.endpoint import GRPC, HTTP

PROTOBUF = {"Content-Type": "application/x-protobuf"}
OTHER = "openinference-instrumentation-openai"
ALONE = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai"}
SECRET = "geheim-geheim"  # noqa: S105 - of nobody


def sections(ran: Ran) -> dict[str, str]:
    """Return what is printed, by the first word of each heading, unwrapped: a line for each finding."""
    found: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        if line[:1].strip():
            lines = found.setdefault(line.split()[0], [])
        elif line[2:7].strip() or line[:10] == " " * 10:
            lines.append(line.strip())
        elif line:
            lines[-1] += f" {line.strip()}"
    return {heading: "\n".join(lines) for heading, lines in found.items()}


def took(text: str) -> str:
    """Return a text without the time that it tells."""
    words = text.split(" ")
    return " ".join("#" if after == "ms" else word for word, after in zip(words, [*words[1:], ""], strict=True))


NAMES = (
    "SyncAPIClient.request, AsyncAPIClient.request, BaseClient._build_request, Stream.__stream__, "
    "AsyncStream.__stream__, httpx.Client.send, httpx2.Client.send, httpx.AsyncClient.send, "
    "httpx2.AsyncClient.send, chat.Completions.create, chat.Completions.parse, chat.AsyncCompletions.create, "
    "chat.AsyncCompletions.parse, Completions.create, AsyncCompletions.create, Embeddings.create, "
    "AsyncEmbeddings.create, Responses.create, Responses.parse, AsyncResponses.create, AsyncResponses.parse, "
    "beta.Responses.create, beta.AsyncResponses.create, Responses.compact, AsyncResponses.compact, "
    "beta.Responses.compact, beta.AsyncResponses.compact, Responses.retrieve, AsyncResponses.retrieve, "
    "beta.Responses.retrieve, beta.AsyncResponses.retrieve, Responses.cancel, AsyncResponses.cancel, "
    "beta.Responses.cancel, beta.AsyncResponses.cancel, responses.InputTokens.count, "
    "responses.AsyncInputTokens.count, beta.responses.InputTokens.count, beta.responses.AsyncInputTokens.count, "
    "chat.Completions.stream, chat.AsyncCompletions.stream, Responses.stream, AsyncResponses.stream, "
    "ResponsesToolRunner._execute_function, AsyncResponsesToolRunner._execute_function, ComputerToolset._dispatch, "
    "AsyncComputerToolset._dispatch, BrowserToolset._dispatch, AsyncBrowserToolset._dispatch, _Run.candidates, "
    "ResponsesToolRunner.iterate, AsyncResponsesToolRunner.iterate, ComputerToolset.run, AsyncComputerToolset.run, "
    "DecisionsToolRunner.run, AsyncDecisionsToolRunner.run, ToolDispatcher.dispatch, AsyncToolDispatcher.dispatch"
)
SETTINGS = {
    "conventions": "openinference, spanglass (default)",
    "attempt_spans": "retries (default)",
    "content": "on (default)",
    "hide": "none (default)",
    "redactor": "none (default)",
    "max_media_bytes": "32000 (default)",
    "max_span_bytes": "2097152 (default)",
    "uploader": "none (default)",
}
SENT = "ok    a test span was sent and acknowledged in # ms (project spanglass-doctor)"


def settings(**others: str) -> str:
    """Return what is told of the settings."""
    return "\n".join(f"ok    {name}: {value}" for name, value in {**SETTINGS, **others}.items())


def reached(place: str, protocol: str, url: str, spoken: str, headers: str, last: str) -> str:
    """Return what is told of an endpoint."""
    lines = [
        f"ok    {place} over {protocol}",
        f"URL from {url}",
        f"protocol from {spoken}",
        f"headers, without their values: {headers}",
        last,
    ]
    return "\n".join(lines)


def test_all_is_well() -> None:
    """Where all is well the whole of it is told, on no more than 80 columns, and the status is 0."""
    with http_receiver() as received:
        ran = run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=received.url, **ALONE)
    told = sections(ran)
    place = f"{received.url}/v1/traces"
    variables = (
        f"ok    OTEL_EXPORTER_OTLP_ENDPOINT: {received.url}\nok    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: openai"
    )
    packages = ("openai", "httpx", "httpx2", "opentelemetry-api", "opentelemetry-sdk")
    exporters = ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-exporter-otlp-proto-grpc")

    assert (ran.status, ran.stderr, max(map(len, ran.stdout.splitlines())) <= 80) == (0, "", True)
    assert {heading: took(text) for heading, text in told.items()} == {
        "Versions": "\n".join(
            [
                f"ok    spanglass {version('spanglass')}, Python {platform.python_version()}",
                *(f"ok    {name} {version(name)}" for name in (*packages, *exporters)),
            ]
        ),
        "What": f"ok    {OTHER} {version(OTHER)} is left out by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS.\n"
        f"ok    spanglass: {NAMES}",
        "Endpoint": reached(place, HTTP, "OTEL_EXPORTER_OTLP_ENDPOINT", "the default", "none", SENT),
        "Settings": f"{settings()}\n{variables}",
        "All": "",
    }
    assert received.spans == [received.resource["openinference.project.name"]] == ["spanglass-doctor"]


def test_another_instrumentor() -> None:
    """Another instrumentor of the SDK is named, with its places, and with the variable that leaves it out."""
    with http_receiver() as received:
        ran = run("doctor", "--endpoint", received.url)
    told = (
        f"note  {OTHER} {version(OTHER)} traces the SDK too: where both are at work, as under "
        "opentelemetry-instrument, each call gets two spans, and its tokens may count twice; "
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=openai leaves it out there.\n"
        f"ok    spanglass: {NAMES}\n"
        "note  openinference.instrumentation.openai around spanglass: OpenAI.request, AsyncOpenAI.request"
    )

    assert (ran.status, ran.stderr, sections(ran)["What"]) == (0, "", told)


LOGIN = "it leads elsewhere, as to a login page: check host and path, and give the key that it wants by --header."
KEY = "give the key that it wants by --header NAME=VALUE, or in OTEL_EXPORTER_OTLP_HEADERS."
NOWHERE = "something else answers there: check host, port and path."
ANSWERS: list[tuple[str, Any, str]] = [
    (HTTP, 401, f"WRONG a test span was not taken (401 Unauthorized): {KEY}"),
    (HTTP, 404, f"WRONG a test span was not taken (404 Not Found): {NOWHERE}"),
    (HTTP, Answer(302, {"Location": "/login"}), f"WRONG a test span was not taken (302 Found): {LOGIN}"),
    (
        HTTP,
        Answer(200, {"Content-Type": "text/html"}, b"<html>"),
        f"WRONG a test span was not taken (an HTML page): {LOGIN}",
    ),
    (
        HTTP,
        Answer(200, PROTOBUF, partial(1, "too \x1b[2Jold").SerializeToString()),
        "WRONG a test span was sent, and the receiver took the batch without it, and says: too \\x1b[2Jold.",
    ),
    (GRPC, partial(0, "this is old"), f"{SENT.replace('ok  ', 'note')}, and says: this is old"),
    (GRPC, grpc.StatusCode.UNAUTHENTICATED, f"WRONG a test span was not taken (UNAUTHENTICATED): {KEY}"),
    (GRPC, grpc.StatusCode.UNIMPLEMENTED, f"WRONG a test span was not taken (UNIMPLEMENTED): {NOWHERE}"),
]


@pytest.mark.parametrize(("protocol", "answer", "says"), ANSWERS)
def test_answers(protocol: str, answer: Any, says: str) -> None:
    """What a receiver makes of the test span is told, with what to do; a header's value is not."""
    options = ("--protocol", protocol, "--header", f"Api-Key={SECRET}")
    with RECEIVERS[protocol](answer) as received:
        url = received.url.replace("http://", f"http://user:{SECRET}@") + f"?key={SECRET}" * (protocol == HTTP)
        ran = run("doctor", "--endpoint", url, *options)
    place = f"{received.url}{'/v1/traces' if protocol == HTTP else ''}"

    assert (ran.status, ran.stderr, SECRET in ran.stdout) == (says.startswith("WRONG"), "", False)
    assert took(sections(ran)["Endpoint"]) == reached(
        place, protocol, "--endpoint", "--protocol", "authorization, api-key", says
    )


def last(*options: str, **variables: str) -> tuple[int, str]:
    """Return the status, and what is told last of the endpoint."""
    ran = run("doctor", *options, **variables)
    return ran.status, sections(ran)["Endpoint"].splitlines()[-1]


@pytest.mark.parametrize(("protocol", "why"), [(HTTP, "ConnectionError"), (GRPC, "UNAVAILABLE")])
def test_nothing_listens(protocol: str, why: str) -> None:
    """Where nothing listens that is told."""
    with silent_port(connects=False) as port:
        found = last("--endpoint", f"http://127.0.0.1:{port}", "--protocol", protocol)

    nothing = f"nothing listens at port {port} of 127.0.0.1: start the receiver, or check host and port."
    assert found == (1, f"WRONG a test span was not taken ({why}): {nothing}")


def test_no_such_host() -> None:
    """A host that is not known is told."""
    says = "no host is known by the name nowhere.invalid: check the URL."

    assert last("--endpoint", "http://nowhere.invalid:4318") == (
        1,
        f"WRONG a test span was not taken (ConnectionError): {says}",
    )


@pytest.mark.parametrize(("protocol", "why"), [(HTTP, "no answer in time"), (GRPC, "DEADLINE_EXCEEDED")])
def test_silent(protocol: str, why: str) -> None:
    """A receiver that takes the connection and does not answer is given up after five seconds."""
    with silent_port(connects=True) as port:
        status, told = last("--endpoint", f"http://127.0.0.1:{port}", "--protocol", protocol)

    assert (status, told.startswith(f"WRONG a test span was not taken ({why}): ")) == (1, True)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_the_other_protocol(protocol: str) -> None:
    """Where the other protocol is spoken one is told which port is whose."""
    other = {HTTP: GRPC, GRPC: HTTP}[protocol]
    with RECEIVERS[other]() as received:
        status, told = last("--endpoint", received.url, "--protocol", protocol)

    assert (status, f"something listens there that does not speak {protocol}: " in told, "4317" in told) == (
        1,
        True,
        True,
    )


def test_untrusted(tmp_path: Path) -> None:
    """A certificate that is not trusted is told, and which variable names its authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "authority.pem")}
    with http_receiver(tls=context) as received:
        url = received.url.replace("http://", "https://")
        status, told = last("--endpoint", url)
        trusted = last("--endpoint", url, **trusting)

        over_grpc = run("doctor", "--endpoint", url, "--protocol", GRPC)

    assert (status, "(SSLError): its certificate is not trusted" in told) == (1, True)
    untrusted = "(UNAVAILABLE): its certificate is not trusted"
    assert (over_grpc.status, untrusted in sections(over_grpc)["Endpoint"], over_grpc.stderr) == (1, True, "")
    assert (trusted[0], took(trusted[1])) == (0, SENT)


def test_where_settings_come_from() -> None:
    """Each setting is told with the variables that it comes from, ours and OpenInference's."""
    variables = {
        "SPANGLASS_HIDE": "outputs",
        "OPENINFERENCE_HIDE_INPUTS": "true",
        "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH": "0",
        "SPANGLASS_CONTENT": "OFF",
        "SPANGLASS_ATEMPT_SPANS": "always",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{SECRET}@collector.example.com/?x={SECRET}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"key={SECRET}",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=desk",
    }
    with http_receiver() as received:
        ran = run("doctor", "--endpoint", received.url, **variables, **ALONE)

    lines = [
        settings(
            content="off (SPANGLASS_CONTENT)",
            hide="inputs, outputs (SPANGLASS_HIDE and OPENINFERENCE_HIDE_INPUTS)",
            max_media_bytes="0 (OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH)",
        ),
        "ok    OTEL_EXPORTER_OTLP_ENDPOINT: http://__REDACTED__@collector.example.com/",
        "ok    OTEL_EXPORTER_OTLP_HEADERS: set, and not shown",
        "ok    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: openai",
        "ok    OTEL_RESOURCE_ATTRIBUTES: service.name=desk",
        "note  SPANGLASS_ATEMPT_SPANS is no setting of spanglass: is it SPANGLASS_ATTEMPT_SPANS?",
    ]
    assert (ran.status, sections(ran)["Settings"]) == (0, "\n".join(lines))


SECRETS = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", f"user:{SECRET}@collector:4318", "set, and not shown"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{SECRET}?x@collector", "set, and not shown"),
    ("OTEL_EXPORTER_OTLP_APIKEY", SECRET, "set, and not shown"),
    ("OTEL_EXPORTER_AUTH", SECRET, "set, and not shown"),
    ("OTEL_RESOURCE_ATTRIBUTES", f"api_key={SECRET}", "api_key=__REDACTED__"),
    ("OTEL_RESOURCE_ATTRIBUTES", "\x1b[2Ja=b", "\\x1b[2Ja=b"),
]


@pytest.mark.parametrize(("name", "value", "shown"), SECRETS)
def test_variables_that_are_not_shown(name: str, value: str, shown: str) -> None:
    """What may be a secret is not shown, in a malformed URL neither, and no terminal obeys a variable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        told = [finding.text for finding in in_force() if finding.text.startswith(name)]

    assert told == [f"{name}: {shown}"]


OFF = [
    ("OTEL_SDK_DISABLED", "true", "nothing is traced and nothing is sent"),
    ("OTEL_TRACES_EXPORTER", "none", "no span is sent"),
    ("OTEL_TRACES_SAMPLER", "always_off", "no span is recorded"),
]


@pytest.mark.parametrize(("variable", "value", "meaning"), OFF)
def test_turned_off(variable: str, value: str, meaning: str) -> None:
    """A variable that turns tracing off is told, and no span is sent against it."""
    with http_receiver() as received:
        ran = run("doctor", "--endpoint", received.url, **{variable: value})
    told = sections(ran)

    assert (ran.status, received.spans) == (1, [])
    assert told["Settings"].splitlines()[0] == f"WRONG {variable}={value}: {meaning}; unset it."
    assert told["Endpoint"].splitlines()[-1] == "note  no test span is sent, since variables turn that off."


def test_no_endpoint() -> None:
    """Where nothing names an endpoint the default is told, and how to name what only the program knows."""
    place = "http://localhost:4317"
    url = "the default (--endpoint names what a program gives in code)"
    spoken = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
    unsent = "note  no test span is sent, since variables turn that off."
    ran = run("doctor", **{spoken: GRPC, "OTEL_TRACES_EXPORTER": "none"})

    assert sections(ran)["Endpoint"] == reached(place, GRPC, url, spoken, "none", unsent)


MALFORMED = [
    (
        "SPANGLASS_CONTENT",
        "maybe",
        "Settings",
        "SPANGLASS_CONTENT (or content=) cannot be 'maybe': use one of on, off.",
    ),
    (
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "-1",
        "Settings",
        "OTEL_BSP_MAX_QUEUE_SIZE cannot be '-1': use a whole number above 0.",
    ),
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/json",
        "Endpoint",
        "OTEL_EXPORTER_OTLP_PROTOCOL cannot be 'http/json': use one of http/protobuf, grpc.",
    ),
]


@pytest.mark.parametrize(("variable", "value", "section", "says"), MALFORMED)
def test_malformed(variable: str, value: str, section: str, says: str) -> None:
    """A malformed variable is told by its name, with what it allows."""
    with http_receiver() as received:
        ran = run("doctor", "--endpoint", received.url, **{variable: value})

    assert (ran.status, f"WRONG {says}" in sections(ran)[section].splitlines()) == (1, True)
    assert ran.stdout.endswith("\n1 thing is wrong.\n")


HIDDEN = """
import importlib.metadata, sys
version = importlib.metadata.version
def found(name):
    if name == "openai":
        {how}
    return version(name)
importlib.metadata.version = found
from spanglass.cli import main
main(["doctor"])
"""
WITHOUT = [
    (
        'sys.modules["openai"] = None; raise importlib.metadata.PackageNotFoundError(name)',
        "WRONG openai is not installed: pip install 'spanglass[openai]'.",
    ),
    ('return "1.5.9"', "WRONG openai 1.5.9 is too old: pip install 'openai>=1.6.0'."),
]


@pytest.mark.parametrize(("how", "says"), WITHOUT)
def test_without_the_sdk(how: str, says: str) -> None:
    """Where the SDK is missing, or too old, that is told with what to install."""
    ran = program(HIDDEN.format(how=how))

    assert (ran.status, says in sections(ran)["Versions"].splitlines(), ran.stderr) == (1, True, "")


STRANGER = """
import openai._base_client
def request(self, *args, **kwargs): raise NotImplementedError
openai._base_client.SyncAPIClient.request = request
request.__globals__["__name__"] = "stranger"
from spanglass.cli import main
main(["doctor"])
"""


def test_replaced() -> None:
    """A party that wraps a method, whoever it is, is told by its module."""
    told = sections(program(STRANGER))["What"].splitlines()

    assert "note  spanglass around stranger: SyncAPIClient.request" in told
