"""The search for the highest rate that holds."""

from collections.abc import Callable
from typing import Final, NamedTuple

# Below that share of what was asked for, the program itself has no time for more.
KEPT_UP: Final = 0.95
LOWER: Final = 0.9


class Step(NamedTuple):
    """What came of a load: the rate in spans a second, spans that were dropped, seconds until the rest was sent."""

    rate: float
    dropped: int
    rest: float


class Search(NamedTuple):
    """How long is searched: seconds of a step and of the last one, halvings, last steps; seconds a rest may take."""

    step: float
    last: float
    halvings: int
    lasts: int
    rest: float

    def holds(self, step: Step) -> bool:
        """Whether a load can go on for ever: nothing was dropped, and the queue was not filling up."""
        return step.dropped == 0 and step.rest <= self.rest

    def highest(self, load: Callable[[float, float], Step], first: float) -> float:
        """Return the highest rate that holds, or 0; `load` takes a rate and seconds, `first` is tried first.

        Rates are doubled and halved; the one that is found must hold once more, for longer, or a little less does.
        """
        low, high = self._around(load, first)
        for _ in range(self.halvings if low else 0):
            if high <= low:
                break
            middle = (low * high) ** 0.5
            step = load(middle, self.step)
            if not self.holds(step):
                high = middle
            elif step.rate < KEPT_UP * middle:
                low = high = step.rate
            else:
                low = middle
        for _ in range(self.lasts if low else 0):
            step = load(low, self.last)
            if self.holds(step):
                return step.rate
            low *= LOWER
        return 0.0

    def _around(self, load: Callable[[float, float], Step], first: float) -> tuple[float, float]:
        """Return a rate that holds, or 0, and one that does not; the same twice where the program can do no more."""
        low, high, rate = 0.0, 0.0, first
        while rate >= 1 and not (low and high):
            step = load(rate, self.step)
            if not self.holds(step):
                high, rate = rate, rate / 2
            elif step.rate < KEPT_UP * rate:
                return step.rate, step.rate
            else:
                low, rate = rate, rate * 2
        return low, high
