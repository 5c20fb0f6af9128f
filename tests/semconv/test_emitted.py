"""The registry is what spanglass writes: all of it, and nothing besides."""

import pytest
from emitted import Written, emitted
from registry import definitions, groups, has_type, named, names

# Registered before it is written; a row that no longer holds fails.
PENDING = {
    "document.mime_type": "the type of a file is not read yet",
}

# The groups whose attributes each carrier may have, and does.
CARRIERS = {
    "call": {
        "span.openinference.chat",
        "span.openinference.embeddings",
        "span.gen_ai.client.inference",
        "span.gen_ai.client.embeddings",
        "span.gen_ai.client.fetch_response",
        "span.spanglass.chat",
    },
    "attempt": {"span.spanglass.attempt"},
    "function": {"span.openinference.function", "span.spanglass.function"},
    "tool": {"span.openinference.tool", "span.gen_ai.execute_tool"},
    "program": {"entity.program"},
    "exception": {"event.exception"},
    "First Token Stream Event": {"event.openinference.first_token"},
}

KNOWN = {each["id"]: each for each in definitions()}


@pytest.fixture(scope="module")
def written() -> list[Written]:
    """Give what the programs wrote, with content on both conventions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
        return emitted()


def test_whatever_is_written_is_registered(written: list[Written]) -> None:
    """No span, event or resource has an attribute that the registry does not know."""
    assert {key for each in written for key in each.attributes if not names(key, KNOWN)} == set()


def test_whatever_is_registered_is_written(written: list[Written]) -> None:
    """An attribute of the registry is there because some call has it."""
    seen = {name for each in written for key in each.attributes for name in names(key, KNOWN)}

    assert KNOWN.keys() - seen == PENDING.keys()


def test_values_have_the_registered_types(written: list[Written]) -> None:
    """A value is of the type that the registry gives its attribute, and one of its values where it lists them."""
    pairs = [pair for each in written for pair in each.attributes.items()]
    found = [(names(key, KNOWN), key, value) for key, value in pairs]

    assert [(key, value) for path, key, value in found if path and not has_type(KNOWN[path[-1]], value)] == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_attributes_are_where_the_registry_says(written: list[Written], carrier: str) -> None:
    """Spans, events and the resource carry the attributes that their groups refer to, each of them some time."""
    referred = [group for group in groups() if group["id"] in CARRIERS[carrier]]
    expected = {each["ref"] for group in referred for each in group.get("attributes", ())}

    actual = {names(key, KNOWN)[0] for each in written if each.carrier == carrier for key in each.attributes}
    assert actual == expected


def test_events_and_metrics_are_the_registered_ones(written: list[Written]) -> None:
    """The events and the metrics that are written are those of the registry."""
    others = {each.carrier for each in written} - {"call", "attempt", "function", "tool", "program"}

    assert others == named("event", "name") | named("metric", "metric_name")


@pytest.mark.parametrize("metric", sorted(named("metric", "metric_name")))
def test_metrics_are_counted_by_what_the_registry_says(written: list[Written], metric: str) -> None:
    """A metric is counted by attributes that it refers to, and by all of them that it requires."""
    (group,) = (each for each in groups() if each.get("metric_name") == metric)
    allowed = {each["ref"] for each in group["attributes"]}
    required = {each["ref"] for each in group["attributes"] if each["requirement_level"] == "required"}

    points = [each.attributes.keys() for each in written if each.carrier == metric]
    assert [(point - allowed, required - point) for point in points] == [(set(), set())] * len(points)


def test_a_key_is_taken_apart() -> None:
    """A key of a flattened list is known by each of its parts, and only if all of them are."""
    image = "llm.input_messages.0.message.contents.1.message_content.image.image.url"
    expected = {
        image: ["llm.input_messages", "message.contents", "message_content.image", "image.url"],
        "spanglass.usage.details.completion.other": ["spanglass.usage.details"],
        "llm.model_name": ["llm.model_name"],
        "llm.input_messages.0.message.mood": [],
    }

    assert {key: names(key, KNOWN) for key in expected} == expected
