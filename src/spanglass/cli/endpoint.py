"""The options by which a command is told of an OTLP receiver, and what to do where that does not take spans."""

import logging
import os
import re
import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from spanglass.export.endpoint import GRPC, HTTP, PORTS, Target, resolve
from spanglass.export.hearing import CODES, NO_ANSWER
from spanglass.guard import log

Command = TypeVar("Command", bound=Callable[..., Any])

PROBE = 2.0
"""Seconds in which a connection is tried, to tell why there is none."""

LOGIN = "it leads elsewhere, as to a login page: check host and path, and give the key that it wants by --header"
KEY = "give the key that it wants by --header NAME=VALUE, or in OTEL_EXPORTER_OTLP_HEADERS"
OTHER = "something else answers there: check host, port and path"
LATE = "it took the connection and no more: check that it is an OTLP receiver, and whether it is overloaded"
TRUST = (
    "its certificate is not trusted, or it speaks no TLS: name the authority's PEM file in "
    "OTEL_EXPORTER_OTLP_CERTIFICATE, or write http://"
)
PROXY = (
    "the proxy that HTTP_PROXY or HTTPS_PROXY names does not let it through: check it, or have NO_PROXY name the host"
)
BUSY = "it is there and takes nothing for now: try again later"

ADVICE = {
    **{CODES[status]: KEY for status in (401, 403, 407)},
    **{CODES[status]: OTHER for status in (400, 404, 405, 411, 415, 501)},
    **{CODES[status]: BUSY for status in (429, 500, 502, 503, 504)},
    **{name: LOGIN for status, name in CODES.items() if 300 <= status < 400},  # noqa: PLR2004 - HTTP's own
    "an HTML page": LOGIN,
    **dict.fromkeys(("UNAUTHENTICATED", "PERMISSION_DENIED"), KEY),
    **dict.fromkeys(("UNIMPLEMENTED", "INVALID_ARGUMENT"), OTHER),
    "RESOURCE_EXHAUSTED": BUSY,
    **dict.fromkeys((NO_ANSWER, "DEADLINE_EXCEEDED", "ReadTimeout"), LATE),
    "SSLError": TRUST,
    "ProxyError": PROXY,
}
"""By why sending failed, what to do about it."""

MISMATCH = {
    HTTP: "OTLP over gRPC usually is at port 4317 (--protocol grpc), and over HTTP at 4318",
    GRPC: "check http:// or https://; OTLP over HTTP usually is at port 4318, and over gRPC at 4317",
}
"""By the protocol, what may be wrong where something listens that does not speak it."""

UNREACHED = frozenset({"ConnectionError", "ConnectTimeout", "UNAVAILABLE", NO_ANSWER})
"""Why sending failed, where it may be that there was not even a connection."""


def endpoint_options(*, required: bool) -> Callable[[Command], Command]:
    """Return a decorator that gives a command `--endpoint`, `--protocol` and `--header`."""
    options = (
        click.option(
            "--endpoint",
            metavar="URL",
            required=required,
            help="Where the OTLP receiver is, such as http://localhost:4318 or http://localhost:6006; one without a "
            f"path gets /v1/traces over HTTP.{'' if required else ' Otherwise OTEL_* variables say it.'}",
        ),
        click.option(
            "--protocol",
            type=click.Choice([HTTP, GRPC]),
            help="How it is spoken to. Otherwise OTEL_EXPORTER_OTLP_PROTOCOL says it; the default is http/protobuf.",
        ),
        click.option(
            "--header",
            "headers",
            metavar="NAME=VALUE",
            multiple=True,
            help="A header that it wants, such as one with a key; may be given several times. It is never shown.",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def target_of(endpoint: str | None, protocol: str | None, headers: Iterable[str]) -> Target:
    """Return where the options and the environment lead; ValueError, with one sentence, for what is malformed."""
    pairs = [header.partition("=") for header in headers]
    if any(not equals for _, equals, _ in pairs):
        message = "--header is malformed: write it like --header api-key=abc."
        raise ValueError(message)
    try:
        return resolve(endpoint, protocol, {name.strip(): value.strip() for name, _, value in pairs} or None)
    except ValueError as error:
        # By the name that it has here.
        raise ValueError(re.sub(r"^(endpoint|protocol|header)s?=", r"--\1", str(error))) from None


def advice(why: str, target: Target) -> str:
    """Return what to do where `target` does not take spans for that reason; tries to connect where that helps."""
    if why not in UNREACHED:
        return ADVICE.get(why, "check that it is an OTLP receiver, and that URL, protocol and headers are right")
    other = f"something listens there that does not speak {target.protocol}: {MISMATCH[target.protocol]}"
    if target.protocol == GRPC and target.url.startswith("https:"):
        other = TRUST  # for which gRPC has no reason of its own
    return _unreached(target) or ADVICE.get(why, other)


def _unreached(target: Target) -> str | None:
    """Return what keeps a connection from `target`, or None where nothing does."""
    parts = urlsplit(target.url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        socket.create_connection((host, port), PROBE).close()
    except socket.gaierror:
        return f"no host is known by the name {host}: check the URL"
    except ConnectionRefusedError:
        return f"nothing listens at port {port} of {host}: start the receiver, or check host and port"
    except OSError as error:
        return f"there is no way to port {port} of {host} ({error.strerror or 'no answer'}): check host and port"
    return None


@contextmanager
def hushed(*telling: str) -> Generator[None]:
    """Keep what is logged in the block to itself, but for what the modules named say: a command has its own words."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core has lines of its own on a handshake that fails
    silence, own = logging.NullHandler(), _Telling(telling)
    logging.getLogger().addHandler(silence)  # where there is no handler, warnings are printed
    log.addHandler(own)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(silence)
        log.removeHandler(own)


class _Telling(logging.Handler):
    """Says on standard error what some modules of ours log."""

    def __init__(self, modules: Iterable[str]) -> None:
        super().__init__(logging.WARNING)
        self._modules = frozenset(modules)

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or not."""
        if record.module in self._modules:
            click.echo(record.getMessage(), err=True)
