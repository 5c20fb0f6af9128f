"""`@trace`: a function of the program's, as the span that all calls inside it are in.

It takes functions, methods, static and class methods, coroutines, generators and async generators.

```python
from spanglass import trace


@trace(name="answer", session="s-1", tags=["beta"])
def answer(question: str) -> str:
    return question.upper()


assert answer("why?") == "WHY?"
```
"""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from functools import partial, wraps
from inspect import Parameter, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any, NamedTuple, TypeVar, overload

from opentelemetry.context import get_current

from spanglass.calls import tracing
from spanglass.calls.suppressed import OLDER, SUPPRESSED
from spanglass.calls.work import UNTRACED, Stepping, Steps, Untraced, Work, begin, stepping
from spanglass.context import said, with_said
from spanglass.guard import foreign, guard
from spanglass.plain import encode, fields
from spanglass.record import Record
from spanglass.semconv import openinference as oi
from spanglass.writers.values import clean_text

F = TypeVar("F", bound="Callable[..., Any] | staticmethod[Any, Any] | classmethod[Any, Any, Any]")

KINDS = (
    "AGENT", "CHAIN", "EMBEDDING", "EVALUATOR", "GUARDRAIL", "LLM", "PROMPT", "RERANKER", "RETRIEVER", "TOOL",
)  # fmt: skip
METHODS: Any = (staticmethod, classmethod)
# Where the model that is expected stands in a span's metadata.
MODEL_NAME = "model_name"


class _Plan(NamedTuple):
    """What the decorator was given: `said` by the keys of a context."""

    name: str | None
    kind: str
    model_name: str | None
    said: Mapping[str, Any]


@overload
def trace(function: F, /) -> F: ...


@overload
def trace(
    *,
    name: str | None = None,
    prompt: str | None = None,
    model_name: str | None = None,
    project: str | None = None,
    environment: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    session: str | None = None,
    user: str | None = None,
    tags: Sequence[str] | None = None,
    kind: str = "CHAIN",
) -> Callable[[F], F]: ...


def trace(  # noqa: PLR0913 - one option each, all by name
    function: Any = None,
    /,
    *,
    name: str | None = None,
    prompt: str | None = None,
    model_name: str | None = None,
    project: str | None = None,
    environment: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    session: str | None = None,
    user: str | None = None,
    tags: Sequence[str] | None = None,
    kind: str = "CHAIN",
) -> Any:
    """Make each run of a function a span, in which the calls inside it are.

    The function's signature, type and exceptions stay what they were. Its arguments are the span's input, and what it
    returns or yields the output; they are hidden as calls are, and never hold credentials. `name` is the span's, else
    the function's, and `prompt` another word for it; `kind` one of OpenInference's, such as AGENT or TOOL. `session`,
    `user`, `metadata` and `tags` are those of all spans inside. `model_name`, the model that is expected, stands in
    the span's own metadata. `project` and `environment` are those of the whole trace, as with `using`.

    Raises TypeError for what is no function, and ValueError for an unknown kind.
    """
    known = said(session=session, user=user, metadata=metadata, tags=tags, project=project, environment=environment)
    plan = _Plan(name or prompt, _kind(kind), model_name, known)
    return partial(_traced, plan) if function is None else _traced(plan, function)


def _kind(kind: str) -> str:
    if str(kind).upper() not in KINDS:
        message = f"kind= cannot be {kind!r}: use one of {', '.join(KINDS)}."
        raise ValueError(message)
    return kind.upper()


def _traced(plan: _Plan, function: Any) -> Any:
    if isinstance(function, METHODS):
        return function.__class__(_traced(plan, function.__func__))
    if isinstance(function, type) or not callable(function):
        message = (
            f"trace decorates a function or a method, not {function!r}: use @trace, or @trace(name=…) with options by "
            "name."
        )
        raise TypeError(message)
    of_class = type(function).__call__  # that of an object says what its calls are
    wrap = next((wrap for fits, wrap in WRAPPERS if fits(function) or fits(of_class)), _function)
    return wraps(function)(wrap(function, partial(_begin, plan, *_names(plan, function))))


def _names(plan: _Plan, function: Any) -> tuple[str, tuple[str, ...], str]:
    """Return the span's name, and those of the function's parameters: in order, and of the rest."""
    named = function
    while isinstance(named, partial):
        named = named.func
    path = str(getattr(named, "__qualname__", named.__class__.__qualname__)).rpartition("<locals>.")[2]
    found = foreign(signature, function)
    parameters = [] if found is None else [*found.parameters.values()]
    rest = next((each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL), "args")
    names = [each.name for each in parameters if each.kind <= Parameter.POSITIONAL_OR_KEYWORD]
    if "." in path and names[:1] in (["self"], ["cls"]):
        names[0] = ""
    return clean_text(plan.name or path), tuple(names), rest


def _given(names: tuple[str, ...], rest: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by their names, without the object that a method is of."""
    given: dict[str, Any] = {name: value for name, value in zip(names, args, strict=False) if name}
    if len(args) > len(names):
        given[rest] = args[len(names) :]
    return {**given, **kwargs}


def _begin(  # noqa: PLR0913, PLR0917 - of the plan, the function and the call
    plan: _Plan,
    name: str,
    names: tuple[str, ...],
    rest: str,
    work: type[Work],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Work | Untraced:
    """Begin a run."""
    with guard:
        chosen = tracing.current or tracing.usual()
        around = get_current()
        # As `suppressed` does, free of a call.
        if chosen is None or (around.get(SUPPRESSED)) or (around.get(OLDER)):
            return UNTRACED
        context = with_said(plan.said)
        record = Record(name, plan.kind, "")
        chosen.read_context(record, context)
        if plan.model_name is not None:
            record.context = _expecting(plan.model_name, record.context or {})
        return begin(work, chosen, record, context, _given(names, rest, args, kwargs))
    return UNTRACED


def _expecting(model_name: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the span, with the model that is expected."""
    known: Any = foreign(json.loads, context.get(oi.METADATA, "{}"))
    return {**context, oi.METADATA: encode({**fields(known), MODEL_NAME: model_name})}


Begin = Callable[[type[Work], tuple[Any, ...], Mapping[str, Any]], Any]


def _function(function: Callable[..., Any], start: Begin) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start(Work, args, kwargs) as work:
            return work.deliver(function(*args, **kwargs))

    return wrapper


def _coroutine(function: Callable[..., Any], start: Begin) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with start(Work, args, kwargs) as work:
            return work.deliver(await function(*args, **kwargs))

    return wrapper


def _generator(function: Callable[..., Any], start: Begin) -> Callable[..., Generator[Any, Any, Any]]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = start(Steps, args, kwargs)
        return (yield from Stepping(function(*args, **kwargs), steps))

    return wrapper


def _async_generator(function: Callable[..., Any], start: Begin) -> Callable[..., AsyncGenerator[Any, Any]]:
    return stepping(lambda args, kwargs: (start(Steps, args, kwargs), function(*args, **kwargs)))


WRAPPERS: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (isasyncgenfunction, _async_generator),
    (iscoroutinefunction, _coroutine),
    (isgeneratorfunction, _generator),
)
