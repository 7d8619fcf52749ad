"""The runs of flows, and the starts in them that one process alone cannot explain.

A start of a step is *undeclared* if the step is no entrypoint and none of its declared predecessors
had started. The file of another process may still explain it: the tasks of a chord run in several
processes, and so do tasks that an orchestrator sends in turn. A start is explained if some of the
predecessors had started. If the run is in other processes too, the other predecessors may have
started there. In both cases there is a *question*. Equal questions are counted together, with a
sample of the runs, by their keys: the files of several processes are merged by these.

So each process keeps a sample of the runs that are in several processes: the runs whose keys have
the smallest hashes. All processes keep the same ones, without talking to each other (bottom-k
sampling).

The names of the steps that have started in a run travel with a frame, as a JSON list. The run of
the frame's own flow is in `FIELD`. Runs of other flows in the operation are in `FIELD_OF_RUN` and
the flow; corectx does not send these by HTTP. The first item of a list is null if it may lack
steps. corectx limits the size of one field.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from penstock._declare import Step
from penstock._graph import node_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeVar

    from corectx import Frame

    Value = TypeVar("Value")

MOST_RUNS = 2000  # in the sample of one process
EVERY_HASH = 1 << 32  # above all hashes
MOST_KINDS = 200  # different questions of one process
MOST_ASKED = 128  # runs of one question
MOST_NAMES = 32  # steps in a path, and steps before

FIELD = "started"
FIELD_OF_RUN = "run:started:"
_MOST_TEXT = 1024  # characters of one list
MOST_TEXTS = 3072  # of all lists
_MOST_NAME = 256  # characters, as in corectx


class Run:
    """One run of a flow as this process sees it.

    `started` has for each step's name the perf_counter_ns() of its first start, or 0 if it started
    in another process, or before the run began. `inner` has the same for steps in runs of the same
    flow that began inside this one, and `outer` is such a run around this one. If the run is not
    `is_whole`, steps may have started of which this process does not know. If it `is_shared`, it
    also goes on in another process, by its `run_id`.
    """

    __slots__ = (
        "correlation_id",
        "flow",
        "inner",
        "is_shared",
        "is_whole",
        "outer",
        "run_id",
        "started",
    )

    def __init__(self, flow: str | None, correlation_id: str | None, *, is_whole: bool) -> None:
        self.flow = flow
        self.correlation_id = correlation_id
        self.run_id: str | None = None
        self.started: dict[str, int] = {}
        self.inner: dict[str, int] = {}
        self.outer: Run | None = None
        self.is_whole = is_whole
        self.is_shared = False

    @property
    def key(self) -> str | None:
        """The correlation ID, a slash, and the ID of the run, if it has one."""
        correlation_id, id_ = self.correlation_id, self.run_id
        return (
            correlation_id if correlation_id is None or id_ is None else f"{correlation_id}/{id_}"
        )

    def has_started(self, name: str) -> bool:
        """Tell whether the step `name` has started in this run, or in a run inside it."""
        return name in self.started or name in self.inner

    def begin_after(self, earlier: Run, *, is_inside: bool) -> None:
        """Begin with the steps that have started in `earlier`, also as a part of it `is_inside`."""
        self.started.update(dict.fromkeys(earlier.started, 0))
        self.is_whole = earlier.is_whole
        if is_inside:
            self.outer = earlier

    def tell_outer(self, name: str, when: int) -> None:
        """Tell the runs around this one that a step has started."""
        outer = self.outer
        while outer is not None:
            outer.inner.setdefault(name, when)
            outer = outer.outer


def names_as_text(run: Run) -> str:
    """Return the names that have started in `run`; the first ones are left out first."""
    names = [*run.started, *run.inner]
    text = json.dumps(names if run.is_whole else [None, *names], separators=(",", ":"))
    while len(text) > _MOST_TEXT:
        names = names[len(names) // 4 + 1 :]
        text = json.dumps([None, *names], separators=(",", ":"))
    return text


def names_in(text: object) -> tuple[list[str], bool]:
    """Return the names in `text`, and whether these are all. A foreign text has none."""
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        return [], False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [], False
    if not isinstance(found, list):
        return [], False
    items: list[Any] = found
    names = [each for each in items if isinstance(each, str) and len(each) <= _MOST_NAME]
    return names, len(names) == len(items)


class Sample:
    """The runs with the smallest hashes, up to twice `MOST_RUNS`; not for several threads at once.

    All offered runs of every key whose hash is below `limit` are still here.
    """

    def __init__(self) -> None:
        # By key: each run, and the number of its steps that `changed` has yielded.
        self._runs: dict[str, list[tuple[Run, list[int]]]] = {}
        self.limit: float = EVERY_HASH

    def offer(self, run: Run) -> None:
        """Keep `run`, which was not offered before, unless there are enough with smaller hashes."""
        key = run.key
        if key is None or hash_of(key) >= self.limit:
            return
        self._runs.setdefault(key, []).append((run, [0]))
        if len(self._runs) > 2 * MOST_RUNS:  # drop half at once, to sort seldom
            self._runs, self.limit = smallest(self._runs, self.limit, MOST_RUNS)

    def changed(self, *, every: bool = False) -> Iterator[tuple[Run, dict[str, int]]]:
        """Yield each run with new steps since the last time, or `every` run.

        With it comes the perf_counter_ns() of each step that started in this process, by its name.
        """
        for runs in self._runs.values():
            for run, given in runs:
                if every or len(run.started) + len(run.inner) != given[0]:
                    started = [*run.started.items(), *run.inner.items()]
                    given[0] = len(started)
                    yield run, {name: began for name, began in reversed(started) if began}


def smallest(by_key: dict[str, Value], limit: float, most: int) -> tuple[dict[str, Value], float]:
    """Return the items whose keys have a hash below `limit`, and the limit.

    If there are more than twice as many as `most`, return only `most` with a lower limit.
    """
    kept = {each: value for each, value in by_key.items() if hash_of(each) < limit}
    if len(kept) > 2 * most:
        limit = sorted(map(hash_of, kept))[most]
        kept = {each: value for each, value in kept.items() if hash_of(each) < limit}
    return kept, limit


def hash_of(key: str) -> float:
    """Return the number that decides whether a run is in the sample.

    The whole number is a hash of the correlation ID, so that an operation is in the sample with all
    of its runs, or at least those with the smallest fractions.
    """
    correlation_id, _, id_ = key.partition("/")
    return _crc(correlation_id) + _crc(id_) / EVERY_HASH


def _crc(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


def correlation_of(key: str) -> str:
    """Return the correlation ID in the key of a run."""
    return key.partition("/")[0]


def own_id_in(key: str) -> str:
    """Return the ID of the run in its key, or the correlation ID where it has none.

    A run may go on in another operation, which has its own correlation ID.
    """
    return key.rpartition("/")[2]


class Question(NamedTuple):
    """A start of a step, the frames around it, and the steps that had started before it.

    `step` and the steps in `path`, outermost first, are ids; other frames in it are "kind name".
    `before` has the names of the flow's steps that had started, in that order, and `missing` the
    ids of the predecessors that had not. It `is_explained` if some predecessor had started.
    """

    step: str
    is_explained: bool
    missing: tuple[str, ...]
    path: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


class Asked:
    """The count of one question, and its time for the runs with the smallest hashes.

    `asked` has the perf_counter_ns() of the first time for each key whose hash is below `limit`.
    """

    __slots__ = ("asked", "count", "limit")

    def __init__(self) -> None:
        self.count = 0
        self.asked: dict[str, int] = {}
        self.limit: float = EVERY_HASH

    def add(self, key: str | None, when: int) -> None:
        """Count one more, at the perf_counter_ns() `when`."""
        self.count += 1
        if key is None or hash_of(key) >= self.limit:
            return
        self.asked.setdefault(key, when)
        if len(self.asked) > 2 * MOST_ASKED:  # drop half at once, to sort seldom
            self.asked, self.limit = smallest(self.asked, self.limit, MOST_ASKED)


class Questions:
    """All questions of one process; not for several threads at once."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Question, Asked] = {}

    def ask(self, question: Question, key: str | None, when: int) -> None:
        """Count `question`; if there are too many kinds, without its path and the steps before."""
        asked = self._kinds.get(question)
        if asked is None:
            if len(self._kinds) >= MOST_KINDS:
                question = question._replace(path=(), before=())
            asked = self._kinds.setdefault(question, Asked())
        asked.add(key, when)

    def __iter__(self) -> Iterator[tuple[Question, Asked]]:
        return iter(self._kinds.items())


def path_to(frame: Frame) -> tuple[str, ...]:
    """Return the frames around `frame`, outermost first: ids of steps, "kind name" of others."""
    path: list[str] = []
    each: Frame | None = frame.parent
    while each is not None and len(path) < MOST_NAMES:
        if each.name:
            is_step = isinstance(each.site, Step) or (each.kind == "remote" and each.flow)
            path.append(node_id(each.flow or "", each.name) if is_step else _shown(each))
        each = each.parent
    return tuple(reversed(path))


def _shown(frame: Frame) -> str:
    return f"{frame.kind} {frame.name}"
