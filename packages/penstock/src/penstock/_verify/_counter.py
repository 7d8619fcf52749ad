"""Hear of each step, count it, and see which steps had started before it in the same run.

`entered` and `left` run at every step and are the price of observing. No thread ever waits here,
since a signal handler may run steps too.
"""

from __future__ import annotations

import builtins
import threading
from collections import Counter, deque
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING

from corectx import failed_frame
from corectx.lowlevel import (
    BareFrame,
    RunFrame,
    forget_lost,
    is_unsure,
    log_once,
    process_mark,
    run_id,
    run_of,
    runs_of,
)
from penstock._declare import Step, registry_in_use
from penstock._verify._runs import (
    FIELD,
    FIELD_OF_RUN,
    MOST_NAMES,
    MOST_TEXTS,
    Question,
    Questions,
    Run,
    Sample,
    names_as_text,
    names_in,
    path_to,
)
from penstock._verify._totals import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import Any

    from corectx import Frame
    from penstock._verify._totals import Totals

# A program that declares flows while it runs may make any number of steps.
MOST_STEPS = 10_000

_STEPS = frozenset(("entrypoint", "step"))  # the kinds of their frames
# Python 3.10 has no groups of exceptions.
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())

_MOST_DURATIONS = 1000  # of one step, until they are folded
_MOST_FLOWS = 16  # of one operation, as in corectx


