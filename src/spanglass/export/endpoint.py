"""Where spans are sent: arguments and OTEL_* variables, checked and normalised into a `Target`.

What is malformed is never repeated in a message, because it may hold a password.
"""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
)

from spanglass.export.variables import Given, Transport, first, transport

HTTP = "http/protobuf"
GRPC = "grpc"
DEFAULTS = {HTTP: "http://localhost:4318", GRPC: "http://localhost:4317"}
TRACES_PATH = "/v1/traces"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One OTLP receiver; equal to another when both lead to the same place.

    `url` is without credentials; `headers` may hold them, and so are left out of comparison and repr.
    """

    protocol: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    transport: Transport = field(default=Transport(), compare=False, repr=False)

    @property
    def shown(self) -> str:
        """The URL as a log may show it: without the query, where some services take their key."""
        return self.url.partition("?")[0]


def resolve(
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Target:
    """Return where to send spans: arguments win over `environ`, and that over OTLP's defaults.

    Raises ValueError, with one sentence that says what to do, for what is malformed.
    """
    spoken = _protocol(
        _first("protocol=", protocol, environ, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL)
    )
    place = _first(
        "endpoint=", endpoint, environ, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT
    ) or Given("the default endpoint", DEFAULTS[spoken])
    parts = _split(place)
    carried = {**_credentials(parts), **_headers_of(headers, environ)}
    base = place.source == OTEL_EXPORTER_OTLP_ENDPOINT
    return Target(spoken, normalised(spoken, parts, base=base), carried, transport(environ))


def normalised(protocol: str, parts: SplitResult, *, base: bool = False) -> str:
    """Return the URL without userinfo, in the one form that equal places share.

    OTLP/HTTP gets the traces path where it has none, and always where the URL is the `base` of all signals.
    gRPC has no path, and names its port because gRPC's own default is not that of the scheme.
    """
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port or PORTS.get(parts.scheme)
    if protocol == GRPC:
        return f"{parts.scheme}://{host}:{port}"
    place = host if port == PORTS.get(parts.scheme) else f"{host}:{port}"
    root = parts.path.rstrip("/")
    path = f"{root}{TRACES_PATH}" if base or not root else parts.path
    return f"{parts.scheme}://{place}{path}{parts.query and '?'}{parts.query}"


def _first(argument: str, given: str | None, environ: Mapping[str, str], *variables: str) -> Given | None:
    """Return what was given first: the argument, or one of the variables in their order."""
    return first(environ, *variables) if given is None else Given(argument, given)


def _protocol(given: Given | None) -> str:
    if given is None:
        return HTTP
    if given.text not in DEFAULTS:
        message = f"{given.source} cannot be {given.text!r}: use one of {', '.join(DEFAULTS)}."
        raise ValueError(message)
    return given.text


FAULTS = (
    (re.compile(r"[\s\x00-\x1f\x7f]"), "has whitespace in it"),
    (re.compile(r"^(?!.*://)"), "has no scheme"),
    (re.compile(r"^(?!https?://)", re.IGNORECASE), "has a scheme that is neither http nor https"),
    (re.compile(r"^\w+://([^/?#]*@)?([:/?#]|$)"), "has no host"),
    (
        re.compile(r"^\w+://[^/?#]*[/?#].*@"),
        "has an @ after its host: percent-encode the user and the password, and it",
    ),
)


def _split(place: Given) -> SplitResult:
    fault = next((says for pattern, says in FAULTS if pattern.search(place.text)), None)
    parts = None
    if fault is None:
        try:
            parts = urlsplit(place.text)
        except ValueError:
            fault = "has a host that cannot be read"
    if parts is not None and not _has_good_port(parts):
        fault = "has a port that is not a number from 1 to 65535"
    if parts is None or fault is not None:
        message = f"{place.source} {fault}: write it like http://localhost:4318 or https://collector.example.com."
        raise ValueError(message)
    return parts


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _credentials(parts: SplitResult) -> dict[str, str]:
    """Turn a URL's userinfo into the header it stands for, so that no log of the URL can show it."""
    if parts.username is None and parts.password is None:
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


NAME = re.compile(r"[0-9A-Za-z_.-]+")
VALUE = re.compile(r"[\x20-\x7e]*")
ENCODED = re.compile(r"[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


def _headers_of(given: Mapping[str, str] | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables' headers under the argument's, with lower-case names as gRPC wants them."""
    variable = first(environ, OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_HEADERS)
    headers = _read_headers(variable) if variable else {}
    if given is None:
        return headers
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # a string is a common mistake
        message = "headers= must be a mapping of names to values, such as {'api-key': '...'}."
        raise ValueError(message)  # noqa: TRY004  # every malformed argument of configure() is a ValueError
    for name, value in given.items():
        if not (_fits(NAME, name) and _fits(VALUE, value)):
            message = (
                "headers= has a name or a value that HTTP cannot carry: "
                "use letters, digits, '-', '_' and '.' in names, and printable ASCII on one line in values."
            )
            raise ValueError(message)
        headers[name.lower()] = value
    return headers


def _read_headers(variable: Given) -> dict[str, str]:
    headers: dict[str, str] = {}
    for number, pair in enumerate(variable.text.split(","), start=1):
        name, equals, value = (piece.strip() for piece in pair.partition("="))
        plain = unquote(value)
        if not pair.strip():
            continue
        if not (equals and _fits(NAME, name) and _fits(ENCODED, value) and _fits(VALUE, plain)):
            message = (
                f"{variable.source} is malformed at entry {number}: "
                'write name=value pairs separated by commas, with , ; " and \\ percent-encoded in values.'
            )
            raise ValueError(message)
        headers[name.lower()] = plain
    return headers


def _fits(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None
