"""What is wrapped, as a table; applied and undone, counted."""

import sys
from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any, NamedTuple
from weakref import WeakSet

import wrapt

from spanglass.calls import callers, rivals, runner
from spanglass.calls.callers import Wrapper, family_of
from spanglass.calls.methods import method, method_async, opening
from spanglass.calls.own import OWN, handed, renew
from spanglass.calls.tracing import Tracing
from spanglass.endpoints import ADDRESSED, ENDPOINTS
from spanglass.endpoints.endpoint import Endpoint
from spanglass.guard import guard


class Target(NamedTuple):
    """One attribute of one class, and what goes around it."""

    module: str
    owner: str
    name: str
    wrapper: Callable[[Any], Wrapper]


def _as_is(wrapper: Wrapper) -> Callable[[Any], Wrapper]:
    return lambda _: wrapper


def _for_family(wrapper: Callable[..., Any]) -> Callable[[Any], Wrapper]:
    return lambda module: partial(wrapper, family_of(module))


# The class stands in the package up to 1.5x, and one module deeper since; up to 1.91 the beta has one of its own.
COMPLETIONS = (
    "openai.resources.chat.completions",
    "openai.resources.chat.completions.completions",
    "openai.resources.beta.chat.completions",
)
RESPONSES = ("openai.resources.responses.responses", "openai.resources.beta.responses.responses")
INPUT_TOKENS = ("openai.resources.responses.input_tokens", "openai.resources.beta.responses.input_tokens")
COPIES = ("copy", "with_options")


class Methods(NamedTuple):
    """Methods of a resource that call one endpoint, wherever its class stands."""

    modules: tuple[str, ...]
    owner: str
    names: tuple[str, ...]
    endpoint: Endpoint


METHODS = (
    Methods(COMPLETIONS, "Completions", ("create", "parse"), ENDPOINTS["post", "/chat/completions"]),
    Methods(("openai.resources.completions",), "Completions", ("create",), ENDPOINTS["post", "/completions"]),
    Methods(("openai.resources.embeddings",), "Embeddings", ("create",), ENDPOINTS["post", "/embeddings"]),
    Methods(RESPONSES, "Responses", ("create", "parse"), ENDPOINTS["post", "/responses"]),
    Methods(RESPONSES, "Responses", ("compact",), ENDPOINTS["post", "/responses/compact"]),
    Methods(RESPONSES, "Responses", ("retrieve",), ADDRESSED["get", "responses", ""]),
    Methods(RESPONSES, "Responses", ("cancel",), ADDRESSED["post", "responses", "cancel"]),
    Methods(INPUT_TOKENS, "InputTokens", ("count",), ENDPOINTS["post", "/responses/input_tokens"]),
)
OPENING = ((COMPLETIONS, "Completions"), (RESPONSES, "Responses"))

TARGETS = (
    Target("openai._base_client", "SyncAPIClient", "request", _as_is(callers.request)),
    Target("openai._base_client", "AsyncAPIClient", "request", _as_is(callers.request_async)),
    # They have none of their own, unless a party has given them one, which ours must then go around.
    Target("openai._client", "OpenAI", "request", _as_is(callers.request)),
    Target("openai._client", "AsyncOpenAI", "request", _as_is(callers.request_async)),
    Target("openai._base_client", "BaseClient", "_build_request", _as_is(callers.build)),
    Target("openai._streaming", "Stream", "__stream__", _as_is(callers.stream)),
    Target("openai._streaming", "AsyncStream", "__stream__", _as_is(callers.stream_async)),
    *(Target(module, "Client", "send", _for_family(callers.send)) for module in ("httpx", "httpx2")),
    *(Target(module, "AsyncClient", "send", _for_family(callers.send_async)) for module in ("httpx", "httpx2")),
    *(
        Target(module, family + methods.owner, name, _as_is(partial(wrapper, methods.endpoint, name)))
        for methods in METHODS
        for module in methods.modules
        for family, wrapper in (("", method), ("Async", method_async))
        for name in methods.names
    ),
    *(
        Target(module, family + owner, "stream", _as_is(opening))
        for modules, owner in OPENING
        for module in modules
        for family in ("", "Async")
    ),
    *(Target(module, owner, name, _as_is(wrapper)) for module, owner, name, wrapper in runner.ROWS),
)


