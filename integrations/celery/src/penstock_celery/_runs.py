"""A task that runs: its frame is current from `task_prerun` to `task_postrun`.

That is longer than the task's body: Celery sends the next task of a chain, `link` and errbacks, and
the signals of success, retry and failure, after the body has returned.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore, Reject, Retry
from celery.signals import task_postrun, task_prerun

from corectx import attach, current, detach, enter, leave
from corectx.lowlevel import treat_as_control_flow
from penstock_celery._messages import frame_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from corectx import Frame, Token

# Raised to say what becomes of the task; nothing has failed.
CONTROL_FLOW = (Ignore, Reject, Retry)


class Run:
    """One execution of a task: its frame, what makes it end, whether its failure was reported."""

    __slots__ = ("frame", "is_reported", "task_id", "token")

    def __init__(self, task_id: str, frame: Frame) -> None:
        self.task_id = task_id
        self.frame = frame
        self.token: Token | None = None
        self.is_reported = False


class _Runs(threading.local):
    """The runs of this thread, outermost first (eager tasks nest), and the one that ended last."""

    def __init__(self) -> None:
        self.stack: list[Run] = []
        self.ended: Run | None = None


_runs = _Runs()


def connect() -> None:
    """Listen to Celery's signals, and have a step that one of `CONTROL_FLOW` leaves not fail."""
    treat_as_control_flow(*CONTROL_FLOW)
    task_prerun.connect(_begin, weak=False, dispatch_uid="penstock_celery.task_prerun")
    task_postrun.connect(_end, weak=False, dispatch_uid="penstock_celery.task_postrun")


def run_of(task_id: str | None) -> Run | None:
    """Return the run of a task in this thread, or the one that has just ended."""
    for run in reversed(_runs.stack):
        if run.task_id == task_id:
            return run
    ended = _runs.ended
    return ended if ended is not None and ended.task_id == task_id else None


@contextmanager
def current_run(run: Run) -> Generator[None, None, None]:
    """Have the frame of `run` be current in the block, which is no part of the work itself."""
    token = attach(run.frame)
    _runs.stack.append(run)
    try:
        yield
    finally:
        _runs.stack.remove(run)
        detach(token)


def _begin(task_id: str, task: Any, **_: object) -> None:
    request = task.request
    sender = _caller(task_id, request.retries) if request.is_eager else None
    run = Run(task_id, frame_of(task, request, task_id, sender=sender))
    run.token = enter(run.frame)
    _runs.stack.append(run)


def _caller(task_id: str, retries: int) -> Frame | None:
    """Return the frame that an eager task is part of; no other adopts what happens to be current.

    Of a retry that is the try before, which has ended by then.
    """
    before = run_of(task_id) if retries else None
    return current() if before is None else before.frame


def _end(task_id: str, retval: object = None, state: str | None = None, **_: object) -> None:
    stack = _runs.stack
    # What is above it was left without a word: the thread was interrupted right there.
    while stack and any(run.task_id == task_id for run in stack):
        run = stack.pop()
        if run.token is not None:
            leave(run.token, _failure(retval, state))
        if run.task_id == task_id:
            _runs.ended = run
            break


def _failure(retval: object, state: str | None) -> BaseException | None:
    """Return the exception that the task failed with; without a state it is on its way."""
    exc = sys.exc_info()[1] if state is None else retval if state == "FAILURE" else None
    return exc if isinstance(exc, BaseException) and not isinstance(exc, CONTROL_FLOW) else None
