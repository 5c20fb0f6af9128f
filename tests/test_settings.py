"""Settings: code wins over the environment, that over the defaults; what is not allowed is said in a sentence."""

import sys
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from openinference.instrumentation import TraceConfig

from spanglass.openinference import HIDEABLE
from spanglass.settings import OPTIONS, Settings


def test_defaults() -> None:
    """Nothing given is what the table says, and what the class says by itself."""
    defaults = {option.field: option.default for option in OPTIONS}

    assert Settings(**defaults) == Settings() == Settings.load({})
    assert [option.field for option in OPTIONS] == [field.name for field in fields(Settings)]


def test_variables() -> None:
    """Each option has one variable, named after its field, but for those that only code can give."""
    named = {option.field: option.variable or None for option in OPTIONS}

    assert {
        field: None if field in {"redactor", "uploader"} else f"SPANGLASS_{field.upper()}" for field in named
    } == named


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
        ("SPANGLASS_HIDE", "Inputs, output_text", Settings(hide=("inputs", "output_text"))),
        ("SPANGLASS_HIDE", "", Settings()),
        ("SPANGLASS_MAX_MEDIA_BYTES", " 1000 ", Settings(max_media_bytes=1000)),
        ("SPANGLASS_MAX_SPAN_BYTES", "100000", Settings(max_span_bytes=100_000)),
        ("SPANGLASS_UNHEARD_OF", "x", Settings()),
        ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "500", Settings(max_media_bytes=500)),
        ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "10000000", Settings(max_media_bytes=4_000_000)),
        ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "much", Settings()),
        ("OPENINFERENCE_ENABLE_GENAI_SEMCONV", "true", Settings(conventions=("openinference", "spanglass", "gen_ai"))),
        ("OPENINFERENCE_ENABLE_GENAI_SEMCONV", "false", Settings()),
        *((f"OPENINFERENCE_HIDE_{name.upper()}", "true", Settings(hide=(name,))) for name in HIDEABLE),
        ("OPENINFERENCE_HIDE_INPUTS", "FALSE", Settings()),
        ("OPENINFERENCE_HIDE_INPUTS", "perhaps", Settings(hide=("inputs",))),
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
    environ = {
        "SPANGLASS_ATTEMPT_SPANS": "always",
        "SPANGLASS_CONVENTIONS": "nonsense",
        "SPANGLASS_MAX_MEDIA_BYTES": "7",
        "OPENINFERENCE_ENABLE_GENAI_SEMCONV": "true",
    }

    loaded = Settings.load(environ, attempt_spans="off", conventions=("spanglass",), max_media_bytes=8)

    assert Settings(conventions=("spanglass",), attempt_spans="off", max_media_bytes=8) == loaded


OPEN: dict[str, Any] = {
    "environ": {"SPANGLASS_HIDE": "", "OPENINFERENCE_HIDE_INPUTS": "false", "OPENINFERENCE_HIDE_OUTPUTS": "false"},
    "config": TraceConfig(hide_inputs=False, hide_outputs=False),
    "hide": (),
}
HIDING: dict[str, dict[str, Any]] = {
    "code": {"hide": ["inputs"]},
    "text in code": {"hide": "inputs"},
    "variable": {"environ": {**OPEN["environ"], "SPANGLASS_HIDE": "inputs"}},
    "variable of OpenInference": {"environ": {**OPEN["environ"], "OPENINFERENCE_HIDE_INPUTS": "true"}},
    "configuration of OpenInference": {"config": TraceConfig(hide_inputs=True)},
}


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_nothing_unhides(hiding: dict[str, Any]) -> None:
    """What one source hides is hidden, though all others say that it is not."""
    assert Settings() == Settings.load(**OPEN)
    assert Settings(hide=("inputs",)) == Settings.load(**{**OPEN, **hiding})


def test_what_several_hide() -> None:
    """What several sources hide is all hidden."""
    environ = {"SPANGLASS_HIDE": "input_text", "OPENINFERENCE_HIDE_LLM_TOOLS": "1"}

    loaded = Settings.load(environ, TraceConfig(hide_outputs=True), hide=("prompts",))

    assert {"input_text", "llm_tools", "outputs", "prompts"} == {*loaded.hide}


@pytest.mark.parametrize(("variable", "given"), [("off", "on"), ("on", "off"), ("OFF", "ON")])
def test_content_off(variable: str, given: str) -> None:
    """Content is off where the variable or the code says so."""
    assert Settings(content="off") == Settings.load({"SPANGLASS_CONTENT": variable}, content=given)


def test_configuration() -> None:
    """OpenInference's configuration gives what it has besides, but for its defaults, and code wins over it."""
    config = TraceConfig(base64_image_max_length=7, enable_genai_semconv=True, blob_uploader=Uploader())
    loaded = Settings.load({"SPANGLASS_MAX_MEDIA_BYTES": "9"}, config)

    assert (7, ("openinference", "spanglass", "gen_ai"), config.blob_uploader) == (
        loaded.max_media_bytes,
        loaded.conventions,
        loaded.uploader,
    )
    assert 8 == Settings.load({}, config, max_media_bytes=8).max_media_bytes
    assert 9 == Settings.load({"SPANGLASS_MAX_MEDIA_BYTES": "9"}, TraceConfig()).max_media_bytes


class Uploader:
    """What OpenInference calls one."""

    def upload(self, blob: Any) -> str | None:
        """Take nothing."""
        return f"s3://bucket/{blob.content_sha256}"

    def shutdown(self, timeout_sec: float = 10.0) -> None:
        """End nothing."""


def test_uploader_of_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """An uploader that only a variable names needs OpenInference's package, and a sentence says so."""
    monkeypatch.setitem(sys.modules, "openinference.instrumentation", None)

    with pytest.raises(ValueError, match="needs the package openinference-instrumentation: install it, or unset"):
        Settings.load({"OPENINFERENCE_BLOB_UPLOADER": "mine"})


async def awaited(record: object) -> None:
    """Come too late."""


CONVENTIONS = "use one or more of openinference, spanglass, gen_ai."
ATTEMPTS = "use one of retries, always, off."
CONTENT = "use one of on, off."
KNOWN = "attempt_spans, content, conventions, hide, max_media_bytes, max_span_bytes, redactor, uploader"
HIDE = f"use one or more of {', '.join(HIDEABLE)}."


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
        (
            {"colour": "red"},
            f"'colour' is not a setting: use one of {KNOWN}.",
        ),
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
    assert option.takes.allows(option.default)
    assert (1, True) == (option.meaning.count(". ") + 1, option.meaning.endswith("."))
