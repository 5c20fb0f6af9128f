"""Receivers on loopback, in processes of their own: a real collector that keeps nothing, and one that stalls."""

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "backends"))

from otelcol import otelcol
from rotel_agent import agent

from bench.export.figures import Endpoints
from bench.export.plan import HTTP
from otlp_receivers import silent_port


@contextmanager
def collector() -> Generator[tuple[str, Endpoints]]:
    """Run a collector that keeps nothing, and give its name and its endpoints.

    It is OpenTelemetry's, where `make backends` has built it, and else Rotel.
    """
    built = Path(os.environ.get("SPANGLASS_BACKENDS", "/nowhere"), "otelcol")
    with tempfile.TemporaryDirectory() as directory:
        if built.exists():
            with otelcol(built, Path(directory), "discarding.yaml") as running:
                http = f"{running.endpoints[HTTP]}/v1/traces"
                yield "OpenTelemetry Collector 0.159, which keeps nothing", {**running.endpoints, HTTP: http}
        else:
            with agent(Path(directory), "--exporter=blackhole") as endpoints:
                yield f"Rotel {version('rotel')}, which keeps nothing", endpoints


@contextmanager
def stalled() -> Generator[str]:
    """Give the URL of a receiver that accepts connections and never answers."""
    with silent_port(connects=True) as port:
        yield f"http://127.0.0.1:{port}/v1/traces"