class StepCounter:
    """Count the steps that run, for `corectx.subscribe`; any thread may call each method.

    `on_begin` is called when the first step of this process begins, once in each child of a fork.
    `on_run` is called at the first step of each run, and `on_fork` in a child whose fork ran no
    hook of Python: it calls `start_over_in_child`. `on_end` is called when the process is about to
    end, perhaps without exit hooks. Other processes may answer the `questions` with
    their `sample`; see `settled`.
    """

    def __init__(
        self,
        on_begin: Callable[[], None],
        *,
        on_run: Callable[[], None] = lambda: None,
        on_fork: Callable[[], None] | None = None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_begin = on_begin
        self._on_run = on_run
        self._on_end = on_end
        self._on_fork = on_fork or self.start_over_in_child
        self._key = f"penstock.observe.{id(self):x}"  # in a store: the latest runs, by flow
        # For each open step: perf_counter_ns() when it began, the tally that counts its end, and
        # its run. None for a step that began before a fork: the parent counts it.
        self._open: dict[Frame, tuple[int, Tally, Run] | None] = {}
        self._start_over()

    def _start_over(self) -> None:
        self._mark = process_mark()
        self._tallies: dict[Step, Tally] = {}
        self._latest: dict[str, Tally] = {}  # by the id of the step
        self._lost: list[Tally] = []  # of steps that began, and whose end nobody will tell
        # A thread that gets the lock handles all that waits. The others leave theirs and go on.
        self._lock = threading.Lock()
        self._asked: deque[tuple[Question, str | None, int]] = deque()
        self._shared: deque[Run] = deque()
        self.questions = Questions()
        self.sample = Sample()

    def entered(self, frame: Frame, /) -> None:
        """Count the start of a step, and see which steps had started before it."""
        if not self._mark[0]:
            self._on_fork()
        tally: Any = self._tallies.get(frame.site)  # type: ignore[call-overload]  # any site
        if tally is None:
            if not isinstance(frame.site, Step):
                return
            tally = self._tally(frame.site)
            if tally is None:
                return
        parent: Any = frame.parent
        around = self._open.get(parent)
        if around is not None and parent.flow == tally.flow and type(frame) is BareFrame:
            run = around[2]
        else:
            run = self._run(frame, tally)
        started = run.started
        is_explained = tally.is_entrypoint
        for name in tally.near:
            if name in started or name in run.inner:  # as `has_started` does it
                is_explained = True
            else:
                tally.missed.append(name)
        if not is_explained or run.is_shared or tally.far:
            self._look_further(frame, tally, run)
        now = perf_counter_ns()
        started.setdefault(tally.name, now)
        if run.outer is not None:
            run.tell_outer(tally.name, now)
        self._open[frame] = (now, tally, run)

    def left(self, frame: Frame, exc: BaseException | None, /) -> None:
        """Count the end of a step, how long it took, and how it ended."""
        # A fork that ran no hook need not be noticed here: `entered` has noticed it.
        began = self._open.pop(frame, None)
        if began is None:
            return
        took = perf_counter_ns() - began[0]
        tally = began[1]
        if exc is None:
            ended = tally.done
        elif isinstance(exc, Exception):
            ended = tally.failed if _was_raised_in(frame, exc) else tally.passed
        else:  # CancelledError, KeyboardInterrupt, SystemExit
            ended = tally.cancelled
        ended.append(took)
        if len(ended) > _MOST_DURATIONS:
            self._work_off(tally)

    def frames(self) -> list[Frame]:
        """Return the frames of the open steps."""
        return list(self._open)

    def holds(self, frame: Frame) -> int:
        """Return how many references to `frame` there are here."""
        return frame in self._open

    def lose(self, frame: Frame) -> None:
        """Note that nobody will leave `frame`."""
        began = self._open.pop(frame, None)
        if began is not None:
            self._lost.append(began[1])

    def outside(self, step: Any) -> None:
        """Count a call of `step` outside of any run of its flow."""
        self.notice_fork()
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
        self.notice_fork()
        room = MOST_TEXTS
        for flow, run in _runs_in(frame).items():
            counted = run.get(self)
            if counted is None:
                continue
            self._share(counted, run)
            text = names_as_text(counted)
            room -= len(text)
            if flow == frame.flow:
                fields[FIELD] = text
            elif room > 0:
                fields[f"{FIELD_OF_RUN}{flow}"] = text

    def received(self, frame: Frame, fields: Mapping[str, Any], /) -> None:
        """Remember the steps that had started in the process of the remote `frame`."""
        self.notice_fork()
        for flow, run in _runs_in(frame).items():
            field = FIELD if flow == frame.flow else f"{FIELD_OF_RUN}{flow}"
            names, is_whole = names_in(fields.get(field))
            run[self] = counted = Run(flow, frame.correlation_id, is_whole=is_whole)
            counted.started.update(dict.fromkeys(names, 0))
            self._know(self._known(frame), counted)
            self._share(counted, run)

    def ending(self, *, is_final: bool) -> None:  # noqa: ARG002 - as observers have it
        """Hear that the process is about to end."""
        self._on_end()

    @contextmanager
    def settled(self) -> Generator[dict[str, Totals], None, None]:
        """Give the counts so far, by the id of the step. Waits for other threads, not for steps.

        In the block nothing else changes `questions` and `sample`.
        """
        forget_lost()
        with self._lock:
            self._take_in()
            unfinished = Counter(began[1] for began in list(self._open.values()) if began)
            unfinished.update(self._lost)
            found: dict[str, Totals] = {}
            for tally in list(self._tallies.values()):
                tally.fold()
                totals = tally.totals(unfinished[tally])
                if tally.id in found:  # the module was reloaded: another function, the same step
                    totals.add(found[tally.id])
                found[tally.id] = totals
            yield found

    def notice_fork(self) -> None:
        """Start over in the child of a fork that ran no hook of Python, as uWSGI's."""
        if not self._mark[0]:
            self._on_fork()

    def start_over_in_child(self) -> None:
        """Forget the parent's counts in the child of a fork; the runs go on in both."""
        self._open = dict.fromkeys(self._open)
        self._start_over()
        for frame in self._open:
            for run in _runs_in(frame).values():
                counted = run.get(self)
                if counted is not None:
                    counted.is_shared = False
                    self._share(counted, run)

    def _tally(self, step: Step) -> Tally | None:
        """Return a tally for `step`, which has none, or None if there are too many.

        If its module was reloaded, it goes on with the tally of the old step.
        """
        made = Tally(step, registry_in_use())
        known = self._latest.get(made.id)
        if known is not None and known.is_of(made):
            self._tallies.pop(known.step, None)
            known.step = step
            return self._tallies.setdefault(step, known)
        if len(self._tallies) >= MOST_STEPS:
            log_once(
                "penstock.observe",
                f"More than {MOST_STEPS} steps have run; observe() does not count the others. "
                "Does the program declare flows while it runs?",
            )
            return None
        if not self._tallies:
            self._on_begin()
        self._latest[made.id] = tally = self._tallies.setdefault(step, made)
        return tally

    def _run(self, frame: Frame, tally: Tally) -> Run:
        """Return the run of `frame`, the frame of a step that no open step of its run called."""
        each: Frame | None = frame
        while each is not None and not _is_run_of(each, tally.flow):
            around = self._open.get(each)
            if around is not None and around[1].flow == tally.flow:
                return around[2]
            each = each.parent
        run = run_of(frame) if each is None else each.run  # type: ignore[attr-defined]
        if run is None:  # in a frame of somebody else that is in the flow
            return self._known(frame).get(tally.flow) or self._begin(frame, tally, {})
        if is_unsure(run):
            tally.ambiguous.append(0)
        counted: Run | None = run.get(self)
        return self._begin(frame, tally, run) if counted is None else counted

    def _begin(self, frame: Frame, tally: Tally, run: dict[Any, Any]) -> Run:
        """Return a `Run` for `run`; `frame` is its first frame that this counter hears of."""
        self._on_run()
        known = self._known(frame)
        made = Run(tally.flow, frame.correlation_id, is_whole=tally.is_entrypoint)
        if tally.is_entrypoint:
            outer = self._around(frame.parent, tally.flow)
            earlier = outer or (known.get(tally.flow) if tally.near else None)
            if earlier is not None:
                made.begin_after(earlier, is_inside=outer is not None)
        if any(other.is_shared for other in list(known.values())):
            self._share(made, run)
        counted: Run = run.setdefault(self, made)
        self._know(known, counted)
        return counted

    def _around(self, frame: Frame | None, flow: str | None) -> Run | None:
        """Return the run of `flow` around `frame` that this counter knows, or None."""
        while frame is not None:
            if _is_run_of(frame, flow):
                found: Run | None = frame.run.get(self)  # type: ignore[attr-defined]
                return found
            frame = frame.parent
        return None

    def _known(self, frame: Frame) -> dict[str | None, Run]:
        """Return the latest runs in the operation of `frame`, by flow."""
        known: Any = frame.store.setdefault(self._key, {})
        return known  # type: ignore[no-any-return]  # a store holds anything

    def _know(self, known: dict[str | None, Run], run: Run) -> None:
        known.pop(run.flow, None)
        known[run.flow] = run  # at the end
        for oldest in list(known)[:-_MOST_FLOWS]:
            known.pop(oldest, None)

    def _share(self, counted: Run, run: dict[Any, Any]) -> None:
        """Note that `run` is in other processes too."""
        if not counted.is_shared:
            counted.run_id = run_id(run)
            counted.is_shared = True
            self._shared.append(counted)
            self._work_off()

    def _look_further(self, frame: Frame, tally: Tally, run: Run) -> None:
        """Look for predecessors in other flows, and ask about those that did not start here."""
        missing = [name for name in tally.near if not run.has_started(name)]
        for name, (flow, far) in tally.far.items():
            other = self._around(frame.parent, flow) or self._known(frame).get(flow)
            if other is None or not other.has_started(far):
                missing.append(name)
                tally.missed.append(name)
        if not run.is_whole:
            return
        ids = tuple(tally.after[name] for name in missing)
        # A step without after= that is no entrypoint is not declared to start anywhere.
        if not tally.is_entrypoint and len(missing) == len(tally.after):
            before = tuple(run.started)[:MOST_NAMES]
            question = Question(tally.id, False, ids, path_to(frame), before)
        elif missing and run.is_shared:
            question = Question(tally.id, True, ids)
        else:
            return
        if run.run_id is None:
            own = run_of(frame)
            run.run_id = None if own is None else run_id(own)
        self._asked.append((question, run.key, perf_counter_ns()))
        self._work_off()

    def _work_off(self, full: Tally | None = None) -> None:
        """Handle all that waits, and fold `full`, unless somebody else has the lock.

        That may be another thread, or the code that a signal handler interrupts.
        """
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


def _is_run_of(frame: Frame, flow: str | None) -> bool:
    return isinstance(frame, RunFrame) and frame.flow == flow


def _runs_in(frame: Frame) -> dict[str, dict[Any, Any]]:
    """Return the run of `frame`, and the latest runs of other flows in its operation."""
    runs = runs_of(frame.store)
    own = run_of(frame)
    if own is not None and frame.flow is not None:
        runs[frame.flow] = own
    return runs


def _was_raised_in(frame: Frame, exc: BaseException) -> bool:
    """Tell whether `exc` was raised in the step of `frame`, not in a step that it called.

    A group of exceptions was raised where one of these was: an `asyncio.TaskGroup` collects them.
    """
    innermost = each = failed_frame(exc)
    while each is not None and each is not frame:
        # By the kind: the frame of a step that has ended may be gone, and its site with it.
        if each.kind in _STEPS:
            return False
        each = each.parent
    if each is None and innermost is not None:  # from another process
        return False
    parts: Any = getattr(exc, "exceptions", ()) if isinstance(exc, _GROUP) else ()
    return not parts or any(_was_raised_in(frame, part) for part in parts)
