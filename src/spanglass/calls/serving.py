"""The client whose runner is at work: its tools are traced as its calls are, where it has a Tracing of its own."""

from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

from spanglass.calls.methods import awaited, named
from spanglass.calls.own import OWN
from spanglass.calls.tracing import Tracing
from spanglass.calls.work import Stepping, Untraced, stepping

served: ContextVar[Tracing | None] = ContextVar("spanglass_served", default=None)


class Serving(Untraced):
    """The runner of one client at work, all at once or step by step."""

    def __init__(self, own: Tracing | None) -> None:
        self._own = own
        self._before: Tracing | None = None

    def __enter__(self) -> "Serving":  # noqa: PYI034 - typing.Self came with Python 3.11
        self._before = served.get()
        served.set(self._own)
        return self

    def __exit__(self, *_: object) -> None:
        if served.get() is self._own:  # or else the coroutine was closed in another context
            served.set(self._before)


Of = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def given(_runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the client that a runner is given."""
    return args[0] if args else kwargs["client"]


def of_sessions(dispatcher: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
    """Return the client of an agent's sessions."""
    return dispatcher._sessions._client  # noqa: SLF001 - a resource has no other name for it


def _serving(of: Of, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Serving | None:
    """Return what notes the Tracing of a client's own, or None where it is noted already, or is the process's."""
    try:
        own = of(runner, args, kwargs).__dict__.get(OWN)
    except (AttributeError, KeyError):  # no client: the SDK will say so
        return None
    return None if own is served.get() else Serving(own)


def serving(of: Of, wrapped: Any, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`ComputerToolset.run` and its like."""
    around = _serving(of, runner, args, kwargs)
    if around is None:
        return wrapped(*args, **kwargs)
    with around:
        return wrapped(*args, **kwargs)


def serving_async(of: Of, wrapped: Any, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`AsyncComputerToolset.run` and its like: called at once, and awaited later."""
    around = _serving(of, runner, args, kwargs)
    coroutine = wrapped(*args, **kwargs)
    return coroutine if around is None else awaited(around, coroutine)


def steps(of: Of, wrapped: Any, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`ResponsesToolRunner.iterate`: its tools run as it is advanced."""
    around = _serving(of, runner, args, kwargs)
    generator = wrapped(*args, **kwargs)
    return generator if around is None else named(_stepped(Stepping(generator, around)), generator)


def _stepped(stepped: Stepping) -> Generator[Any, Any, Any]:
    return (yield from stepped)


def steps_async(of: Of, wrapped: Any, runner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`AsyncResponsesToolRunner.iterate`: the same, awaited."""
    around = _serving(of, runner, args, kwargs)
    generator = wrapped(*args, **kwargs)
    if around is None:
        return generator

    def start(*_: object) -> tuple[Serving, Any]:
        return around, generator

    return named(stepping(start)(), generator)
