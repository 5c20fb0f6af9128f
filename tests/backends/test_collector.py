"""The wire to a real Collector: who may send, over what, and by which variables."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from needed import binary
from otelcol import Collector, otelcol
from processes import wait_until

from otlp_receivers import lost, relay, unreached
from spanglass.testing import OpenAIServer

pytestmark = pytest.mark.backend

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
TOKEN = "token-of-a-test"  # noqa: S105 - of a collector that lives for a test
PROTOCOLS = ("http/protobuf", "grpc")
PROGRAM = """
import sys
from openai import OpenAI
from spanglass import OpenAIInstrumentor, configure

pipeline = configure()
OpenAIInstrumentor().instrument()
with OpenAI(base_url=sys.argv[1], api_key="test") as client:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    print(client.chat.completions.create(**asked).choices[0].message.content)
"""


def run(**variables: str) -> tuple[int, str, str]:
    """Run a program that has these variables alone to go by; return its status, and what it prints on either side."""
    with OpenAIServer() as server:
        done = subprocess.run(  # noqa: S603 - the program of this file
            [sys.executable, "-W", "error", "-c", PROGRAM, server.base_url],
            env={**CLEAN, "GRPC_VERBOSITY": "NONE", **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    return done.returncode, done.stdout, done.stderr


def came(collector: Collector) -> list[str]:
    """Return the names of the spans that the Collector has written, waiting for one."""
    wait_until(lambda: b"\n" in collector.file.read_bytes(), "the Collector's file", seconds=20)
    whole, _, _ = collector.file.read_bytes().rpartition(b"\n")
    lines = map(json.loads, whole.splitlines())
    groups = [scope for line in lines for group in line["resourceSpans"] for scope in group["scopeSpans"]]
    return [span["name"] for scope in groups for span in scope["spans"]]


class Papers(NamedTuple):
    """PEM files: an authority of our own, and a certificate of it with its key, for either side."""

    authority: str
    certificate: str
    key: str

    @classmethod
    def issued(cls, authority: trustme.CA, directory: Path) -> "Papers":
        """Have the authority issue what either side needs, into files."""
        issued = authority.issue_cert("127.0.0.1", "localhost")
        paths = [str(directory / name) for name in ("authority.pem", "certificate.pem", "key.pem")]
        authority.cert_pem.write_to_path(paths[0])
        issued.cert_chain_pems[0].write_to_path(paths[1])
        issued.private_key_pem.write_to_path(paths[2])
        return cls(*paths)

    @property
    def served(self) -> dict[str, str]:
        """What the examples' configurations take."""
        return {"TLS_CERTIFICATE": self.certificate, "TLS_KEY": self.key, "TLS_CLIENT_AUTHORITY": self.authority}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Papers that the Collector and the program trust."""
    return Papers.issued(trustme.CA(), tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Papers of somebody else."""
    return Papers.issued(trustme.CA(), tmp_path_factory.mktemp("strangers"))


def place(collector: Collector, protocol: str, scheme: str = "http") -> str:
    """Return where the Collector takes spans, as a log shows it."""
    url = collector.endpoints[protocol].replace("http://", f"{scheme}://")
    return f"{url}/v1/traces" if protocol != "grpc" else url


def base(collector: Collector, protocol: str, scheme: str = "http") -> dict[str, str]:
    """Return the two variables that lead there."""
    url = collector.endpoints[protocol].replace("http://", f"{scheme}://")
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}


def refused(where: str, protocol: str, why: str, reason: str) -> tuple[int, str, str]:
    """Return how a program ends whose spans are refused: as ever, with a line at the first and one at the end."""
    return 0, "Hello\n", f"{unreached(where, protocol, why)}\n{lost(where, f'1: {reason}')}\n"


