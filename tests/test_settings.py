"""Settings: code wins over the environment, that over the defaults; what is not allowed is said in a sentence."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from spanglass.settings import OPTIONS, Settings


def test_defaults() -> None:
    """Nothing given is what the table says, and what the class says by itself."""
    defaults = {option.field: option.default for option in OPTIONS}

    assert Settings(**defaults) == Settings() == Settings.load({})
    assert [option.field for option in OPTIONS] == [field.name for field in fields(Settings)]


def test_variables() -> None:
    """Each option has one variable, named after its field."""
    assert [f"SPANGLASS_{option.field.upper()}" for option in OPTIONS] == [option.variable for option in OPTIONS]


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("SPANGLASS_CONVENTIONS", "openinference", Settings(conventions=("openinference",))),
        ("SPANGLASS_CONVENTIONS", " Gen_AI , openinference,,", Settings(conventions=("gen_ai", "openinference"))),
        ("SPANGLASS_CONVENTIONS", "", Settings()),
        ("SPANGLASS_ATTEMPT_SPANS", "always", Settings(attempt_spans="always")),
        ("SPANGLASS_ATTEMPT_SPANS", " OFF ", Settings(attempt_spans="off")),
        ("SPANGLASS_ATTEMPT_SPANS", "", Settings()),
        ("SPANGLASS_CONTENT", "off", Settings(content="off")),
        ("SPANGLASS_CONTENT", "On", Settings(content="on")),
        ("SPANGLASS_CONTENT", "", Settings()),
        ("SPANGLASS_UNHEARD_OF", "x", Settings()),
    ],
)
def test_environment(variable: str, text: str, expected: Settings) -> None:
    """A variable is read without regard to case and blanks; an empty one is none."""
    assert expected == Settings.load({variable: text})


def test_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment given, the process's is read."""
    monkeypatch.setenv("SPANGLASS_CONTENT", "off")

    assert Settings(content="off") == Settings.load()


def test_code_wins() -> None:
    """What code gives wins over the environment, field by field."""
    environ = {"SPANGLASS_CONTENT": "off", "SPANGLASS_ATTEMPT_SPANS": "always", "SPANGLASS_CONVENTIONS": "nonsense"}

    loaded = Settings.load(environ, attempt_spans="off", conventions=("gen_ai",))

    assert Settings(conventions=("gen_ai",), attempt_spans="off", content="off") == loaded


CONVENTIONS = "use one or more of openinference, spanglass, gen_ai."
ATTEMPTS = "use one of retries, always, off."
CONTENT = "use one of on, off."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"conventions": ("otel",)}, f"SPANGLASS_CONVENTIONS (or conventions=) cannot be 'otel': {CONVENTIONS}"),
        (
            {"conventions": ("openinference", "otel")},
            f"SPANGLASS_CONVENTIONS (or conventions=) cannot be 'openinference,otel': {CONVENTIONS}",
        ),
        ({"conventions": ()}, f"SPANGLASS_CONVENTIONS (or conventions=) cannot be '': {CONVENTIONS}"),
        ({"attempt_spans": "never"}, f"SPANGLASS_ATTEMPT_SPANS (or attempt_spans=) cannot be 'never': {ATTEMPTS}"),
        ({"attempt_spans": 7}, f"SPANGLASS_ATTEMPT_SPANS (or attempt_spans=) cannot be '7': {ATTEMPTS}"),
        ({"attempt_spans": True}, f"SPANGLASS_ATTEMPT_SPANS (or attempt_spans=) cannot be 'True': {ATTEMPTS}"),
        ({"content": "no"}, f"SPANGLASS_CONTENT (or content=) cannot be 'no': {CONTENT}"),
        ({"content": None}, f"SPANGLASS_CONTENT (or content=) cannot be 'None': {CONTENT}"),
        ({"colour": "red"}, "'colour' is not a setting: use one of attempt_spans, content, conventions."),
    ],
)
def test_what_is_not_allowed(given: dict[str, Any], sentence: str) -> None:
    """What is not allowed is refused in a sentence that names the variable, the field, and what may stand there."""
    with pytest.raises(ValueError, match=r"\.$") as raised:
        Settings.load({}, **given)

    assert sentence == str(raised.value)


@pytest.mark.parametrize("given", ["openinference, gen_ai", ["openinference", "gen_ai"]], ids=["text", "list"])
def test_conventions_of_another_type(given: Any) -> None:
    """Conventions may be given as the text that a variable would have, or as a list."""
    assert Settings(conventions=("openinference", "gen_ai")) == Settings.load({}, conventions=given)


@pytest.mark.parametrize("given", [None, 7])
def test_conventions_of_no_type(given: Any) -> None:
    """Conventions that are none at all are refused in the same sentence."""
    with pytest.raises(ValueError, match="cannot be") as raised:
        Settings.load({}, conventions=given)

    assert f"SPANGLASS_CONVENTIONS (or conventions=) cannot be '{given}': {CONVENTIONS}" == str(raised.value)


def test_what_the_environment_cannot_be() -> None:
    """A variable is checked like code."""
    with pytest.raises(ValueError, match="cannot be") as raised:
        Settings.load({"SPANGLASS_CONTENT": "hidden"})

    assert f"SPANGLASS_CONTENT (or content=) cannot be 'hidden': {CONTENT}" == str(raised.value)


def test_settings_do_not_change() -> None:
    """Settings are values: equal ones are alike, and none can be changed."""
    settings = Settings()

    with pytest.raises(FrozenInstanceError):
        settings.content = "off"  # type: ignore[misc]

    assert 1 == len({settings, Settings()})


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.field)
def test_meanings(option: Any) -> None:
    """Every option says what it means in one sentence, and its default is one of what it allows."""
    defaults = option.default if isinstance(option.default, tuple) else (option.default,)

    assert set(defaults) <= set(option.allowed)
    assert (1, True) == (option.meaning.count(". ") + 1, option.meaning.endswith("."))
