"""The time axis of a trace: where a time is on it, and which times are written along it."""

from dataclasses import dataclass
from typing import Final, NamedTuple

MICROSECOND, MILLISECOND, SECOND = 10**3, 10**6, 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND

UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "µs"))
ROUND: Final = (
    *(digit * 10**power for power in range(3, 11) for digit in (1, 2, 5) if digit * 10**power < MINUTE),
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 3, 6, 12)),
    *(digit * 10**power * DAY for power in range(5) for digit in (1, 2, 5)),
)
"""The steps that ticks may have, in nanoseconds: each is a round number of its unit."""
MOST: Final = 5
"""Steps that an axis has at most."""
LAST: Final = 84.0
"""Percent after which no tick is labelled: there the end of the axis is."""
LEAST: Final = 0.15
"""Percent that the shortest part has on the axis, which then is still seen."""


class Tick(NamedTuple):
    """A line at a round time, at so many percent of the axis; no label where there is no room for it."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """From the first start to the last end of a trace, in nanoseconds since the epoch."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Nanoseconds; at least one."""
        return max(self.end - self.start, 1)

    def place(self, at: int) -> float:
        """Return where a time is, in percent; what lies outside is at the nearer end."""
        return round(100 * (min(max(at, self.start), self.end) - self.start) / self.length, 3)

    def part(self, start: int, end: int) -> tuple[float, float]:
        """Return where a part begins and how wide it is, in percent; none is too narrow to be seen."""
        x = min(self.place(start), 100 - LEAST)
        return x, round(max(self.place(end) - x, LEAST), 3)

    def ticks(self) -> list[Tick]:
        """Return the round times from 0 on."""
        step = next((step for step in ROUND if self.length / step <= MOST), ROUND[-1])
        size, unit = next((one for one in UNITS if one[0] <= self.length and 100 * step % one[0] == 0), UNITS[-1])
        if self.end <= self.start:
            return [Tick(0, "0 ms")]
        places = [(at, self.place(self.start + at)) for at in range(0, self.length, step)][: 2 * MOST]
        return [Tick(x, f"{at / size:,g} {unit}" if x <= LAST else "") for at, x in places]