FINE = (0, "Hello\n", "")
ENDED = "no answer before the end"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"])
def test_compressed(tmp_path: Path, protocol: str, variable: str) -> None:
    """The Collector takes batches that a variable has compressed, which are a good deal smaller on the wire."""
    sizes: list[int] = []
    with otelcol(binary("otelcol"), tmp_path) as collector:
        for more in ({}, {variable: "gzip"}):
            with relay(int(collector.endpoints[protocol].rpartition(":")[2])) as wire:
                ran = run(**base(collector, protocol) | {"OTEL_EXPORTER_OTLP_ENDPOINT": wire.url} | more)
                sizes.append(wire.sent)

        assert (ran, came(collector), sizes[1] < 0.8 * sizes[0]) == (FINE, ["ChatCompletion"] * 2, True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
def test_token(tmp_path: Path, protocol: str, variable: str) -> None:
    """An authenticating Collector takes what has its token, out of the environment, and refuses what has none."""
    value = f"authorization=Bearer%20{TOKEN}"
    why = {"grpc": "UNAUTHENTICATED"}.get(protocol, "401 Unauthorized")
    with otelcol(binary("otelcol"), tmp_path, "token.yaml", OTLP_TOKEN=TOKEN) as collector:
        variables = base(collector, protocol)
        ran = [run(**variables), run(**variables, **{variable: value})]

        assert (ran, came(collector)) == (
            [refused(place(collector, protocol), protocol, why, why), FINE],
            ["ChatCompletion"],
        )


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"])
def test_private_authority(tmp_path: Path, papers: Papers, strangers: Papers, protocol: str, variable: str) -> None:
    """A Collector with a certificate of a private authority is trusted where a variable names that, and only there."""
    why = {"grpc": "UNAVAILABLE"}.get(protocol, "SSLError")
    with otelcol(binary("otelcol"), tmp_path, "tls.yaml", **papers.served) as collector:
        variables = base(collector, protocol, "https") | {"REQUESTS_CA_BUNDLE": strangers.authority}
        unknown = refused(place(collector, protocol, "https"), protocol, why, ENDED)
        ran = [
            run(**variables),
            run(**variables, **{variable: strangers.authority}),
            run(**variables, **{variable: papers.authority}),
        ]

        assert (ran, came(collector)) == ([unknown, unknown, FINE], ["ChatCompletion"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("signal", ["", "TRACES_"])
def test_mutual(tmp_path: Path, papers: Papers, strangers: Papers, protocol: str, signal: str) -> None:
    """A Collector that wants a certificate takes what comes with one of its authority, and nothing else."""
    with otelcol(binary("otelcol"), tmp_path, "tls.yaml", "mtls.yaml", **papers.served) as collector:
        variables = base(collector, protocol, "https") | {"OTEL_EXPORTER_OTLP_CERTIFICATE": papers.authority}
        ours, theirs = (
            {
                f"OTEL_EXPORTER_OTLP_{signal}CLIENT_CERTIFICATE": each.certificate,
                f"OTEL_EXPORTER_OTLP_{signal}CLIENT_KEY": each.key,
            }
            for each in (papers, strangers)
        )
        ran = [run(**variables), run(**variables, **theirs), run(**variables, **ours)]
        told = [stderr.count("\n") for _, _, stderr in ran]

        assert (told, ran[2], came(collector)) == ([2, 2, 0], FINE, ["ChatCompletion"])


def other(variables: Mapping[str, str], **more: str) -> dict[str, str]:
    """Return the variables of all signals as those of the traces, and more."""
    return {name.replace("_OTLP_", "_OTLP_TRACES_"): value for name, value in variables.items()} | more


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_traces_go_before_all_signals(tmp_path: Path, papers: Papers, protocol: str) -> None:
    """Each variable of the traces goes before that of all signals, which may lead nowhere, or say nonsense."""
    nowhere = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=none",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "zip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "never",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/nowhere",
    }
    files = ("tls.yaml", "mtls.yaml", "token.yaml")
    with otelcol(binary("otelcol"), tmp_path, *files, OTLP_TOKEN="t", **papers.served) as collector:  # noqa: S106
        traces: dict[str, Any] = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": place(collector, protocol, "https"),
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=Bearer t",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "20",
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": papers.authority,
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": papers.certificate,
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": papers.key,
        }
        ran = run(**nowhere, **traces)

        assert (ran, came(collector), traces.keys()) == (FINE, ["ChatCompletion"], other(nowhere).keys())
