"""Every option: one row each, read from code, then from the environment, then its default.

What hides is never un-hidden: it is hidden where code, a variable of ours or of OpenInference's, or its `TraceConfig`
says so.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from spanglass import openinference
from spanglass.openinference import HIDEABLE, MEDIA
from spanglass.record import Record


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _word(text: str) -> str:
    return text.strip().lower()


def _number(text: str) -> Any:
    return int(text) if text.strip().isdecimal() else text


class Takes(NamedTuple):
    """What an option takes: `advice` completes «use …», `values` are shown in a table."""

    allows: Callable[[Any], bool]
    advice: str
    values: str


def _one(*names: str) -> Takes:
    def allows(value: Any) -> bool:
        return value in names

    return Takes(allows, f"one of {', '.join(names)}", _listed(names))


def _several(least: int, *names: str) -> Takes:
    def allows(value: Any) -> bool:
        return value.__class__ is tuple and len(value) >= least and all(name in names for name in value)

    return Takes(allows, f"one or more of {', '.join(names)}", _listed(names))


def _between(least: int, most: int) -> Takes:
    def allows(value: Any) -> bool:
        return value.__class__ is int and least <= value <= most

    return Takes(allows, f"a whole number from {least} to {most}", f"{least:,} to {most:,}")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _redacts(value: Any) -> bool:
    return value is None or (callable(value) and not iscoroutinefunction(value))


def _uploads(value: Any) -> bool:
    return value is None or callable(getattr(value, "upload", None))


class Option(NamedTuple):
    """One row: the field of `Settings`, its variable, its default, how its text is read, what it takes and means.

    One without a variable is given in code only.
    """

    field: str
    variable: str
    default: Any
    read: Callable[[str], Any]
    takes: Takes
    meaning: str

    @property
    def names(self) -> str:
        """The names under which it is given."""
        return f"{self.variable} (or {self.field}=)" if self.variable else f"{self.field}="


def _hidden(source: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a source hides; a value that is none is left to be refused."""
    given = source.get("hide", ())
    if isinstance(given, str):
        return _names(given)
    return tuple(given) if given.__class__ in {list, tuple, set, frozenset} else (given,)


def _shown(given: Any) -> str:
    return ",".join(map(str, given)) if given.__class__ in {list, tuple} else str(given)


OPTIONS = (
    Option(
        "conventions",
        "SPANGLASS_CONVENTIONS",
        ("openinference", "spanglass"),
        _names,
        _several(1, "openinference", "spanglass", "gen_ai"),
        "The attribute names to write; the first one names the span and sets its status.",
    ),
    Option(
        "attempt_spans",
        "SPANGLASS_ATTEMPT_SPANS",
        "retries",
        _word,
        _one("retries", "always", "off"),
        "Spans for HTTP attempts: one for each where a call took more than one or failed, always, or none.",
    ),
    Option(
        "content",
        "SPANGLASS_CONTENT",
        "on",
        _word,
        _one("on", "off"),
        "Whether prompts, responses, tools, parameters and error texts are recorded.",
    ),
    Option(
        "hide",
        "SPANGLASS_HIDE",
        (),
        _names,
        _several(0, *HIDEABLE),
        "Parts of the content that are not recorded, and with any of them the texts of errors, which may quote it.",
    ),
    Option(
        "redactor",
        "",
        None,
        str,
        Takes(_redacts, "a function that takes a spanglass.Record, and is not async", "a function"),
        "What changes the record of a call in place before anything is written; where it raises, all content goes.",
    ),
    Option(
        "max_media_bytes",
        "SPANGLASS_MAX_MEDIA_BYTES",
        MEDIA,
        _number,
        _between(0, 4_000_000),
        "How long an image, a sound or a file may be as it is sent, before its type, size and sha256 replace it.",
    ),
    Option(
        "max_span_bytes",
        "SPANGLASS_MAX_SPAN_BYTES",
        2_097_152,
        _number,
        _between(16_384, 4_000_000),
        "How long all texts of a span may be together, and each one an eighth of that; longer ones are cut.",
    ),
    Option(
        "uploader",
        "",
        None,
        str,
        Takes(_uploads, "what has OpenInference's method upload(blob)", "a `BlobUploader`"),
        "What is given each medium that is too long, and says where it can be found; never where anything is hidden.",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one instrumentor; `Settings.load()` reads what is not given from the environment.

    Raises ValueError, with a sentence that names the variable and what it allows, for a value that is not allowed.
    """

    conventions: tuple[str, ...] = ("openinference", "spanglass")
    attempt_spans: str = "retries"
    content: str = "on"
    hide: tuple[str, ...] = ()
    redactor: Callable[[Record], object] | None = None
    max_media_bytes: int = MEDIA
    max_span_bytes: int = 2_097_152
    uploader: Any = None

    def __post_init__(self) -> None:
        for option in OPTIONS:
            given = getattr(self, option.field)
            value = option.read(given) if isinstance(given, str) else given
            if value.__class__ in {list, tuple, set, frozenset}:
                value = tuple(dict.fromkeys(value))
            if not option.takes.allows(value):
                message = f"{option.names} cannot be {_shown(given)!r}: use {option.takes.advice}."
                raise ValueError(message)
            object.__setattr__(self, option.field, value)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, config: Any = None, **given: Any) -> "Settings":
        """Return the settings: `given` wins over `config`, that over the environment, and that over the defaults.

        `config` is OpenInference's `TraceConfig`. What one of them hides stays hidden, whatever the others say.
        """
        environ = os.environ if environ is None else environ
        known = {field.name for field in fields(cls)}
        for name in given:
            if name not in known:
                message = f"{name!r} is not a setting: use one of {', '.join(sorted(known))}."
                raise ValueError(message)
        own = {
            option.field: option.read(environ[option.variable]) for option in OPTIONS if environ.get(option.variable)
        }
        sources = (openinference.of_environment(environ), own, openinference.of_config(config), given)
        values = {name: source[name] for source in sources for name in source}
        values["hide"] = tuple(name for source in sources for name in _hidden(source))
        if any(_word(str(source.get("content"))) == "off" for source in sources):
            values["content"] = "off"
        return cls(**values)
