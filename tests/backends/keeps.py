"""What a backend keeps of a span, and in what words it gives it back: data, for the one comparison."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Kept(NamedTuple):
    """The fields of a nested span that a backend does not keep, and how it words some of the others."""

    without: frozenset[str]
    reworded: Mapping[str, Callable[[Any], Any]]


def expected(kept: Kept, span: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested span as a backend that keeps so much gives it back."""
    return {
        field: kept.reworded[field](value) if field in kept.reworded else value
        for field, value in span.items()
        if field not in kept.without
    }


def _taken_apart(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with what a text says in the place of the text, where that is JSON of a list or a text."""
    return {key: _said(value) for key, value in attributes.items()}


def _said(value: Any) -> Any:
    try:
        inner = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return inner if isinstance(inner, str | list) else value


def _as_tags(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource's attributes as a trace's tags, which are texts; what it says of the SDK has none."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in resource.items()
        if not key.startswith("telemetry.sdk.")
    }


MLFLOW = Kept(
    without=frozenset(
        {
            "kind",  # a span's type is told from its attributes
            "trace state",
            "dropped",
            "scope",
            "resource schema",
        }
    ),
    reworded={
        "attributes": _taken_apart,  # it keeps values as JSON, and takes a text that is JSON for the value it says
        "resource": _as_tags,  # it hangs a resource on the trace
    },
)
