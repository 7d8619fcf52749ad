"""Times for tests, as the machine would need that the limits were set on, whatever else it does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The CPU seconds of `_yardstick` there: 2 cores, Python 3.11, nothing else running.
_QUIET = 0.025


def _yardstick() -> float:
    """Return the CPU seconds of work of the kind that is timed: strings, tuples, dicts, sorting."""
    start = time.process_time()
    found = {f"s{index}": (index * 7919 % 10_007, f"{index}") for index in range(20_000)}
    ordered = sorted(found, key=found.__getitem__)
    "\n".join(f"{each} --> {found[each][1]}" for each in ordered)
    return time.process_time() - start


def seconds(call: Callable[[], object], times: int = 5) -> float:
    """Return the CPU seconds of the fastest of several calls, on the machine as it was then."""
    taken: list[float] = []
    for _ in range(times):
        slower = max(1.0, _yardstick() / _QUIET)
        start = time.process_time()
        call()
        taken.append((time.process_time() - start) / slower)
    return min(taken)
