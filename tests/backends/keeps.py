"""What a backend keeps of a span, and in what words it gives it back: data, for the one comparison."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from wire import Nested

EPOCH = datetime.fromtimestamp(0, tz=timezone.utc)
JSON = ("metadata", "llm.prompt_template.variables")  # texts that Phoenix reads as JSON
EXCEPTION = ("exception.type", "exception.message", "exception.escaped", "exception.stacktrace")


class Kept(NamedTuple):
    """The fields of a nested span that a backend does not keep, and how it words some of the others."""

    without: frozenset[str] = frozenset()
    reworded: Mapping[str, Callable[[Any], Any]] = {}

    def rows(self) -> Iterator["Kept"]:
        """Yield each row of it alone."""
        yield from (Kept(without=frozenset({field})) for field in self.without)
        yield from (Kept(reworded={field: how}) for field, how in self.reworded.items())


def expected(kept: Kept, span: Nested) -> Nested:
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


def _bare(links: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return links, each without its attributes where it has none of them."""
    return [{**link, "attributes": link["attributes"] or None} for link in links]


MLFLOW = Kept(
    without=frozenset(
        {
            "kind",  # a span's type is told from its attributes
            "trace state",
            "dropped",
            "scope",
            "resource schema",
            "scope schema",
        }
    ),
    reworded={
        "attributes": _taken_apart,  # it keeps values as JSON, and takes a text that is JSON for the value it says
        "links": _bare,
        "resource": _as_tags,  # it hangs a resource on the trace
    },
)


def _microseconds(nanoseconds: int) -> int:
    """Return a time as Phoenix counts it: by way of a float of seconds, to the microsecond."""
    time = datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc)
    return (time - EPOCH) // timedelta(microseconds=1) * 1000


def _leaves_of_json(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with one for each leaf of a JSON text in the place of the text."""
    return {
        path: inner
        for key, value in attributes.items()
        for path, inner in (_leaves(key, json.loads(value)) if key in JSON else [(key, value)])
    }


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value


def _events(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return events to the microsecond, and of an exception the convention's attributes only."""
    return [
        {
            **event,
            "time": _microseconds(event["time"]),
            "attributes": {
                key: value
                for key, value in event["attributes"].items()
                if event["name"] != "exception" or key in EXCEPTION
            },
        }
        for event in events
    ]


COLLECTOR = ROTEL = DASHBOARD = Kept()  # they hand on all of OTLP

JAEGER = Kept(
    without=frozenset({"resource schema", "scope schema"}),  # its query API gives back neither
)

PHOENIX = Kept(
    without=frozenset(
        {
            "kind",  # a span's kind is OpenInference's, an attribute
            "trace state",
            "links",
            "dropped",
            "resource",  # it takes the project's name from it
            "resource schema",
            "scope",
            "scope schema",
        }
    ),
    reworded={
        "start": _microseconds,
        "end": _microseconds,
        "attributes": _leaves_of_json,  # it nests attributes by the dots in their names, and JSON within them likewise
        "events": _events,
    },
)

# By the name of the fixture that gives the backend.
KEPT = {
    "own_dashboard": DASHBOARD,
    "collector": COLLECTOR,
    "rotel": ROTEL,
    "jaeger": JAEGER,
    "phoenix": PHOENIX,
    "phoenix_postgresql": PHOENIX,  # which refuses U+0000 in a text: spanglass never sends it
    "mlflow": MLFLOW,
}
