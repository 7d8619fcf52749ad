"""The runs of flows: what has started in each, and which ones go on in other processes too.

Files are merged by correlation ID where a run was in several processes. For that each process keeps
a sample of such runs: those whose IDs have the smallest hashes, so that all processes keep the same
ones without talking to each other (bottom-k sampling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_RUNS = 2000  # in the sample of one process
EVERY_HASH = 1 << 32  # above all hashes


class Run:
    """One run of a flow as this process sees it.

    `started` has the names of the steps by the perf_counter_ns() of their first start; 0 for those
    that started in another process. A run that is not `is_whole` may have had steps that nobody
    told us of. One that `is_shared` also goes on in another process.
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
