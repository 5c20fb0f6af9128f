"""The `OTEL_EXPORTER_OTLP_*` variables of the traces, each read once and checked before anything is opened."""

import os
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE,
    OTEL_EXPORTER_OTLP_CLIENT_KEY,
    OTEL_EXPORTER_OTLP_COMPRESSION,
    OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE,
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE,
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY,
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION,
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
)

COMPRESSIONS = ("none", "gzip", "deflate")
LONGEST = 86_400.0
PAIR = "give the PEM files of a certificate and of its key, without a passphrase"


class Given(NamedTuple):
    """A text and the name of the argument or variable that it came from."""

    source: str
    text: str


class Files(NamedTuple):
    """PEM files: whom to trust, and who we are; None where nothing is said."""

    authority: str | None = None
    key: str | None = None
    certificate: str | None = None


class Transport(NamedTuple):
    """How batches travel: `compression` is one of COMPRESSIONS, `timeout` is seconds for one batch with its retries."""

    compression: str = "none"
    timeout: float = 10.0
    files: Files = Files()


def first(environ: Mapping[str, str], *variables: str) -> Given | None:
    """Return the first of the variables that says something: that of the traces stands before that of all signals."""
    texts = ((variable, environ.get(variable, "").strip()) for variable in variables)
    return next((Given(variable, text) for variable, text in texts if text), None)


def transport(environ: Mapping[str, str] = os.environ) -> Transport:
    """Read how to send; raises ValueError, with one sentence that says what to do, for what is malformed."""
    return Transport(
        _compression(first(environ, OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, OTEL_EXPORTER_OTLP_COMPRESSION)),
        _timeout(first(environ, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT)),
        _files(environ),
    )


def _compression(given: Given | None) -> str:
    if given is None:
        return Transport().compression
    if given.text.lower() not in COMPRESSIONS:
        message = f"{given.source} cannot be {given.text!r}: use one of {', '.join(COMPRESSIONS)}."
        raise ValueError(message)
    return given.text.lower()


def _timeout(given: Given | None) -> float:
    if given is None:
        return Transport().timeout
    seconds = 0.0
    with suppress(ValueError):
        seconds = float(given.text)
    if not 0 < seconds <= LONGEST:
        message = (
            f"{given.source} cannot be {given.text!r}: use a number of seconds above 0, and of no more than a day."
        )
        raise ValueError(message)
    return seconds


def _files(environ: Mapping[str, str]) -> Files:
    """Load the files as an exporter will: gRPC ends the process where of a key and its certificate one is missing."""
    authority = first(environ, OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE, OTEL_EXPORTER_OTLP_CERTIFICATE)
    key = first(environ, OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY, OTEL_EXPORTER_OTLP_CLIENT_KEY)
    certificate = first(environ, OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)
    files = Files(_file(authority), _file(key or certificate), _file(certificate))  # one file may hold both
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is not None:
        with _loading(authority, "has no certificate in it that can be read: give the path of a PEM file."):
            context.load_verify_locations(authority.text)
    if key is not None and certificate is None:
        message = f"{key.source} is a key without its certificate: set {OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE} as well."
        raise ValueError(message)
    if certificate is not None:
        with _loading(key or certificate, f"cannot be loaded{' with the client certificate' if key else ''}: {PAIR}."):
            context.load_cert_chain(certificate.text, files.key, password=str)
    return files


@contextmanager
def _loading(given: Given, fault: str) -> Generator[None]:
    try:
        yield
    except ssl.SSLError:
        message = f"{given.source} {fault}"
        raise ValueError(message) from None


def _file(given: Given | None) -> str | None:
    if given is None:
        return None
    try:
        with Path(given.text).open("rb"):
            return given.text
    except OSError as error:
        why = type(error).__name__
        message = f"{given.source} names a file that cannot be read ({why}): give the path of a PEM file."
        raise ValueError(message) from None
