"""Hears of each step, counts it, and sees what had started before it in the same run.

`entered` and `left` run at every step: they are the price of observing. No thread ever waits here:
a signal handler may run steps too.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING

from corectx import failed_frame
from corectx.lowlevel import log_once, run_ids
from penstock._calls import LateFrame
from penstock._declare import Step, registry_in_use
from penstock._graph import node_id
from penstock._verify._runs import MOST_NAMES, Question, Questions, Run, Sample
from penstock._verify._totals import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import Any

    from corectx import Frame
    from penstock._verify._totals import Totals

# The names of the steps that have started in a run travel with a frame, as a JSON list: the run of
# the frame's own flow in the field of this name, runs of other flows in the operation in fields of
# this name, a colon and the flow. The first item of a list is null if there were more, or may have
# been. corectx limits the size of one field.
_FIELD = "started"
_MOST_TEXT = 1024  # characters of one list
_MOST_TEXTS = 3072  # of all lists
_MOST_NAME = 256  # characters, as in corectx

# A program that declares flows while it runs may make any number of steps.
MOST_STEPS = 10_000

_MOST_DURATIONS = 1000  # of one step, until they are folded


class Observer:
    """Count what runs, for `corectx.subscribe`; each method may be called in any thread.

    `on_begin` is called when the first step of this process begins, once in each child of a fork.
    `on_run` is called at each run's first step; it tells whether the counts were started over.
    `questions` and `sample` are what cannot be answered in this process; see `settled`.
    """

    def __init__(
        self, on_begin: Callable[[], None], on_run: Callable[[], bool] = lambda: False
    ) -> None:
        self._on_begin = on_begin
        self._on_run = on_run
        self._prefix = f"penstock.observe.{id(self):x}:"
        # Of each step that goes on: perf_counter_ns() when it began, and where its end is counted.
        # None for what began before a fork: the parent counts that.
        self._open: dict[Frame, tuple[int, Tally] | None] = {}
        self._start_over()

    def _start_over(self) -> None:
        self._tallies: dict[Step, Tally] = {}
        # A thread that gets the lock takes in what waits; the others leave theirs there and go on.
        self._lock = threading.Lock()
        self._asked: deque[tuple[Question, str | None, int]] = deque()
        self._shared: deque[Run] = deque()
        self.questions = Questions()
        self.sample = Sample()

    def entered(self, frame: Frame, /) -> None:
        """Count the start of a step, and see what had started before it."""
        tally: Any = self._tallies.get(frame.site)  # type: ignore[call-overload]  # any site
        if tally is None:
            if not isinstance(frame.site, Step):
                return
            tally = self._tally(frame.site)
            if tally is None:
                return
        run: Any = frame.store.get(tally.key)
        if run is None:
            if self._on_run():
                tally = self._tally(tally.step) or tally
            run = self._begin(frame, tally)
        if type(frame) is LateFrame and frame.is_ambiguous:
            tally.ambiguous.append(0)
        started = run.started
        is_explained = tally.is_entrypoint
        for name in tally.near:
            if name in started:
                is_explained = True
            else:
                tally.missed.append(name)
        if not is_explained or run.is_shared or tally.far:
            self._look_further(frame, tally, run)
        now = perf_counter_ns()
        started.setdefault(tally.name, now)
        self._open[frame] = (now, tally)

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Count the end of a step, how long it took, and how it ended."""
        began = self._open.pop(frame, None)
        if began is None:
            return
        took = perf_counter_ns() - began[0]
        tally = began[1]
        if exc is None:
            ended = tally.done
        elif isinstance(exc, Exception):
            ended = tally.failed if self._was_raised_in(frame, exc) else tally.passed
        else:  # CancelledError, KeyboardInterrupt, SystemExit
            ended = tally.cancelled
        ended.append(took)
        if len(ended) > _MOST_DURATIONS:
            self._work_off(tally)

    def outside(self, step: Any) -> None:
        """Count a call of `step` outside of any run of its flow."""
        self._on_run()
        tally = self._tallies.get(step)
        if tally is None:
            tally = self._tally(step)
            if tally is None:
                return
        tally.outside.append(0)
        if len(tally.outside) > _MOST_DURATIONS:
            self._work_off(tally)

    def sent(self, frame: Frame, fields: dict[str, str], /) -> None:
        """Let the names of the steps that have started in the operation travel with `frame`."""
        room = _MOST_TEXTS
        for run in self._runs_in(frame):
            self._share(run)
            text = _as_text(run)
            room -= len(text)
            if run.flow == frame.flow:
                fields[_FIELD] = text
            elif room > 0:
                fields[f"{_FIELD}:{run.flow}"] = text

    def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
        """Remember what had started in the process that the remote `frame` is of."""
        flows = dict.fromkeys(run_ids(frame.store), "")
        if frame.flow is not None:
            flows[frame.flow] = ""
        for flow in flows:
            field = _FIELD if flow == frame.flow else f"{_FIELD}:{flow}"
            names, is_whole = _read(fields.get(field))
            run = Run(flow, frame.correlation_id, is_whole=is_whole)
            run.started.update(dict.fromkeys(names, 0))
            frame.store[f"{self._prefix}{flow}"] = run
            self._share(run)

    @contextmanager
    def settled(self) -> Generator[dict[str, Totals], None, None]:
        """Give the counts so far by the id of the step; waits for other threads, not for steps.

        In the block nothing else changes `questions` and `sample`.
        """
        with self._lock:
            self._take_in()
            unfinished = Counter(began[1] for began in list(self._open.values()) if began)
            found: dict[str, Totals] = {}
            for tally in list(self._tallies.values()):
                tally.fold()
                totals = tally.totals(unfinished[tally])
                if tally.id in found:  # the module was reloaded: another function, the same step
                    totals.add(found[tally.id])
                found[tally.id] = totals
            yield found

    def start_over_in_child(self) -> None:
        """Forget the parent's counts in the child of a fork; the runs go on in both."""
        self._open = dict.fromkeys(self._open)
        self._start_over()
        for frame in self._open:
            for run in self._runs_in(frame):
                run.is_shared = False
                self._share(run)

    def _tally(self, step: Step) -> Tally | None:
        """Return the new tally of `step`, which has none so far; None if there are too many."""
        if len(self._tallies) >= MOST_STEPS:
            log_once(
                "penstock.observe",
                f"More than {MOST_STEPS} steps have run; observe() does not count the others. "
                "Does the program declare flows while it runs?",
            )
            return None
        if not self._tallies:
            self._on_begin()
        made = Tally(step, registry_in_use(), self._prefix)
        return self._tallies.setdefault(step, made)

    def _begin(self, frame: Frame, tally: Tally) -> Run:
        """Return the run that `frame` is the first of, or the first that we hear of."""
        run = Run(tally.flow, frame.correlation_id, is_whole=tally.is_entrypoint)
        if any(other.is_shared for other in self._runs_in(frame)):
            self._share(run)
        begun: Any = frame.store.setdefault(tally.key, run)
        return begun  # type: ignore[no-any-return]  # a store holds anything

    def _runs_in(self, frame: Frame) -> list[Run]:
        """Return the runs in the operation of `frame` that this observer knows, one for a flow."""
        return [
            each
            for key, each in list(frame.store.items())
            if isinstance(each, Run) and key.startswith(self._prefix)
        ]

    def _was_raised_in(self, frame: Frame, exc: BaseException) -> bool:
        """Tell whether `exc` was raised in the step of `frame`, not in a step that it called."""
        innermost = failed_frame(exc)
        while innermost is not None and innermost is not frame:
            if isinstance(innermost.site, Step):
                return False
            innermost = innermost.parent
        return innermost is frame

    def _share(self, run: Run) -> None:
        """Note that `run` is in other processes too."""
        if not run.is_shared:
            run.is_shared = True
            self._shared.append(run)
            self._work_off()

    def _look_further(self, frame: Frame, tally: Tally, run: Run) -> None:
        """Look for predecessors in other flows, and ask about those that have not started here."""
        missing = [name for name in tally.near if name not in run.started]
        for name, (key, far) in tally.far.items():
            other: Any = frame.store.get(key)
            if other is None or far not in other.started:
                missing.append(name)
                tally.missed.append(name)
        if not run.is_whole:
            return
        ids = tuple(tally.after[name] for name in missing)
        # A step that is declared to come after nothing is nowhere declared to start.
        if not tally.is_entrypoint and len(missing) == len(tally.after):
            before = tuple(run.started)[:MOST_NAMES]
            question = Question(tally.id, False, ids, _path_to(frame), before)
        elif missing and run.is_shared:
            question = Question(tally.id, True, ids)
        else:
            return
        self._asked.append((question, run.correlation_id, perf_counter_ns()))
        self._work_off()

    def _work_off(self, full: Tally | None = None) -> None:
        """Do what waits, and fold `full`; unless another thread, or what this interrupts, does."""
        if self._lock.acquire(blocking=False):
            try:
                self._take_in()
                if full is not None:
                    full.fold()
            finally:
                self._lock.release()

    def _take_in(self) -> None:
        while self._asked:
            self.questions.ask(*self._asked.popleft())
        while self._shared:
            self.sample.offer(self._shared.popleft())


def _path_to(frame: Frame) -> tuple[str, ...]:
    """Return what `frame` was opened in, outermost first: ids of steps, "kind name" of others."""
    path: list[str] = []
    each = frame.parent
    while each is not None and len(path) < MOST_NAMES:
        if each.name:
            is_step = isinstance(each.site, Step) or (each.kind == "remote" and each.flow)
            path.append(node_id(each.flow or "", each.name) if is_step else _shown(each))
        each = each.parent
    return tuple(reversed(path))


def _shown(frame: Frame) -> str:
    return f"{frame.kind} {frame.name}"


def _as_text(run: Run) -> str:
    """Return the names that have started in `run`; the first ones are left out first."""
    names = list(run.started)
    text = json.dumps(names if run.is_whole else [None, *names], separators=(",", ":"))
    while len(text) > _MOST_TEXT:
        names = names[len(names) // 4 + 1 :]
        text = json.dumps([None, *names], separators=(",", ":"))
    return text


def _read(text: object) -> tuple[list[str], bool]:
    """Return the names in `_FIELD`, and whether they are all; a foreign text has none."""
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
