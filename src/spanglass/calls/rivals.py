"""Other parties that wrap what we wrap: they are told of, and where one has put us aside we are put back."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from spanglass.guard import guard, log

OURS = "spanglass"
SDK = "openai"
WATCHED = ("request", "create", "parse")
# Where a client has the resources whose methods they are, from itself on.
PATHS = ((), ("chat", "completions"), ("responses",), ("embeddings",), ("completions",))
# More wrappers than anybody puts around one function.
MOST = 32


class Place(NamedTuple):
    """A method of one of the SDK's classes that calls go through; `put` wraps it where we do not."""

    owner: type
    name: str
    put: Callable[[], None]

    def check(self) -> None:
        """Tell of others, and see to it that we are among them."""
        if self.name not in self.owner.__dict__:
            return  # a class may be given a method of its own later, by a party
        met = _tell(self.owner.__dict__[self.name], f"{self.owner.__qualname__}.{self.name}")
        if OURS not in met and met[-1] == SDK:  # a chain that ends elsewhere does not show what it calls
            self.put()


places: dict[tuple[type, str], Place] = {}
# Whether the next call is the first one since we were put in place: it looks for others.
due = False
_told: set[str] = set()


def modules(found: Any) -> Iterator[str]:
    """Yield where each function of a chain of wrappers is defined, from the outside in."""
    for _ in range(MOST):
        around = getattr(found, "_self_wrapper", None)  # wrapt's
        yield _module(found if around is None else around)
        found = getattr(found, "__wrapped__", None)
        if found is None:
            return


def _module(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    # `__module__` is what `functools.wraps` has written.
    scope: Any = getattr(function, "__globals__", None)
    return type(function).__module__ if scope is None else str(scope["__name__"])


def party(module: str) -> str:
    """Return a module's name up to what is private, or about the SDK: as much as tells whose it is."""
    parts: list[str] = []
    for part in module.split("."):
        if parts and part[:1] == "_":
            break
        parts += [part]
        if part.startswith(SDK):
            break
    return ".".join(parts)


def look(client: Any) -> None:
    """Look at all that calls go through, and at a client whose methods may have been replaced."""
    global due  # noqa: PLW0603 - the process is looked at once
    due = False
    with guard:
        for place in (*places.values(),):
            place.check()
        for path in PATHS:
            holder = client
            for inner in path:
                holder = getattr(holder, "__dict__", {}).get(inner)  # None where it was never asked for
            for name in WATCHED:
                if name in getattr(holder, "__dict__", {}):
                    _replaced(holder, name)


def reach(resource: Any) -> None:
    """See to it that the calls of a resource come to our `request`: a party may have put it aside since."""
    with guard:
        client = resource._client  # noqa: SLF001 - a resource has no other name for it
        if due:
            look(client)
            return
        for owner in client.__class__.__mro__:
            if (owner, "request") in places:
                places[owner, "request"].check()
        if "request" in client.__dict__:
            _replaced(client, "request")


def _replaced(holder: Any, name: str) -> None:
    place = f"{holder.__class__.__qualname__}.{name}"
    if OURS not in _tell(holder.__dict__[name], place) and name == "request" and place not in _told:
        _told.add(place)
        log.warning(
            "spanglass: a client's own %s was replaced before spanglass was there, which sees none of its calls; "
            "instrument spanglass first.",
            place,
        )


def _tell(found: Any, place: str) -> list[str]:
    """Tell of each party in a chain of wrappers, once; return the first words of all names, from the outside in."""
    met: list[str] = []
    for module in modules(found):
        first = module.partition(".")[0]
        met += [first]
        name = party(module)
        if first in {OURS, SDK} or name in _told:
            continue
        _told.add(name)
        log.warning(
            "spanglass: %s also wraps %s: where it traces too, each call gets two spans and its tokens may count "
            "twice; uninstrument one of the two.",
            name,
            place,
        )
    return met
