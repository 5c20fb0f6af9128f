"""The frameworks that call the SDK, each with its own instrumentors, in an environment of its own."""

import re
from pathlib import Path

from environments import Environment

# The newest that the environments of tests/sdks have, so that no other is needed.
PYTHON = "3.13"
# What spanglass needs, what its tests do, and the base of all instrumentors.
COMMON = (
    "click",
    "openinference-instrumentation",
    "opentelemetry-api",
    "opentelemetry-exporter-otlp",
    "opentelemetry-instrumentation",
    "opentelemetry-sdk",
    "packaging",
    "pytest",
    "pytest-xdist",
    "PyYAML",
    "rich",
    "wrapt",
)
FRAMEWORKS = {
    "instructor": ("instructor", "openinference-instrumentation-instructor"),
    "langchain": ("langchain-openai", "openinference-instrumentation-langchain"),
    "litellm": ("litellm", "openinference-instrumentation-litellm"),
    "llama-index": (
        "llama-index-llms-openai",
        "llama-index-embeddings-openai",
        "openinference-instrumentation-llama-index",
    ),
    "openai-agents": ("openai-agents", "openinference-instrumentation-openai-agents"),
    "pydantic-ai": ("pydantic-ai-slim[openai]",),
}


def module_of(name: str) -> str:
    """Return the file with a framework's tests."""
    return f"test_{name.replace('-', '_')}.py"


def constraints_of(name: str) -> Path:
    """Return the file with the version of all that its environment has."""
    return Path(__file__).with_name(f"constraints-{name}.txt")


def environment(name: str) -> Environment:
    """Return what the environment of a framework has."""
    file = constraints_of(name)
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE))
    return Environment(name, (*COMMON, *FRAMEWORKS[name]), pins, f"tests/frameworks/{file.name}")
