"""Every option: one row each, read from code, then from the environment, then its default."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _word(text: str) -> str:
    return text.strip().lower()


class Option(NamedTuple):
    """One row: the field of `Settings`, its variable, its default, how its text is read, what it allows and means."""

    field: str
    variable: str
    default: Any
    read: Callable[[str], Any]
    allowed: tuple[str, ...]
    meaning: str

    def allows(self, value: Any) -> bool:
        """Tell whether a value, read, is one of those allowed, or a tuple of them where the option takes several."""
        if self.default.__class__ is tuple:
            return value.__class__ is tuple and value != () and all(name in self.allowed for name in value)
        return value in self.allowed


def _shown(given: Any) -> str:
    return ",".join(map(str, given)) if given.__class__ in {list, tuple} else str(given)


OPTIONS = (
    Option(
        "conventions",
        "SPANGLASS_CONVENTIONS",
        ("openinference", "spanglass"),
        _names,
        ("openinference", "spanglass", "gen_ai"),
        "The attribute names to write; the first one names the span and sets its status.",
    ),
    Option(
        "attempt_spans",
        "SPANGLASS_ATTEMPT_SPANS",
        "retries",
        _word,
        ("retries", "always", "off"),
        "Spans for HTTP attempts: one for each where a call took more than one or failed, always, or none.",
    ),
    Option(
        "content",
        "SPANGLASS_CONTENT",
        "on",
        _word,
        ("on", "off"),
        "Whether prompts, responses, tools, parameters and error texts are recorded.",
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

    def __post_init__(self) -> None:
        for option in OPTIONS:
            given = getattr(self, option.field)
            value = option.read(given) if isinstance(given, str) else given
            if value.__class__ in {list, tuple}:
                value = tuple(dict.fromkeys(value))
            if not option.allows(value):
                several = "one or more" if option.default.__class__ is tuple else "one"
                message = (
                    f"{option.variable} (or {option.field}=) cannot be {_shown(given)!r}: "
                    f"use {several} of {', '.join(option.allowed)}."
                )
                raise ValueError(message)
            object.__setattr__(self, option.field, value)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> "Settings":
        """Return the settings: `given` wins over the environment, and that over the defaults."""
        environ = os.environ if environ is None else environ
        known = {field.name for field in fields(cls)}
        for name in given:
            if name not in known:
                message = f"{name!r} is not a setting: use one of {', '.join(sorted(known))}."
                raise ValueError(message)
        values = {
            option.field: option.read(environ[option.variable]) for option in OPTIONS if environ.get(option.variable)
        }
        return cls(**{**values, **given})
