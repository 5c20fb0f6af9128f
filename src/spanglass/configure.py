"""`configure()`: a tracer provider and its export to an OTLP receiver, in one call."""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, Literal

from opentelemetry import trace
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanglass import projects
from spanglass.calls.tracing import disabled
from spanglass.export.endpoint import resolve
from spanglass.export.file import trace_file
from spanglass.export.leaving import on_leaving
from spanglass.export.panel import AUTO, wanted
from spanglass.export.pipeline import Pipeline
from spanglass.export.variables import first
from spanglass.semconv.openinference import OPENINFERENCE_PROJECT_NAME
from spanglass.semconv.otel import DEPLOYMENT_ENVIRONMENT_NAME, SERVICE_NAME

__all__ = ["Pipeline", "configure"]

log = logging.getLogger("spanglass")

RECEIVER = (
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_TRACES_EXPORTER,
)
"""The variables of which any says that there is a receiver."""

_lock = threading.Lock()
_pipelines: list[Pipeline] = []


def configure(  # noqa: PLR0913 - one option each, all by name
    *,
    project: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    console: bool | Literal["auto"] = AUTO,
    file: str | os.PathLike[str] | None = None,
    keep: int = 0,
) -> Pipeline:
    """Send this process's spans to an OTLP receiver or a file, and return the pipeline that does so.

    `project` is what Phoenix groups by, `service` the project's name unless given, `environment` the deployment, such
    as "production". `endpoint` is an http(s) URL, which gets `/v1/traces` where it has no path, `protocol` is
    "http/protobuf" or "grpc", `headers` go with every export. Arguments win over `OTEL_*` variables and defaults.

    `console` is whether a panel of each trace is printed to standard error as it ends; "auto" is where that is a
    terminal. `file` is the path of a file to which spans are added as OTLP/JSON, one a line, within a second; several
    processes may add to one. `keep` is how many of the last finished spans `Pipeline.spans()` gives. With one of these,
    nothing is sent to a receiver that neither an argument nor a variable names.
    Calling it again returns the same pipeline with what is new. A tracer provider that the program has made stays.

    Raises ValueError for a malformed argument or variable, OSError for a file that cannot be written, RuntimeError for
    a tracer provider that takes no exporter.
    """
    elsewhere = file is not None or _count(keep) > 0 or console is True
    shipped = _wanted(os.environ) and (_addressed(os.environ, endpoint, protocol, headers) or not elsewhere)
    target = resolve(endpoint, protocol, headers) if shipped else None
    shown = wanted(console) and not disabled()
    written = trace_file(file) if file is not None and not disabled() else None
    with _lock:
        pipeline = _pipeline(_resource_of(service, project, environment))
        if shown and (console is True or pipeline.takes_processors):
            pipeline.show()
        pipeline.keep(keep)
        pipeline.ship_to(target)
        pipeline.write_to(written)
    return pipeline


def _resource_of(*given: str | None) -> dict[str, str]:
    names = (SERVICE_NAME, OPENINFERENCE_PROJECT_NAME, DEPLOYMENT_ENVIRONMENT_NAME)
    return {name: value for name, value in zip(names, given, strict=True) if value}


def _count(keep: int) -> int:
    if keep.__class__ is not int or keep < 0:
        message = f"keep= cannot be {keep!r}: use a whole number of spans, 0 or more."
        raise ValueError(message)
    return keep


def _wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment leaves export on."""
    return not disabled() and environ.get(OTEL_TRACES_EXPORTER, "").strip().lower() != "none"


def _addressed(environ: Mapping[str, str], *arguments: object) -> bool:
    """Whether anything says that there is a receiver: who has the spans elsewhere is not after the default one."""
    return first(environ, *RECEIVER) is not None or any(argument is not None for argument in arguments)


def _pipeline(given: dict[str, str]) -> Pipeline:
    """Return the process's pipeline, made at the first call."""
    if _pipelines:
        _warn_of_difference(_pipelines[0].provider, given)
        return _pipelines[0]
    provider = trace.get_tracer_provider()
    owned = isinstance(provider, trace.ProxyTracerProvider)
    if owned:
        provider = made = TracerProvider(resource=_resource(given))
        trace.set_tracer_provider(provider)
        projects.able.add(made)
    else:
        _warn_of_difference(provider, given)
    pipeline = Pipeline(provider, owned=owned)
    _pipelines.append(pipeline)
    on_leaving(pipeline.leave)
    return pipeline


def _resource(given: dict[str, str]) -> Resource:
    """Return what is given over what the environment says; a service without a name is called like its project."""
    resource = Resource.create(dict(given))
    project = resource.attributes.get(OPENINFERENCE_PROJECT_NAME)
    if project and str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return resource.merge(Resource({SERVICE_NAME: project}))
    return resource


_told: set[tuple[str, str]] = set()


def _warn_of_difference(provider: trace.TracerProvider, given: dict[str, str]) -> None:
    """Say once what was asked for and cannot be, because a provider's resource never changes."""
    resource: Any = getattr(provider, "resource", None)
    actual: Mapping[str, object] = getattr(resource, "attributes", {})
    different = {pair for pair in given.items() if actual.get(pair[0]) != pair[1]} - _told
    if different:
        _told.update(different)
        wanted = ", ".join(f"{name}={value!r} (it is {actual.get(name)!r})" for name, value in sorted(different))
        log.warning(
            "spanglass: the tracer provider was made earlier and keeps its own resource, so configure() cannot set "
            "%s: set it where the provider is made, or call configure() first.",
            wanted,
        )
