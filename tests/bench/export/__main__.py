"""The tables: `make bench-export` prints them, and writes them to the README where it is told `ARGS=--write`."""

import argparse
import os
import platform
import sys
from contextlib import ExitStack, nullcontext
from importlib.metadata import version
from typing import Final

from bench.export.figures import Endpoints, Figures, calls, ends, queues, rates
from bench.export.plan import FULL, GRPC, HTTP, QUICK, SIZES, Plan
from bench.export.receivers import collector, stalled
from bench.export.spans import attributes, encoded_bytes
from bench.export.tables import size_names, tables
from readme import README, with_part
from spanglass.testing import OpenAIServer

NAME: Final = "bench-export"


def measured(plan: Plan, endpoints: Endpoints) -> Figures:
    """Return all figures of a plan, with the collector at `endpoints`."""
    with ExitStack() as stack:
        silent = stack.enter_context(stalled())
        server = stack.enter_context(OpenAIServer())
        highest = rates(plan, endpoints)
        return Figures(
            highest,
            queues(plan, silent),
            ends(plan, endpoints, silent, highest),
            calls(plan, endpoints[HTTP], server.base_url),
        )


def machine(collector: str, before: float, after: float) -> str:
    """Return what was measured on: the versions, and how busy the machine was, which is the load of a minute."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, OpenTelemetry "
        f"{version('opentelemetry-sdk')}, openai {version('openai')}, {os.cpu_count()} cores ({platform.machine()}), "
        f"load {before:.1f} before and {after:.1f} at the end. Collector: {collector}, on the same machine. "
        f"A span has {attributes()} attributes."
    )


def report(arguments: argparse.Namespace) -> str:
    """Return the part of the README."""
    plan = QUICK if arguments.quick else FULL
    given: Endpoints = {HTTP: arguments.http, GRPC: arguments.grpc}
    another = nullcontext((arguments.collector, given)) if all(given.values()) else collector()
    with another as (name, endpoints):
        before = os.getloadavg()[0]
        figures = measured(plan, endpoints)
    sizes = size_names({size: encoded_bytes(size) for size in (*SIZES, "largest")})
    return f"{machine(name, before, os.getloadavg()[0])}\n\n{tables(figures, sizes, plan.threads['configured'])}"


def main() -> None:
    """Measure, and print or write."""
    options = argparse.ArgumentParser(prog="make bench-export")
    options.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works")
    options.add_argument("--write", action="store_true", help="write the tables to the README as well")
    options.add_argument("--http", help="the URL where another collector takes traces over HTTP, with its path")
    options.add_argument("--grpc", help="the URL where that one takes them over gRPC")
    options.add_argument("--collector", default="another one", help="what that one is called")
    arguments = options.parse_args()
    part = report(arguments)
    sys.stdout.write(f"{part}\n")
    if arguments.write:
        README.write_text(with_part(README.read_text("utf-8"), NAME, part), "utf-8")


main()
