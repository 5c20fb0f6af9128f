"""The registry holds together: each name once, each reference defined, each example of its type."""

from collections import Counter

from registry import definitions, groups, has_type

FIELDS = {"id", "type", "stability", "brief", "examples"}


def test_a_name_is_defined_once() -> None:
    """An attribute has one definition, which everything else refers to."""
    counted = Counter(each["id"] for each in definitions())

    assert [name for name, count in counted.items() if count > 1] == []


def test_a_definition_is_complete() -> None:
    """An attribute tells its type, stability, meaning and examples."""
    missing = {each["id"]: FIELDS - each.keys() for each in definitions()}

    assert {name: fields for name, fields in missing.items() if fields} == {}


def test_a_reference_is_to_something_defined() -> None:
    """Whatever a span, an event, a metric or the resource refers to is defined, and carried by it once."""
    known = {each["id"] for each in definitions()}
    carried = [
        (group["id"], each["ref"]) for group in groups() for each in group.get("attributes", ()) if "ref" in each
    ]

    assert {name for _, name in carried} - known == set()
    assert [pair for pair, count in Counter(carried).items() if count > 1] == []


def test_an_example_has_the_type() -> None:
    """The examples are values that the attribute can have; those of a template are keys that stand under it."""
    wrong = [
        (each["id"], example)
        for each in definitions()
        for example in each["examples"]
        if not (
            example.startswith(f"{each['id']}.")
            if str(each["type"]).startswith("template")
            else has_type(each, example)
        )
    ]

    assert wrong == []
