"""The variables of the transport, and the files that they name, as the exporters take them."""

import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import trustme
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from otlp_receivers import Received, grpc_receiver, http_receiver
from spanglass.export.endpoint import GRPC, HTTP, resolve
from spanglass.export.otlp import open_receiver
from spanglass.export.reporting import Sent

RECEIVERS: dict[str, Callable[..., AbstractContextManager[Received]]] = {HTTP: http_receiver, GRPC: grpc_receiver}
SPAN = ReadableSpan("a", trace.SpanContext(1, 1, is_remote=False))


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
@pytest.mark.parametrize("variable", ["TIMEOUT", "COMPRESSION", "CERTIFICATE", "HEADERS", "CLIENT_KEY"])
def test_blank_variable(protocol: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is blank says as little to the exporter as to spanglass."""
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_TRACES_{variable}", "")
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", "")
    with RECEIVERS[protocol]() as received:
        receiver = open_receiver(resolve(received.url, protocol))
        sent = receiver.send([SPAN])
        receiver.close()

    assert (sent, received.spans) == (Sent(), ["a"])


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the paths of PEM files that fit and do not."""
    folder = tmp_path_factory.mktemp("papers")
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate")
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(folder / "other")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both")
    (folder / "garbage").write_text("no PEM")
    return {path.name: str(path) for path in folder.iterdir()}


PAIR = "give the PEM files of a certificate and of its key, without a passphrase."
ONLY_KEY = (
    "OTEL_EXPORTER_OTLP_CLIENT_KEY is a key without its certificate: set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE as well."
)
WITH = f"OTEL_EXPORTER_OTLP_CLIENT_KEY cannot be loaded with the client certificate: {PAIR}"
FILES = [
    ({"CLIENT_KEY": "key"}, ONLY_KEY),
    ({"CLIENT_CERTIFICATE": "certificate"}, f"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE cannot be loaded: {PAIR}"),
    ({"CLIENT_KEY": "other", "CLIENT_CERTIFICATE": "certificate"}, WITH),
    ({"CLIENT_KEY": "key", "CLIENT_CERTIFICATE": "garbage"}, WITH),
    (
        {"CERTIFICATE": "garbage"},
        "OTEL_EXPORTER_OTLP_CERTIFICATE has no certificate in it that can be read: give the path of a PEM file.",
    ),
]


@pytest.mark.parametrize(("files", "says"), FILES)
def test_files_that_do_not_fit(papers: dict[str, str], files: dict[str, str], says: str) -> None:
    """Files that an exporter cannot use are told at once: gRPC would end the process where a pair is not complete."""
    with pytest.raises(ValueError, match="OTEL_") as raised:
        resolve(environ={f"OTEL_EXPORTER_OTLP_{name}": papers[file] for name, file in files.items()})

    assert str(raised.value) == says


def test_one_file(papers: dict[str, str]) -> None:
    """A client certificate may have its key in the same file."""
    target = resolve(environ={"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": papers["both"]})

    assert target.transport.files == (None, papers["both"], papers["both"])


def test_blank_authority(papers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable for the authority that is blank leaves verifying on: a stranger is sent nothing."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "")
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.load_cert_chain(papers["both"])
    with http_receiver(tls=stranger) as received:
        target = resolve(received.url.replace("http", "https"), HTTP, environ={"OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"})
        receiver = open_receiver(target)
        sent = receiver.send([SPAN])
        receiver.close()

    assert (sent, received.spans) == (Sent(1, "SSLError"), [])
