"""The counts of one step: of its starts, its ends, and how long it took.

All threads count at once and without a lock. The end of a step is an `append` to a list, which is
one action of the interpreter. The list is folded into counts when it is long, or when the counts
are wanted.

Durations are counted in the buckets of an HDR histogram (https://hdrhistogram.github.io/HdrHistogram/)
so that any number of them takes little room and adds up across processes: 32 buckets of the same
width for each power of two. A bucket is at most 1/32 wide, so its middle is at most 1.6 % off.
Whole numbers only: every machine puts the same duration into the same bucket.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock._graph import node_id, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from penstock._declare import Registry, Step

    Item = TypeVar("Item")

RARE = ("passed", "outside", "ambiguous")  # counts of `Totals` that are mostly 0
_BITS = 5  # of a duration, after the first one; below 64 ns each has a bucket of its own
_WIDTH = 1 << _BITS


@dataclass
class Totals:
    """The counts of one step, of any number of threads or processes.

    `began` counts the starts, `errors` and `cancelled` the ends by an exception. `errors` includes
    `passed`: exceptions that were raised in a step that this one called. `outside` counts the calls
    outside of the step's flow, which are no starts, and `ambiguous` the starts in the latest of
    several runs. `took` counts all ends by the bucket of the duration (see `bucket_of`). `seen`
    has for the id of each predecessor the number of starts that came after it.
    """

    began: int = 0
    errors: int = 0
    cancelled: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])
    took: dict[int, int] = field(default_factory=dict[int, int])
    passed: int = 0
    outside: int = 0
    ambiguous: int = 0

    def add(self, other: Totals) -> None:
        """Add the counts of `other`."""
        self.began += other.began
        self.errors += other.errors
        self.cancelled += other.cancelled
        self.passed += other.passed
        self.outside += other.outside
        self.ambiguous += other.ambiguous
        for step, count in other.seen.items():
            self.seen[step] = self.seen.get(step, 0) + count
        for bucket, count in other.took.items():
            self.took[bucket] = self.took.get(bucket, 0) + count


class Tally:
    """The counts of one step in one process.

    `id`, `name` and `flow` are those of the `step`. `near` has the names of the predecessors in the
    same flow. `far` has those in other flows, as the author wrote them, each with that flow and the
    name there. `after` has the ids of all of them.

    Until `fold` counts them, `done`, `failed`, `passed` and `cancelled` hold the durations in ns of
    the ends, `missed` the predecessors that had not started when the step did, and `outside` and
    `ambiguous` a 0 for each such call.
    """

    __slots__ = (
        "_folded",
        "_missing",
        "after",
        "ambiguous",
        "cancelled",
        "done",
        "failed",
        "far",
        "flow",
        "id",
        "is_entrypoint",
        "missed",
        "name",
        "near",
        "outside",
        "passed",
        "step",
    )

    def __init__(self, step: Step, registry: Registry) -> None:
        flows = registry.flows
        self.step = step
        self.id = node_id(step.flow, step.name)
        self.flow = step.flow
        self.name = step.name
        self.is_entrypoint = step.kind == "entrypoint"
        self.after: dict[str, str] = {}
        self.near: list[str] = []
        self.far: dict[str, tuple[str, str]] = {}
        for reference in step.after:
            flow, name = step.flow, reference
            if flow in flows:
                flow, name = resolve(flows, flow, reference)
            self.after[reference] = node_id(flow, name)
            if flow == step.flow:
                self.near.append(reference)
            else:
                self.far[reference] = (flow, name)
        self.done: list[int] = []
        self.failed: list[int] = []
        self.passed: list[int] = []
        self.outside: list[int] = []
        self.ambiguous: list[int] = []
        self.cancelled: list[int] = []
        self.missed: list[str] = []
        self._folded = Totals()
        self._missing = dict.fromkeys(self.after, 0)

    def is_of(self, other: Tally) -> bool:
        """Tell whether `other` is of the same step, declared in the same way."""
        return (self.id, self.is_entrypoint, self.after, self.near, self.far) == (
            other.id,
            other.is_entrypoint,
            other.after,
            other.near,
            other.far,
        )

    def fold(self) -> None:
        """Turn the lists into counts, one thread at a time; other threads go on meanwhile."""
        folded = self._folded
        failed, passed = _taken(self.failed), _taken(self.passed)
        cancelled = _taken(self.cancelled)
        folded.errors += len(failed) + len(passed)
        folded.passed += len(passed)
        folded.cancelled += len(cancelled)
        folded.outside += len(_taken(self.outside))
        folded.ambiguous += len(_taken(self.ambiguous))
        for durations in (_taken(self.done), failed, passed, cancelled):
            add_durations(durations, folded.took)
            folded.began += len(durations)
        for name in _taken(self.missed):
            self._missing[name] += 1

    def totals(self, unfinished: int) -> Totals:
        """Return the counts; `unfinished` more steps have begun and not ended."""
        folded = self._folded
        began = folded.began + unfinished
        # Another thread may look between a miss and its start.
        seen = {
            id_: max(began - self._missing[reference], 0) for reference, id_ in self.after.items()
        }
        return replace(folded, began=began, seen=seen, took=folded.took.copy())


def _taken(items: list[Item]) -> list[Item]:
    """Return the items and remove them, while other threads may append more."""
    taken = items[:]
    del items[: len(taken)]
    return taken


def bucket_of(nanoseconds: int) -> int:
    """Return the number of the bucket for a duration."""
    shift = nanoseconds.bit_length() - _BITS - 1
    return nanoseconds if shift <= 0 else (shift << _BITS) + (nanoseconds >> shift)


def lowest_of(bucket: int) -> int:
    """Return the shortest duration in a bucket, in nanoseconds."""
    if bucket < 2 * _WIDTH:
        return bucket
    shift = (bucket >> _BITS) - 1
    return (bucket - (shift << _BITS)) << shift


def add_durations(durations: list[int], buckets: dict[int, int]) -> None:
    """Add `durations`, in nanoseconds, to the numbers that are in `buckets`; sorts `durations`."""
    durations.sort()
    at = 0
    while at < len(durations):
        bucket = bucket_of(durations[at])
        end = bisect_left(durations, lowest_of(bucket + 1), at)
        buckets[bucket] = buckets.get(bucket, 0) + end - at
        at = end


def quantile(buckets: Mapping[int, int], share: float) -> int | None:
    """Return the nanoseconds that are not exceeded by `share` (0 to 1) of all durations.

    `buckets` has the number of durations in each bucket. Without any the result is None.
    """
    rank = share * sum(buckets.values())
    reached = 0
    for bucket in sorted(buckets):
        reached += buckets[bucket]
        if reached >= rank:
            return (lowest_of(bucket) + lowest_of(bucket + 1)) // 2
    return None
