"""One execution of a task: its frame, from `task_prerun` to `task_postrun`, and its failure.

The frame is current for longer than the body of the task: Celery sends the next task of a chain,
`link` and errbacks, and the signals of success, retry and failure, after the body has returned.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore, Reject, Retry
from celery.signals import (
    task_failure,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
)

from corectx import attach, current, detach, enter, failed_frame, leave
from corectx.lowlevel import notify_ending
from penstock.lowlevel import write_evidence
from penstock_celery._messages import close_site, frame_of
from statecrumbs import report
from statecrumbs.lowlevel import forget_inherited_duplicates

if TYPE_CHECKING:
    from collections.abc import Generator

    from corectx import Frame, Token

# Raised to say how Celery goes on with the task; corectx knows them by name.
CONTROL_FLOW = (Ignore, Reject, Retry)


class Execution:
    """Hold the frame of one execution of a task, and whether its failure was reported."""

    __slots__ = ("frame", "is_reported", "task_id", "token")

    def __init__(self, task_id: str, frame: Frame) -> None:
        self.task_id = task_id
        self.frame = frame
        self.token: Token | None = None
        self.is_reported = False


class _Executions(threading.local):
    """Hold the executions of this thread, outermost first, and the one that ended last.

    Eager tasks nest.
    """

    def __init__(self) -> None:
        self.stack: list[Execution] = []
        self.ended: Execution | None = None


_executions = _Executions()


def connect() -> None:
    """Listen to Celery's signals."""
    task_prerun.connect(_begin, weak=False, dispatch_uid="penstock_celery.task_prerun")
    task_postrun.connect(_end, weak=False, dispatch_uid=f"penstock_celery.task_postrun.{_turns[0]}")
    task_failure.connect(_report, weak=False, dispatch_uid="penstock_celery.task_failure")
    begin_children_last()
    worker_process_shutdown.connect(
        _end_process, weak=False, dispatch_uid="penstock_celery.worker_process_shutdown"
    )


def _end_process(**_: object) -> None:
    """Write what was counted in a child of a worker, and announce its end, by `os._exit`."""
    write_evidence()
    notify_ending(is_final=True)


# The end of the UID of `_end`, which changes each time that `_end` becomes the last receiver.
_turns = [0]


# Its receivers begin a span for each task.
_TRACING = "opentelemetry.instrumentation.celery"


def begin_after_tracing(**_: object) -> None:
    """Let OpenTelemetry's instrumentation begin first, so that its trace gives the ID.

    The receivers of the program stay after ours, so that they see the ID too.
    """
    receivers = task_prerun.receivers
    ours = [at for at, (_, receiver) in enumerate(receivers) if receiver is _begin]
    traced = [
        at
        for at, (_, receiver) in enumerate(receivers)
        if getattr(receiver, "__module__", None) == _TRACING
    ]
    if ours and traced and ours[0] < traced[-1]:
        first, last = ours[0], traced[-1] + 1
        receivers[first:last] = [*receivers[first + 1 : last], receivers[first]]


def begin_children_last() -> None:
    """Let what the program does in a new child happen first: it may turn the tracing on."""
    uid = "penstock_celery.worker_process_init"
    worker_process_init.disconnect(dispatch_uid=uid)
    worker_process_init.connect(begin_after_tracing, weak=False, dispatch_uid=uid)


def _end_last() -> None:
    """Let the frame be current in the receivers of others: make `_end` the last one.

    For a moment there are two of it, since a task may end in another thread. The second does
    nothing.
    """
    if task_postrun.receivers[-1][1] is not _end:
        turn = _turns[0]
        _turns[0] = turn + 1
        uid = "penstock_celery.task_postrun"
        task_postrun.connect(_end, weak=False, dispatch_uid=f"{uid}.{turn + 1}")
        task_postrun.disconnect(dispatch_uid=f"{uid}.{turn}")


def execution_of(task_id: str | None) -> Execution | None:
    """Return the execution of a task in this thread, or the one that has just ended."""
    for execution in reversed(_executions.stack):
        if execution.task_id == task_id:
            return execution
    ended = _executions.ended
    return ended if ended is not None and ended.task_id == task_id else None


@contextmanager
def current_execution(execution: Execution) -> Generator[None, None, None]:
    """Make the frame of `execution` current in the block, which is no part of its work."""
    token = attach(execution.frame)
    _executions.stack.append(execution)
    try:
        yield
    finally:
        _executions.stack.remove(execution)
        detach(token)


def _begin(task_id: str, task: Any, **_: object) -> None:
    request = task.request
    sender = _caller(task_id, request.retries) if request.is_eager else None
    execution = Execution(task_id, frame_of(task, request, task_id, sender=sender))
    execution.token = enter(execution.frame)
    _executions.stack.append(execution)
    _end_last()
    begin_after_tracing()


def _caller(task_id: str, retries: int) -> Frame | None:
    """Return the frame that an eager task is part of. Only eager tasks adopt the current frame.

    A retry is part of the try before it, which has ended by then.
    """
    before = execution_of(task_id) if retries else None
    return current() if before is None else before.frame


def _end(task_id: str, retval: object = None, state: str | None = None, **_: object) -> None:
    stack = _executions.stack
    # Executions above it ended without a signal: the thread was interrupted right there.
    while stack and any(execution.task_id == task_id for execution in stack):
        execution = stack.pop()
        if execution.token is not None:
            leave(execution.token, _failure(retval, state))
            close_site(execution.frame)
        if execution.task_id == task_id:
            _executions.ended = execution
            break


def _failure(retval: object, state: str | None) -> BaseException | None:
    """Return the exception that ended the task; without a state it is still being raised."""
    exc = sys.exc_info()[1] if state is None else retval if state == "FAILURE" else None
    return exc if isinstance(exc, BaseException) and not isinstance(exc, CONTROL_FLOW) else None


def _report(sender: Any, task_id: str, exception: BaseException, **_: object) -> None:
    """Dump the trail of the task, unless the task says that it expects this exception."""
    if isinstance(exception, (*CONTROL_FLOW, *(sender.throws or ()))):
        return
    execution = execution_of(task_id)
    if execution is not None and execution.is_reported:
        return  # Celery signals a hard time limit twice
    # If the exception does not pickle, Celery gives a copy. The original knows its frame.
    raised = sys.exc_info()[1]
    if raised is not None and failed_frame(raised) is not None:
        exception = raised
    if execution is None:
        report(exception)
        return
    forget_inherited_duplicates(execution.frame)
    report(exception, frame=execution.frame)
    execution.is_reported = True
