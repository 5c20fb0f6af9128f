"""The spans of a trace, as the tree that they make, whatever they say of each other."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Protocol, TypeVar


class Placed(Protocol):
    """What says where it belongs; `start` is in nanoseconds since the epoch."""

    @property
    def id(self) -> int:
        """The span's own id."""
        ...

    @property
    def parent(self) -> int | None:
        """The id of the span that it is in."""
        ...

    @property
    def start(self) -> int:
        """When it began."""
        ...


T = TypeVar("T", bound=Placed)


def ordered(steps: Sequence[T]) -> Iterator[tuple[T, T | None]]:
    """Yield the steps with their parents, each after its own; siblings by start. Of a circle the earliest is a root."""
    by_start = sorted(steps, key=attrgetter("start"))
    ids = {own.id: own for own in by_start}
    children: dict[int, list[T]] = {}
    roots: list[T] = []
    for own in by_start:
        if own.parent is None or own.parent == own.id or own.parent not in ids:
            roots.append(own)
        else:
            children.setdefault(own.parent, []).append(own)
    met: set[int] = set()
    for root in (*roots, *by_start):
        waiting = [root]
        while waiting:
            own = waiting.pop()
            if own.id in met:
                continue
            met.add(own.id)
            yield own, None if own is root or own.parent is None else ids[own.parent]
            waiting += reversed(children.get(own.id, ()))
