"""What stands where spanglass wraps the SDK, once all instrumentors of the SDK are at work that are installed."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISABLED_INSTRUMENTATIONS
from packaging.requirements import Requirement

from spanglass.calls.patch import TARGETS, Target
from spanglass.calls.rivals import OURS, SDK, modules, party
from spanglass.calls.tracing import disabled
from spanglass.cli.finding import NOTE, OK, WRONG, Finding
from spanglass.guard import foreign
from spanglass.instrumentor import OpenAIInstrumentor
from spanglass.settings import Settings

GROUP: Final = "opentelemetry_instrumentor"
RESOURCES: Final = "resources"  # the SDK's package of them
TWICE: Final = "each call gets two spans, and its tokens may count twice"


def patched() -> Iterator[Finding]:
    """Yield who stands where, as in a program in which `opentelemetry-instrument` loads all that is installed."""
    if why := _hindrance():
        yield Finding(NOTE, f"nothing: {why}.")
        return
    with _instrumented() as others:
        yield from others
        for parties, names in _standing().items():
            yield _finding(parties, ", ".join(names))


def _hindrance() -> str | None:
    """Return why nothing would be patched, which is told as wrong elsewhere."""
    if foreign(import_module, SDK) is None:
        return "there is no SDK"
    if disabled():
        return "OTEL_SDK_DISABLED is true"
    return None if foreign(Settings.load, None) else "a setting is malformed, and instrument() raises ValueError"


def _finding(parties: tuple[str, ...], names: str) -> Finding:
    who = " around ".join(parties) or "untouched"
    if parties == (OURS,):
        return Finding(OK, f"{who}: {names}")
    if OURS in parties:
        return Finding(NOTE, f"{who}: {names}")
    return Finding(WRONG, f"{who}: {names}: spanglass does not see what is called there.")


@contextmanager
def _instrumented() -> Generator[list[Finding]]:
    """Instrument the SDK as entry points come, give what there is to say of others, and put everything back."""
    found: list[Finding] = []
    at_work: list[Any] = []
    for entry in entry_points(group=GROUP):
        ours = entry.value.partition(":")[0] == OURS
        if ours or _of_the_sdk(entry):
            instrumentor = OpenAIInstrumentor() if ours else None if _left_out(entry) else foreign(_loaded, entry)
            if not ours:
                found.append(_told(entry, at_work=instrumentor is not None))
            if instrumentor is not None and not instrumentor.is_instrumented_by_opentelemetry:
                at_work.append(instrumentor)
                foreign(lambda each: each.instrument(), instrumentor)
    try:
        yield found
    finally:
        for instrumentor in reversed(at_work):
            if instrumentor.is_instrumented_by_opentelemetry:
                foreign(lambda each: each.uninstrument(), instrumentor)


def _of_the_sdk(entry: EntryPoint) -> bool:
    """Tell whether an entry point is of an instrumentor of the SDK, without importing it."""
    needs = map(Requirement, (entry.dist.requires if entry.dist else None) or ())
    return SDK in entry.value or any(each.name == SDK and "instruments" in str(each.marker) for each in needs)


def _left_out(entry: EntryPoint) -> bool:
    names = {name.strip() for name in os.environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "").split(",")}
    return bool(names & {entry.name, "*"})


def _loaded(entry: EntryPoint) -> Any:
    return entry.load()()


def _told(entry: EntryPoint, *, at_work: bool) -> Finding:
    name = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    if _left_out(entry):
        return Finding(OK, f"{name} is left out by {OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}.")
    if not at_work:
        return Finding(NOTE, f"{name} is installed, and cannot be loaded.")
    return Finding(
        NOTE,
        f"{name} traces the SDK too: where both are at work, as under opentelemetry-instrument, {TWICE}; "
        f"{OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}={entry.name} leaves it out there.",
    )


def _standing() -> dict[tuple[str, ...], list[str]]:
    """Return the places by who stands there, from the outside in."""
    standing: dict[tuple[str, ...], list[str]] = {}
    seen: set[tuple[type, str]] = set()
    for target in TARGETS:
        owner = vars(foreign(import_module, target.module) or object).get(target.owner)
        if owner is not None and target.name in vars(owner) and (owner, target.name) not in seen:
            seen.add((owner, target.name))
            standing.setdefault(_parties(target, vars(owner)[target.name]), []).append(_name(target))
    return standing


def _parties(target: Target, function: Any) -> tuple[str, ...]:
    own = {SDK, target.module.partition(".")[0]}  # the SDK's decorators, and the function itself
    chain = [(module, module.partition(".")[0]) for module in modules(function)]
    return tuple(dict.fromkeys(OURS if first == OURS else party(module) for module, first in chain if first not in own))


def _name(target: Target) -> str:
    """Return where a target stands: of resources by the client's attributes that lead there, else by its library."""
    _, _, inside = target.module.partition(f".{RESOURCES}.")
    *path, last = inside.split(".")
    library = target.module.partition(".")[0]
    around = [name for name in path if name != last] if inside else [library] * (library != SDK)
    return ".".join((*around, target.owner, target.name))
