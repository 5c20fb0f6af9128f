"""Where spans are sent, from arguments and variables."""

from typing import Any

import pytest

from spanglass.export.endpoint import Target, resolve

HOW = "write it like http://localhost:4318 or https://collector.example.com."

TARGETS = [
    ({}, {}, Target("http/protobuf", "http://localhost:4318/v1/traces")),
    ({"protocol": "grpc"}, {}, Target("grpc", "http://localhost:4317")),
    ({"endpoint": "HTTPS://API.example.com:443"}, {}, Target("http/protobuf", "https://api.example.com/v1/traces")),
    ({"endpoint": "http://[::1]:6006/"}, {}, Target("http/protobuf", "http://[::1]:6006/v1/traces")),
    ({"endpoint": "https://c.example.com/x", "protocol": "grpc"}, {}, Target("grpc", "https://c.example.com:443")),
    (
        {"endpoint": "http://given"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://base"},
        Target("http/protobuf", "http://given/v1/traces"),
    ),
    (
        {},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces/t", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://base"},
        Target("http/protobuf", "http://traces/t"),
    ),
    (
        {},
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        Target("grpc", "http://localhost:4317"),
    ),
    (
        {"protocol": "http/protobuf"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        Target("http/protobuf", "http://localhost:4318/v1/traces"),
    ),
    ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, Target("http/protobuf", "http://localhost:4318/v1/traces")),
]


@pytest.mark.parametrize(("arguments", "variables", "expected"), TARGETS)
def test_target(arguments: dict[str, Any], variables: dict[str, str], expected: Target) -> None:
    """Arguments win over variables, a signal's variable over the general one, and both over OTLP's defaults."""
    assert resolve(**arguments, environ=variables) == expected


MALFORMED = [
    ("", "has no scheme"),
    ("localhost:4318", "has no scheme"),
    ("user:secret@localhost", "has no scheme"),
    ("ftp://localhost", "has a scheme that is neither http nor https"),
    ("http://", "has no host"),
    ("http://:4318", "has no host"),
    ("http://user:secret@:4318", "has no host"),
    ("http:///v1/traces", "has no host"),
    ("http://localhost:secret", "has a port that is not a number from 1 to 65535"),
    ("http://localhost:65536", "has a port that is not a number from 1 to 65535"),
    ("http://localhost:0", "has a port that is not a number from 1 to 65535"),
    ("http://[::1", "has a host that cannot be read"),
    ("http://local host", "has whitespace in it"),
    (" http://localhost", "has whitespace in it"),
    ("http://local\nhost", "has whitespace in it"),
    ("http://user:1/secret@host", "has an @ after its host: percent-encode the user and the password, and it"),
]


@pytest.mark.parametrize(("endpoint", "fault"), MALFORMED)
def test_malformed_endpoint(endpoint: str, fault: str) -> None:
    """A malformed endpoint is one sentence that says what to do, and repeats nothing that may be secret."""
    with pytest.raises(ValueError, match=r"^endpoint= ") as raised:
        resolve(endpoint, environ={})

    assert str(raised.value) == f"endpoint= {fault}: {HOW}"


def test_malformed_variable() -> None:
    """A malformed endpoint in the environment is told by its variable's name."""
    with pytest.raises(ValueError, match="OTEL_") as raised:
        resolve(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})

    assert str(raised.value) == f"OTEL_EXPORTER_OTLP_ENDPOINT has no scheme: {HOW}"


@pytest.mark.parametrize(
    ("arguments", "variables", "source", "text"),
    [
        ({"protocol": "http/json"}, {}, "protocol=", "http/json"),
        ({}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "GRPC"}, "OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC"),
    ],
)
def test_unknown_protocol(arguments: dict[str, Any], variables: dict[str, str], source: str, text: str) -> None:
    """An unknown protocol is told with those that there are."""
    with pytest.raises(ValueError, match="cannot be") as raised:
        resolve(**arguments, environ=variables)

    assert str(raised.value) == f"{source} cannot be {text!r}: use one of http/protobuf, grpc."


def test_headers() -> None:
    """Headers are merged by name in lower case: variable, the URL's user, then the argument, which wins."""
    variables = {"OTEL_EXPORTER_OTLP_HEADERS": " Api-Key = a%2Cb , x=1,", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": ""}
    target = resolve("http://u:p%20q@host", headers={"X": "2"}, environ=variables)

    assert dict(target.headers) == {"authorization": "Basic dTpwIHE=", "api-key": "a,b", "x": "2"}


FIT = (
    "headers= has a name or a value that HTTP cannot carry: "
    "use letters, digits, '-', '_' and '.' in names, and printable ASCII on one line in values."
)


@pytest.mark.parametrize("headers", [{"a b": "1"}, {"": "1"}, {"a": "1\r\nb: 2"}, {"a": 1}, {"a": "é"}])
def test_malformed_headers(headers: dict[str, str]) -> None:
    """A header that cannot be sent is told at once, without its value."""
    with pytest.raises(ValueError, match="headers=") as raised:
        resolve(headers=headers, environ={})

    assert str(raised.value) == FIT


def test_headers_as_text() -> None:
    """Headers given as one string are told apart from a mapping."""
    with pytest.raises(ValueError, match="headers=") as raised:
        resolve(headers="api-key=secret", environ={})  # type: ignore[arg-type]  # the mistake that is tested

    assert str(raised.value) == "headers= must be a mapping of names to values, such as {'api-key': '...'}."


@pytest.mark.parametrize("text", ["a=1,secret", "a=1,=secret", 'a=1,b="secret"', "a=1,b=%0Asecret"])
def test_malformed_header_variable(text: str) -> None:
    """A malformed header variable is told by its name and the place in it, without its value."""
    with pytest.raises(ValueError, match="OTEL_") as raised:
        resolve(environ={"OTEL_EXPORTER_OTLP_HEADERS": text})

    assert str(raised.value) == (
        "OTEL_EXPORTER_OTLP_HEADERS is malformed at entry 2: "
        'write name=value pairs separated by commas, with , ; " and \\ percent-encoded in values.'
    )


def test_nothing_secret_shown() -> None:
    """A target's repr, URL and shown form hold no password, header or query key."""
    target = resolve("http://user:secret@host:4318/in?key=hidden", headers={"a": "secret"}, environ={})

    assert (repr(target), target.shown) == (
        "Target(protocol='http/protobuf', url='http://host:4318/in?key=hidden')",
        "http://host:4318/in",
    )
