"""The registry is what spanglass writes: all of it, and nothing besides."""

import pytest
from emitted import Emitted, emitted
from registry import definitions, has_type, named, names

KNOWN = {each["id"]: each for each in definitions()}


@pytest.fixture(scope="module")
def written() -> Emitted:
    """Give what the programs wrote, with content on both conventions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
        return emitted()


def test_whatever_is_written_is_registered(written: Emitted) -> None:
    """No span, event or metric carries an attribute that the registry does not know."""
    assert sorted({key for key, _ in written.attributes if not names(key, KNOWN)}) == []


def test_whatever_is_registered_is_written(written: Emitted) -> None:
    """An attribute of the registry is there because some call has it."""
    seen = {name for key, _ in written.attributes for name in names(key, KNOWN)}

    assert sorted(KNOWN.keys() - seen) == []


def test_values_have_the_registered_types(written: Emitted) -> None:
    """A value is of the type that the registry gives its attribute, and one of its values where it lists them."""
    found = [(names(key, KNOWN), key, value) for key, value in written.attributes]

    assert [(key, value) for path, key, value in found if path and not has_type(KNOWN[path[-1]], value)] == []


def test_events_and_metrics_are_the_registered_ones(written: Emitted) -> None:
    """The events and the metrics that are written are those of the registry."""
    assert written.events == named("event", "name")
    assert written.metrics == named("metric", "metric_name")


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
