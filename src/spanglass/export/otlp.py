"""The OTLP exporters of OpenTelemetry: loaded when one is wanted, and recognised where a program has its own."""

from collections.abc import Iterator
from importlib import import_module
from urllib.parse import urlsplit

from spanglass.export.endpoint import GRPC, HTTP, Target, normalised
from spanglass.export.reporting import Receiver
from spanglass.guard import guard

MODULES = {
    HTTP: "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    GRPC: "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
}
OVER = {HTTP: "spanglass.export.over_http", GRPC: "spanglass.export.over_grpc"}

SCHEMES: dict[bool | None, tuple[str, ...]] = {True: ("http",), False: ("https",), None: ("http", "https")}
"""A gRPC exporter keeps host and port, and the newer ones whether it is insecure."""


def open_receiver(target: Target) -> Receiver:
    """Return the way to `target`, whose modules are loaded now."""
    return Receiver(import_module(OVER[target.protocol]).exporter(target), target)


def targets_of(provider: object) -> set[Target]:
    """Return where `provider` sends spans already, as far as its processors tell."""
    found: set[Target] = set()
    with guard:
        found.update(_targets(provider))
    return found


def _targets(provider: object) -> Iterator[Target]:
    # The SDK has no public way to ask; every step is allowed to find nothing.
    active = getattr(provider, "_active_span_processor", None)
    for processor in getattr(active, "_span_processors", ()):
        exporter = getattr(processor, "span_exporter", None)
        endpoint = getattr(exporter, "_endpoint", None)
        module = type(exporter).__module__
        if not isinstance(endpoint, str):
            continue
        if module == MODULES[HTTP]:
            yield Target(HTTP, normalised(HTTP, urlsplit(endpoint)))
        elif module == MODULES[GRPC]:
            for scheme in SCHEMES[getattr(exporter, "_insecure", None)]:
                yield Target(GRPC, normalised(GRPC, urlsplit(f"{scheme}://{endpoint}")))
