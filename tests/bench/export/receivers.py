"""Receivers on loopback, in processes of their own: a real collector that keeps nothing, and one that stalls."""

import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "backends"))

from rotel_agent import agent

from bench.export.figures import Endpoints
from otlp_receivers import silent_port


@contextmanager
def collector() -> Generator[tuple[str, Endpoints]]:
    """Run Rotel, which drops what it has taken; give its name and its endpoints."""
    with tempfile.TemporaryDirectory() as directory, agent(Path(directory), "--exporter=blackhole") as endpoints:
        yield f"Rotel {version('rotel')}, which keeps nothing", endpoints


@contextmanager
def stalled() -> Generator[str]:
    """Give the URL of a receiver that accepts connections and never answers."""
    with silent_port(connects=True) as port:
        yield f"http://127.0.0.1:{port}/v1/traces"
