"""Time functions or statements in turn, in one process, and print the results as JSON."""

from __future__ import annotations

import gc
import json
import time
from timeit import Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 60
LONG_ENOUGH = 300_000  # ns of one timing: over before something else takes the processor


def statement(text: str, **names: Any) -> Callable[[int], object]:
    """Return what executes the statement `text`, in which the `names` are known, so many times."""
    return Timer(text, globals=names).timeit


def least(*runs: Callable[[int], object], turns: int = TURNS) -> list[float]:
    """Return the least nanoseconds of each of `runs` for one time; they take turns.

    Each is called with the number of times.
    """
    gc.collect()
    gc.disable()  # before the counts are found, too: a collection takes as long as one timing
    counts = [_enough(run) for run in runs]
    best = [float("inf")] * len(runs)
    for _ in range(turns):
        for at, run in enumerate(runs):
            best[at] = min(best[at], _taken(run, counts[at]) / counts[at])
    gc.enable()
    return best


def _enough(run: Callable[[int], object]) -> int:
    run(10)  # the first time is another one: it imports and learns
    count = 1
    # The lower of two: other load in one of them would leave a count that times mostly the clock.
    while min(_taken(run, count), _taken(run, count)) < LONG_ENOUGH and count < 1_000_000:
        count *= 2
    return count


def _taken(run: Callable[[int], object], count: int) -> int:
    start = time.perf_counter_ns()
    run(count)
    return time.perf_counter_ns() - start


def show(**results: list[float]) -> None:
    """Print the results: for each key ours, theirs, and where both are added to it, the base."""
    print(json.dumps(results))
