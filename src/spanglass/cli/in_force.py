"""The settings in force, where each one came from, and what is wrong with any."""

import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any, Final

from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER

from spanglass.cli.finding import NOTE, OK, WRONG, Finding
from spanglass.credentials import scrub_url
from spanglass.export.backlog import Limits
from spanglass.export.words import one_line
from spanglass.openinference import of_environment
from spanglass.settings import OPTIONS, Option, Settings

OFF: Final[tuple[tuple[str, frozenset[str], str], ...]] = (
    (OTEL_SDK_DISABLED, frozenset({"true"}), "nothing is traced and nothing is sent"),
    (OTEL_TRACES_EXPORTER, frozenset({"none"}), "no span is sent"),
    (OTEL_TRACES_SAMPLER, frozenset({"always_off", "parentbased_always_off"}), "no span is recorded"),
)
"""Variables, the values by which they turn tracing off, and what that means."""

SECRET: Final = re.compile(r"HEADER|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|KEY$")
"""What the names of variables have in them whose values are not shown."""

LONGEST: Final = 60  # characters of a variable's value that are shown
OWN: Final = ("SPANGLASS_", "OPENINFERENCE_")


def turned_off() -> list[Finding]:
    """Return the variables that turn tracing off."""
    return [
        Finding(WRONG, f"{name}={value}: {meaning}; unset it.")
        for name, values, meaning in OFF
        if (value := os.environ.get(name, "").strip().lower()) in values
    ]


def in_force() -> Iterator[Finding]:
    """Yield the settings and the variables; what a program gives in code goes before them."""
    yield from turned_off()
    malformed = list(_malformed())
    yield from malformed
    if not malformed:
        settings = Settings.load()
        yield from (_setting(option, getattr(settings, option.field)) for option in OPTIONS)
    yield from (_variable(name) for name in sorted(os.environ) if name.startswith("OTEL_"))
    yield from _unknown()


def _malformed() -> Iterator[Finding]:
    settings = [partial(Settings.load, {name: os.environ[name]}) for name in _set(*OWN)]
    faults = [*map(_fault, settings), _fault(Limits.load)]
    yield from (Finding(WRONG, fault) for fault in faults if fault)


def _set(*prefixes: str) -> list[str]:
    return sorted(name for name in os.environ if name.startswith(prefixes))


def _fault(check: Callable[[], object]) -> str | None:
    try:
        check()
    except ValueError as error:
        return str(error)
    return None


def _setting(option: Option, value: Any) -> Finding:
    text = ", ".join(map(str, value)) if value.__class__ is tuple else "" if value is None else str(value)
    return Finding(OK, f"{option.field}: {text or 'none'} ({' and '.join(_sources(option)) or 'default'})")


def _sources(option: Option) -> list[str]:
    """Return the variables that say something of a setting."""
    own = [option.variable] if os.environ.get(option.variable) else []
    others = (name for name in _set(OWN[1]) if of_environment({name: os.environ[name]}).get(option.field, ()) != ())
    return [*own, *others]


def _variable(name: str) -> Finding:
    given = os.environ[name]
    value = scrub_url(given)
    secret = bool(SECRET.search(name))
    if "ENDPOINT" in name:
        secret |= "@" in given and value == given  # a password in a URL that is malformed
        value = value.partition("?")[0]  # where some services take their key
    shown = "set, and not shown" if secret else one_line(value, LONGEST)
    return Finding(OK, f"{name}: {shown or 'set, and empty'}")


def _unknown() -> Iterator[Finding]:
    """Yield variables that look like ours, and that nobody reads."""
    known = {option.variable for option in OPTIONS}
    for name in _set(OWN[0]):
        if name not in known:
            close = "".join(f": is it {match}?" for match in get_close_matches(name, known, 1))
            yield Finding(NOTE, f"{name} is no setting of spanglass{close or '.'}")
