"""A proxy before the Collector, nginx, which has limits of its own."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from needed import binary, missing
from otelcol import otelcol
from processes import LOOPBACK, free_ports, listens, running, wait_until

from exporting import sending
from otlp_receivers import unreached
from spanglass.export.endpoint import GRPC, HTTP

pytestmark = pytest.mark.backend

# It lets nobody in until there is the file `open`, and takes no more than 100 kB at once.
CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_max_body_size 100k;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    add_header Retry-After 1 always;
    server {{
        listen {LOOPBACK}:{http};
        location / {{
            if (!-f {directory}/open) {{ return 429; }}
            proxy_pass {onward_http};
        }}
    }}
    server {{
        listen {LOOPBACK}:{grpc} http2;
        location / {{
            if (!-f {directory}/open) {{ return 429; }}
            grpc_pass {onward_grpc};
        }}
    }}
}}
"""


@contextmanager
def nginx(directory: Path, onward: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run nginx for the block, and give where it listens, by protocol."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        missing("no nginx: Debian's package nginx-light has what this test needs")
    http, grpc = free_ports(2)
    file = directory / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(
            directory=directory,
            LOOPBACK=LOOPBACK,
            http=http,
            grpc=grpc,
            onward_http=onward[HTTP],
            onward_grpc=onward[GRPC].replace("http://", "grpc://"),
        )
    )
    ready = lambda: listens(http) and listens(grpc)  # noqa: E731 - two words, used once
    with running([program, "-c", str(file)], ready, directory=directory, environment={}, seconds=20):
        yield {HTTP: f"http://{LOOPBACK}:{http}", GRPC: f"http://{LOOPBACK}:{grpc}"}


def names(file: Path) -> list[str]:
    """Return the names of the spans that the Collector has written."""
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    groups = [group for line in whole.splitlines() for group in json.loads(line)["resourceSpans"]]
    return [span["name"] for group in groups for scope in group["scopeSpans"] for span in scope["spans"]]


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_too_many(tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a proxy turns away with 429 arrives when it lets it in; where it says until when, one line has told."""
    with (
        otelcol(binary("otelcol"), tmp_path) as collector,
        nginx(tmp_path, collector.endpoints) as endpoints,
        sending(endpoints[protocol], protocol) as (processor, tracer),
    ):
        tracer.start_span("a").end()
        flushed = [processor.force_flush(1500)]
        (tmp_path / "open").touch()
        flushed.append(processor.force_flush())
        wait_until(lambda: names(collector.file) != [], "the Collector's file", seconds=20)
        arrived = names(collector.file)
    # Over gRPC nginx's Retry-After is no word of the protocol, and the exporter tries by itself.
    told = {HTTP: [unreached(f"{endpoints[HTTP]}/v1/traces", HTTP, "429 Too Many Requests")], GRPC: []}

    assert (flushed, arrived, processor.dropped, caplog.messages) == ([False, True], ["a"], 0, told[protocol])


def test_too_large(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where a proxy takes less at once than a batch, all arrives but what is larger by itself, which is told of."""
    (tmp_path / "open").touch()
    with (
        otelcol(binary("otelcol"), tmp_path) as collector,
        nginx(tmp_path, collector.endpoints) as endpoints,
        sending(endpoints[HTTP], HTTP) as (processor, tracer),
    ):
        for number, size in enumerate((20_000, 20_000, 20_000, 150_000, *[20_000] * 20)):
            tracer.start_span(str(number), attributes={"text": "a" * size}).end()
        flushed = processor.force_flush()
        wait_until(lambda: len(names(collector.file)) >= 23, "the Collector's file", seconds=20)
        arrived = names(collector.file)
    why = f"413 {HTTPStatus(413).phrase}"
    said = (
        f"spanglass: {endpoints[HTTP]}/v1/traces does not take a span of 0.2 MB over http/protobuf ({why}), and it is "
        "dropped: let the receiver take larger messages, or record less in one span; this is said once."
    )

    assert (flushed, arrived, dict(processor.losses), caplog.messages) == (
        False,
        [str(number) for number in range(24) if number != 3],
        {why: 1},
        [said],
    )
