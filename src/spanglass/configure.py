"""`configure()`: a tracer provider and its export to an OTLP receiver, in one call."""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanglass import projects
from spanglass.export.endpoint import resolve
from spanglass.export.leaving import on_leaving
from spanglass.export.pipeline import Pipeline
from spanglass.semconv.openinference import OPENINFERENCE_PROJECT_NAME
from spanglass.semconv.otel import DEPLOYMENT_ENVIRONMENT_NAME, SERVICE_NAME

__all__ = ["Pipeline", "configure"]

log = logging.getLogger("spanglass")


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
    keep: int = 0,
) -> Pipeline:
    """Send this process's spans to an OTLP receiver, and return the pipeline that does so.

    `project` is what Phoenix groups by; `service` is the project's name unless given; `environment` is the
    deployment, such as "production". `endpoint` is an http(s) URL, which gets `/v1/traces` where it has no path;
    `protocol` is "http/protobuf" or "grpc"; `headers` are sent with every export. Arguments win over `OTEL_*`
    variables, and those over OTLP's defaults.

    `keep` is how many of the last finished spans `Pipeline.spans()` gives.

    Calling it again returns the same pipeline, with one more receiver where the endpoint or the protocol is
    another. Where the program has made a tracer provider, the receiver is added to that one.

    Raises ValueError for a malformed argument or variable, and RuntimeError where the global tracer provider can
    take no exporter.
    """
    if keep.__class__ is not int or keep < 0:
        message = f"keep= cannot be {keep!r}: use a whole number of spans, 0 or more."
        raise ValueError(message)
    target = resolve(endpoint, protocol, headers) if _wanted(os.environ) else None
    rows = ((SERVICE_NAME, service), (OPENINFERENCE_PROJECT_NAME, project), (DEPLOYMENT_ENVIRONMENT_NAME, environment))
    given = {name: value for name, value in rows if value}
    with _lock:
        pipeline = _pipeline(given)
        pipeline.keep(keep)
        if target is not None:
            pipeline.ship_to(target)
    return pipeline


def _wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment leaves export on."""
    disabled = environ.get(OTEL_SDK_DISABLED, "").strip().lower() == "true"
    return not disabled and environ.get(OTEL_TRACES_EXPORTER, "").strip().lower() != "none"


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