class Patch(NamedTuple):
    """What was put in place, and what stood there before."""

    owner: type
    name: str
    before: Any
    wrapper: Any


_lock = RLock()
_users = 0
# What clients are traced with that have their own: held by them, and by their copies and open streams, alone.
_owned: WeakSet[Tracing] = WeakSet()
_hooked: set[str] = set()
_patches: list[Patch] = []


def apply() -> None:
    """Put the wrappers in place where they are not, now and as modules are imported; each call wants one `undo`."""
    global _users  # noqa: PLW0603 - the process has one set of patches
    with _lock:
        _users += 1
        _place()


def own(client: Any, tracing: Tracing) -> None:
    """Trace one client, and the copies that it makes of itself, with `tracing`; the wrappers stay while one lives."""
    with _lock:
        if tracing not in _owned:
            _owned.add(tracing)
            _place()
        for kind in type(client).__mro__:
            for name in COPIES:
                if callable(kind.__dict__.get(name)):
                    _patch(kind, name, _as_is(_copied))
    client.__dict__[OWN] = tracing
    with guard:
        renew(client)


def undo() -> None:
    """Put back what stood there, once nobody wants the wrappers, and no client with a Tracing of its own is alive.

    One that another party has wrapped stays where it is and is silent; it serves again with the next `apply`.
    """
    global _users, _patches  # noqa: PLW0603 - as above
    with _lock:
        _users -= 1
        if _wanted():
            return
        covered: list[Patch] = []
        for patch in _patches:
            if patch.owner.__dict__.get(patch.name) is patch.wrapper:
                setattr(patch.owner, patch.name, patch.before)
            elif _stands(patch):
                covered.append(patch)
        _patches = covered


def _wanted() -> bool:
    return bool(_users or _owned)


def _place() -> None:
    rivals.due = True
    for module in dict.fromkeys(target.module for target in TARGETS):
        if module in _hooked:
            _imported(sys.modules.get(module))
        else:
            # A hook cannot be taken back: one a process, which asks whether it is wanted.
            _hooked.add(module)
            wrapt.register_post_import_hook(_imported, module)


def _copied(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`copy` and `with_options`: a client's copy is traced as it is itself."""
    kept = getattr(client, "__dict__", {})  # a static method of that name is nobody's
    if OWN not in kept:
        return wrapped(*args, **kwargs)
    before = handed.get()
    handed.set(kept[OWN])
    try:
        made = wrapped(*args, **kwargs)
    finally:
        handed.set(before)
    with guard:
        if type(made) is type(client):
            made.__dict__[OWN] = kept[OWN]
        else:
            own(made, kept[OWN])
    return made


def _stands(patch: Patch) -> bool:
    """Tell whether a wrapper of ours is still there, be it under others'."""
    found = patch.owner.__dict__.get(patch.name)
    while found is not None and found is not patch.wrapper:
        found = getattr(found, "__wrapped__", None)
    return found is not None


def _imported(module: Any) -> None:
    with guard, _lock:
        if module is None or not _wanted():
            return
        for target in TARGETS:
            owner = module.__dict__.get(target.owner)  # as it stands: not by a module's own `__getattr__`
            if target.module == module.__name__ and owner is not None:
                _patch(owner, target.name, target.wrapper, module)


def _patch(owner: Any, name: str, wrapper: Callable[[Any], Wrapper], module: Any = None) -> None:
    if name in rivals.WATCHED:
        rivals.places[owner, name] = rivals.Place(owner, name, partial(_again, owner, name, wrapper, module))
    before = owner.__dict__.get(name)
    if before is None or any(module.partition(".")[0] == rivals.OURS for module in rivals.modules(before)):
        return
    around = wrapt.FunctionWrapper(before, wrapper(module))
    setattr(owner, name, around)
    _patches.append(Patch(owner, name, before, around))


def _again(owner: Any, name: str, wrapper: Callable[[Any], Wrapper], module: Any) -> None:
    with _lock:
        if _wanted():
            _patch(owner, name, wrapper, module)
