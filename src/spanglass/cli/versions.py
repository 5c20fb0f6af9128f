"""What is installed, and whether that is new enough."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from spanglass.cli.finding import OK, WRONG, Finding

SDK: Final = "openai"
SHOWN: Final = (
    SDK,
    "httpx",
    "httpx2",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-exporter-otlp-proto-grpc",
)
OPTIONAL: Final = ("httpx", "httpx2")  # the SDK brings one of the two


def installed(name: str) -> str | None:
    """Return the version of a distribution, or None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions() -> Iterator[Finding]:
    """Yield what is installed."""
    wanted = {each.name: each.specifier for each in map(Requirement, requires("spanglass") or ())}
    yield Finding(OK, f"spanglass {installed('spanglass')}, Python {platform.python_version()}")
    for name in SHOWN:
        found = installed(name)
        if found is not None or name not in OPTIONAL:
            yield _finding(name, found, wanted.get(name, SpecifierSet()))


def _finding(name: str, found: str | None, wanted: SpecifierSet) -> Finding:
    package = "'spanglass[openai]'" if name == SDK else f"'{name}{wanted}'"
    if found is None:
        return Finding(WRONG, f"{name} is not installed: pip install {package}.")
    if not wanted.contains(found, prereleases=True):
        return Finding(WRONG, f"{name} {found} is too old: pip install '{name}{wanted}'.")
    return Finding(OK, f"{name} {found}")
