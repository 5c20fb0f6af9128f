"""The cells: the SDKs that the life of a call is tested on, each in two surroundings that have nothing in common.

So each SDK meets each Python, pydantic and OpenTelemetry once, and among these each meets each of the others.
"""

import re
from pathlib import Path
from typing import NamedTuple

from environments import Environment

ROOT = Path(__file__).parents[2]
CONSTRAINTS = dict(
    re.findall(r"^([\w.-]+)==([^;\s]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
)
NEWEST = CONSTRAINTS["openai"]
NEWEST_OTEL = ".".join(CONSTRAINTS["opentelemetry-sdk"].split(".")[:2])


class Cell(NamedTuple):
    """One SDK in one surrounding."""

    openai: str
    python: str
    pydantic: str
    otel: str

    @property
    def name(self) -> str:
        """What tests, environments and reports are called by."""
        return f"openai-{self.openai}-py{self.python}-pydantic{self.pydantic}-otel{self.otel}"


CELLS = (
    Cell("1.6.0", "3.10", "1", "1.30"),
    Cell("1.6.0", "3.13", "2", NEWEST_OTEL),
    Cell("1.60.2", "3.10", "2", NEWEST_OTEL),
    Cell("1.60.2", "3.13", "1", "1.30"),
    Cell("1.66.0", "3.10", "2", "1.30"),  # the first with the Responses API
    Cell("1.66.0", "3.13", "1", NEWEST_OTEL),
    Cell("1.109.1", "3.10", "1", NEWEST_OTEL),
    Cell("1.109.1", "3.13", "2", "1.30"),
    Cell("2.0.0", "3.10", "2", "1.30"),
    Cell("2.0.0", "3.13", "1", NEWEST_OTEL),
    Cell("2.54.0", "3.10", "1", "1.30"),
    Cell("2.54.0", "3.13", "2", NEWEST_OTEL),
    Cell("3.0.0", "3.10", "2", NEWEST_OTEL),
    Cell("3.0.0", "3.13", "1", "1.30"),
    Cell(NEWEST, "3.10", "2", "1.30"),
    Cell(NEWEST, "3.13", "1", NEWEST_OTEL),
)

# What a cell installs: what spanglass needs, and what its tests do. Both families of HTTP client are there where the
# SDK takes both.
REQUIREMENTS = (
    "httpx",
    "openai",
    "openinference-instrumentation",
    "opentelemetry-api",
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp",
    "opentelemetry-instrumentation",
    "opentelemetry-sdk",
    "pytest",
    "pytest-xdist",
    "PyYAML",
    "wrapt",
)
# What comes with them, by a pin of constraints.txt.
BROUGHT = (
    *(
        "annotated-types",
        "anyio",
        "certifi",
        "charset-normalizer",
        "execnet",
        "googleapis-common-protos",
        "grpcio",
        "h11",
    ),
    *("httpcore", "httpcore2", "httpx2", "idna", "iniconfig", "jiter", "openinference-semantic-conventions"),
    *("opentelemetry-exporter-http-transport", "opentelemetry-exporter-otlp-common"),
    *("opentelemetry-exporter-otlp-proto-common", "opentelemetry-exporter-otlp-proto-grpc"),
    *("opentelemetry-exporter-otlp-proto-http", "opentelemetry-proto", "opentelemetry-semantic-conventions"),
    *("packaging", "pluggy", "protobuf", "pydantic", "pydantic_core", "Pygments", "requests", "sniffio", "truststore"),
    *("typing-inspection", "typing_extensions", "urllib3"),
    *("aiohappyeyeballs", "aiohttp", "aiosignal", "attrs", "frozenlist", "multidict", "propcache", "yarl"),
)
# What an SDK can send requests by beside its own HTTP client.
AIOHTTP = "openai[aiohttp]"
EXTRAS = {
    "1.109.1": (AIOHTTP,),
    "2.0.0": (AIOHTTP,),
    "2.54.0": (AIOHTTP, "openai[httpx2]"),
    "3.0.0": (AIOHTTP,),
    NEWEST: (AIOHTTP,),
}

# What differs from constraints.txt, or is not in it, by the value that brings it.
PINS: dict[str, dict[str, str]] = {
    "openai": {"distro": "1.9.0", "httpx-aiohttp": "0.2.0", "tqdm": "4.70.1"},
    "openai 1.6.0": {"httpx": "0.27.2"},  # it hands on an option that later ones do not know
    "python 3.10": {
        "async-timeout": "5.0.1",
        "exceptiongroup": "1.3.2",
        "httpcore2": "2.14.0",
        "httpx2": "2.14.0",
        "jiter": "0.18.0",
        "multidict": "7.1.0",
        "tomli": "2.5.0",
    },
    "pydantic 1": {"pydantic": "1.10.27"},
    "otel 1.30": {
        "Deprecated": "1.3.1",
        "googleapis-common-protos": "1.75.0",
        "importlib_metadata": "8.5.0",
        "opentelemetry-api": "1.30.0",
        "opentelemetry-distro": "0.51b0",
        "opentelemetry-exporter-otlp": "1.30.0",
        "opentelemetry-exporter-otlp-proto-common": "1.30.0",
        "opentelemetry-exporter-otlp-proto-grpc": "1.30.0",
        "opentelemetry-exporter-otlp-proto-http": "1.30.0",
        "opentelemetry-instrumentation": "0.51b0",
        "opentelemetry-proto": "1.30.0",
        "opentelemetry-sdk": "1.30.0",
        "opentelemetry-semantic-conventions": "0.51b0",
        "protobuf": "5.29.6",
        "wrapt": "1.16.0",
        "zipp": "4.1.2",
    },
}


def pins(cell: Cell) -> dict[str, str]:
    """Return the version of every package that may be in a cell; other pins of constraints.txt are none of its."""
    common = {name: CONSTRAINTS[name] for name in (*REQUIREMENTS, *BROUGHT)}
    values = (f"{axis} {value}" for axis, value in cell._asdict().items())
    own = [PINS[value] for value in ("openai", *values) if value in PINS]
    return {name: version for table in (common, *own, {"openai": cell.openai}) for name, version in table.items()}


def environment(cell: Cell) -> Environment:
    """Return what a cell's environment has."""
    requirements = (*REQUIREMENTS, *EXTRAS.get(cell.openai, ()))
    return Environment(cell.name, requirements, pins(cell), "tests/sdks/cells.py")
