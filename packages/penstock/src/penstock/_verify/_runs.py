"""The runs of flows, and the starts in them that one process alone cannot explain.

A start of a step, not of an entrypoint, before which none of the declared predecessors is known to
have started is *undeclared*, unless the file of another process knows better: the tasks of a chord
run in several processes, and so do those that an orchestrator sends in turn. A start before which
some predecessors had started is explained, but where the run is in other processes too, the others
may have started there. Both are *questions*. Equal questions are counted together, with a sample of
the correlation IDs by which files are merged.

For that each process keeps a sample of the runs that are in several processes: those whose IDs have
the smallest hashes, so that all processes keep the same ones without talking to each other
(bottom-k sampling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_RUNS = 2000  # in the sample of one process
EVERY_HASH = 1 << 32  # above all hashes
MOST_KINDS = 200  # questions that one process tells apart
MOST_ASKED = 128  # correlation IDs that are kept for each
MOST_NAMES = 32  # steps in a path, and of what happened before


class Run:
    """One run of a flow as this process sees it.

    `started` has the names of the steps by the perf_counter_ns() of their first start; 0 for those
    that started in another process. A run that is not `is_whole` may have had steps that this
    process does not know of. One that `is_shared` also goes on in another process.
    """

    __slots__ = ("correlation_id", "flow", "is_shared", "is_whole", "started")

    def __init__(self, flow: str | None, correlation_id: str | None, *, is_whole: bool) -> None:
        self.flow = flow
        self.correlation_id = correlation_id
        self.started: dict[str, int] = {}
        self.is_whole = is_whole
        self.is_shared = False


class Sample:
    """The runs with the smallest hashes, up to twice `MOST_RUNS`; not for several threads at once.

    Of every correlation ID whose hash is below `limit`, all that was offered is still here.
    """

    def __init__(self) -> None:
        # By correlation ID: each run, and how many of its steps `changed` has given.
        self._runs: dict[str, list[tuple[Run, list[int]]]] = {}
        self.limit: int = EVERY_HASH

    def offer(self, run: Run) -> None:
        """Keep `run`, unless there are enough with smaller hashes."""
        correlation_id = run.correlation_id
        if correlation_id is None or hash_of(correlation_id) >= self.limit:
            return
        runs = self._runs.setdefault(correlation_id, [])
        if not any(each is run for each, _ in runs):
            runs.append((run, [0]))
        if len(self._runs) > 2 * MOST_RUNS:  # half at once, so that it is sorted seldom
            self.limit = sorted(map(hash_of, self._runs))[MOST_RUNS]
            self._runs = {
                each: runs for each, runs in self._runs.items() if hash_of(each) < self.limit
            }

    def changed(self, *, every: bool = False) -> Iterator[tuple[Run, dict[str, int]]]:
        """Give each run in which more has started since the last time, or `every` one.

        With it come the names of what started in this process, by perf_counter_ns().
        """
        for runs in self._runs.values():
            for run, given in runs:
                if every or len(run.started) != given[0]:
                    started = list(run.started.items())
                    given[0] = len(started)
                    yield run, {name: began for name, began in started if began}


def hash_of(correlation_id: str) -> int:
    """Return the 32 bits that decide whether a run is in the sample."""
    return crc32(correlation_id.encode("utf-8", "surrogatepass"))


class Question(NamedTuple):
    """A start of a step, the frames around it, and the steps that had started before it.

    `step` and the steps in `path`, outermost first, are ids; other frames in it are "kind name".
    `before` has the names of the flow's steps that had started, in that order, and `missing` the
    ids of the predecessors that had not. `is_explained` where some predecessor had.
    """

    step: str
    is_explained: bool
    missing: tuple[str, ...]
    path: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


class Asked:
    """How often a question came up, and when, for the correlation IDs with the smallest hashes.

    `asked` has the perf_counter_ns() of the first time for each ID whose hash is below `limit`.
    """

    __slots__ = ("asked", "count", "limit")

    def __init__(self) -> None:
        self.count = 0
        self.asked: dict[str, int] = {}
        self.limit = EVERY_HASH

    def add(self, correlation_id: str | None, when: int) -> None:
        """Count one more, at the perf_counter_ns() `when`."""
        self.count += 1
        if correlation_id is None or hash_of(correlation_id) >= self.limit:
            return
        self.asked.setdefault(correlation_id, when)
        if len(self.asked) > 2 * MOST_ASKED:  # half at once, so that it is sorted seldom
            self.limit = sorted(map(hash_of, self.asked))[MOST_ASKED]
            self.asked = {
                each: when for each, when in self.asked.items() if hash_of(each) < self.limit
            }


class Questions:
    """All questions of one process; not for several threads at once."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Question, Asked] = {}

    def ask(self, question: Question, correlation_id: str | None, when: int) -> None:
        """Count `question`; where there are too many kinds, without how it was come by."""
        asked = self._kinds.get(question)
        if asked is None:
            if len(self._kinds) >= MOST_KINDS:
                question = question._replace(path=(), before=())
            asked = self._kinds.setdefault(question, Asked())
        asked.add(correlation_id, when)

    def __iter__(self) -> Iterator[tuple[Question, Asked]]:
        return iter(self._kinds.items())
