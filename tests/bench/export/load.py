"""A load of so many a second, from so many threads."""

import threading
from collections.abc import Callable
from time import perf_counter, sleep
from typing import Final, NamedTuple

End = Callable[[int], object]

# How often the threads wake up at most, all together: more would be the load.
WAKES: Final = 3_200
# How many a thread that is behind does before it looks at the clock.
CATCHING_UP: Final = 20


class Done(NamedTuple):
    """What a load came to: how many, in how many seconds."""

    calls: int
    seconds: float


def load(ends: list[End], rate: float, seconds: float) -> Done:
    """Have each of `ends` called on a thread of its own, `rate` times a second in all.

    Each gets the number of the call, which no other call gets. Threads that do not keep up do what they can.
    """
    begun = perf_counter()
    counts = [0] * len(ends)
    share = rate / len(ends)
    pause = max(0.002, len(ends) / WAKES)

    def work(place: int) -> None:
        end = ends[place]
        count = 0
        start = begun + place / rate
        while (now := perf_counter()) < begun + seconds:
            due = int((now - start) * share) + 1 if now >= start else 0
            for _ in range(min(due - count, CATCHING_UP)):
                end(count * len(ends) + place)
                count += 1
            if count >= due:
                sleep(min(max(pause, start + count / share - now), seconds))
        counts[place] = count

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(ends))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Done(sum(counts), perf_counter() - begun)
