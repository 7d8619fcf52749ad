"""What is counted of each step, by all threads at once and without a lock.

A step's end is an `append` to a list, which the language makes one action; the list is folded into
counts when it is long, or when the counts are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock._evidence import _sketch
from penstock._graph import node_id, resolve

if TYPE_CHECKING:
    from typing import TypeVar

    from penstock._registry import Registry, Step

    Item = TypeVar("Item")


@dataclass
class Totals:
    """The counts of one step, of any number of threads or processes.

    `began` counts the starts, `errors` and `cancelled` the ends by an exception, `took` all ends by
    the bucket of the duration (see `_sketch`), and `seen`, by the id of a predecessor, the starts
    before which that one had started.
    """

    began: int = 0
    errors: int = 0
    cancelled: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])
    took: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, other: Totals) -> None:
        """Add the counts of `other`."""
        self.began += other.began
        self.errors += other.errors
        self.cancelled += other.cancelled
        for step, count in other.seen.items():
            self.seen[step] = self.seen.get(step, 0) + count
        for bucket, count in other.took.items():
            self.took[bucket] = self.took.get(bucket, 0) + count


class Tally:
    """What one process counted of one step.

    `id` and `name` are the step's, `flow` its flow's; `key` is where an operation keeps the run of
    that flow. `near` are the names of its predecessors in the flow. `far` are those in other flows,
    as the author wrote them, each with the key of that flow and the name there. `after` has the ids
    of them all.

    `done`, `failed` and `cancelled` take the durations, in ns, of what ends, and `missed` the
    predecessors that had not started when a step did, until `fold` counts all that.
    """

    __slots__ = (
        "_folded",
        "_missing",
        "after",
        "cancelled",
        "done",
        "failed",
        "far",
        "flow",
        "id",
        "is_entrypoint",
        "key",
        "missed",
        "name",
        "near",
    )

    def __init__(self, step: Step, registry: Registry, prefix: str) -> None:
        flows = registry.flows
        self.id = node_id(step.flow, step.name)
        self.flow = step.flow
        self.name = step.name
        self.is_entrypoint = step.kind == "entrypoint"
        self.key = prefix + step.flow
        self.after: dict[str, str] = {}
        self.near: list[str] = []
        self.far: dict[str, tuple[str, str]] = {}
        for written in step.after:
            flow, name = step.flow, written
            if flow in flows:
                flow, name = resolve(flows, flow, written)
            self.after[written] = node_id(flow, name)
            if flow == step.flow:
                self.near.append(written)
            else:
                self.far[written] = (prefix + flow, name)
        self.done: list[int] = []
        self.failed: list[int] = []
        self.cancelled: list[int] = []
        self.missed: list[str] = []
        self._folded = Totals()
        self._missing = dict.fromkeys(self.after, 0)

    def fold(self) -> None:
        """Turn what the lists have into counts; for one thread at a time, while others go on."""
        folded = self._folded
        failed, cancelled = _taken(self.failed), _taken(self.cancelled)
        folded.errors += len(failed)
        folded.cancelled += len(cancelled)
        for durations in (_taken(self.done), failed, cancelled):
            _sketch.count(durations, folded.took)
            folded.began += len(durations)
        for name in _taken(self.missed):
            self._missing[name] += 1

    def totals(self, unfinished: int) -> Totals:
        """Return what was counted, where `unfinished` more have begun and not ended."""
        folded = self._folded
        began = folded.began + unfinished
        # Between a miss and its start somebody may look.
        seen = {id_: max(began - self._missing[written], 0) for written, id_ in self.after.items()}
        return Totals(began, folded.errors, folded.cancelled, seen, folded.took.copy())


def _taken(items: list[Item]) -> list[Item]:
    """Return what is in `items` and remove it, while other threads may append more."""
    taken = items[:]
    del items[: len(taken)]
    return taken
