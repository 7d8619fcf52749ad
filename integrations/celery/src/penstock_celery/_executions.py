"""One execution of a task: its frame, from `task_prerun` to `task_postrun`, and its failure.

The frame is current for longer than the body of the task: Celery sends the next task of a chain,
`link` and errbacks, and the signals of success, retry and failure, after the body has returned.

A child that was killed, at the hard time limit or from outside, sends no signal. The worker's main
process does it instead, and calls errbacks, outside of any frame. So each request makes the frame
of its task current meanwhile.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from celery.exceptions import Ignore, Reject, Retry
from celery.signals import (
    celeryd_after_setup,
    task_failure,
    task_postrun,
    task_prerun,
    task_received,
    worker_process_init,
    worker_process_shutdown,
)
from celery.worker.state import revoked as revoked_ids
from kombu.utils.imports import symbol_by_name

from corectx import attach, current, detach, enter, failed_frame, leave
from corectx.lowlevel import notify_ending
from penstock_celery._messages import TRACING, frame_of, is_tracing, sending_frame
from statecrumbs import report
from statecrumbs.lowlevel import forget_inherited_duplicates

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

    from celery.worker.request import Request

    from corectx import Frame, Token

# A task raises these to say how Celery goes on with it; corectx knows them by name.
CONTROL_FLOW = (Ignore, Reject, Retry)


class Execution:
    """Hold the frame of one execution of a task, and whether its failure was reported."""

    __slots__ = ("frame", "is_reported", "task_id", "token")

    def __init__(self, task_id: str, frame: Frame, token: Token | None = None) -> None:
        self.task_id = task_id
        self.frame = frame
        self.token = token
        self.is_reported = False


class _Executions(threading.local):
    """Hold the executions of this thread, outermost first, and the execution that ended last.

    There may be several, since eager tasks nest.
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
    _begin_children_last()
    # The program may turn the tracing on when the worker is set up.
    task_received.connect(
        _begin_after_tracing, weak=False, dispatch_uid="penstock_celery.task_received"
    )
    celeryd_after_setup.connect(
        _set_request_classes, weak=False, dispatch_uid="penstock_celery.celeryd_after_setup"
    )
    worker_process_shutdown.connect(
        _end_process, weak=False, dispatch_uid="penstock_celery.worker_process_shutdown"
    )


def _end_process(**_: object) -> None:
    """Announce the end of a worker's child, which ends by `os._exit`."""
    notify_ending(is_final=True)


# The end of the UID of `_end`, which changes each time that `_end` becomes the last receiver.
_turns = [0]


def _begin_after_tracing(**_: object) -> None:
    """Let OpenTelemetry's instrumentation begin first, so that its trace gives the ID.

    The receivers of the program stay after ours, so that they see the ID too.
    """
    receivers = task_prerun.receivers
    ours = [at for at, (_, receiver) in enumerate(receivers) if receiver is _begin]
    traced = [at for at, (_, receiver) in enumerate(receivers) if is_tracing(receiver)]
    if ours and traced and ours[0] < traced[-1]:
        late = receivers[ours[0] : traced[-1] + 1]
        late.sort(key=lambda pair: not is_tracing(pair[1]))  # the order of equals stays
        receivers[ours[0] : traced[-1] + 1] = late


def _begin_children_last() -> None:
    """Let receivers of the program in a new child run first: they may turn the tracing on."""
    uid = "penstock_celery.worker_process_init"
    worker_process_init.disconnect(dispatch_uid=uid)
    worker_process_init.connect(_begin_after_tracing, weak=False, dispatch_uid=uid)


def _end_last() -> None:
    """Make `_end` the last receiver, so that the frame is current in the receivers of others.

    For a moment it is connected twice, since a task may end in another thread. The second call does
    nothing.
    """
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
    sender = _caller(task, task_id) if request.is_eager else None
    frame = frame_of(task, request, task_id, sender=sender)
    _executions.stack.append(Execution(task_id, frame, enter(frame)))
    if task_postrun.receivers[-1][1] is not _end:
        _end_last()
    if TRACING in sys.modules:
        _begin_after_tracing()


def _caller(task: Any, task_id: str) -> Frame | None:
    """Return the frame that an eager task is part of. Only eager tasks adopt the current frame.

    A retry is part of the execution before it, which has ended. In a canvas a worker sends the next
    task from the execution before it, which has ended too.
    """
    before = execution_of(task_id) if task.request.retries else _before_in_canvas()
    if before is not None:
        return before.frame
    frame = current()
    return None if frame is None else sending_frame(frame, task, task.request.group)


def _before_in_canvas() -> Execution | None:
    """Return the execution after which an eager chain or chord runs the task that begins now.

    Celery tells nobody that an eager canvas goes on: its variables do.
    """
    is_traced = False
    inner: FrameType | None = None
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if frame.f_code.co_name == "apply" and frame.f_globals.get("__name__") == "celery.canvas":
            found = frame.f_locals
            last: Any = found.get("last")  # the result of the task before it in a chain
            while getattr(last, "results", None):  # of a group
                last = last.results[-1]
            if last is not None:
                return execution_of(last.id)
            # A chord has no such variable. Its body runs last, in a call of its own.
            header: Any = found.get("tasks")
            is_body = inner is not None and inner.f_locals.get("self") is found.get("body", frame)
            if is_body and header.tasks:
                return _executions.ended
            inner = frame
        elif frame.f_code.co_name == "trace_task":
            if is_traced:
                return None  # another task calls this one
            is_traced = True
        frame = frame.f_back
    return None


def _end(task_id: str, retval: object = None, state: str | None = None, **_: object) -> None:
    stack = _executions.stack
    # Executions above it ended without a signal, because the thread was interrupted.
    while stack and (
        stack[-1].task_id == task_id or any(execution.task_id == task_id for execution in stack)
    ):
        execution = stack.pop()
        if execution.token is not None:
            # Without a failure there is none to look for, which is the usual case.
            leave(execution.token, None if state == "SUCCESS" else _failure(retval, state))
            site: Any = execution.frame.site
            site.close()
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
    # If the exception does not pickle, Celery passes a copy. Only the original has its frame.
    raised = sys.exc_info()[1]
    if raised is not None and failed_frame(raised) is not None:
        exception = raised
    if execution is None:
        report(exception)
        return
    forget_inherited_duplicates(execution.frame)
    report(exception, frame=execution.frame)
    execution.is_reported = True


def _set_request_classes(instance: Any, **_: object) -> None:
    """Let the requests of every task know its frame; `Task.Request` names their class."""
    for task in instance.app.tasks.values():
        task.Request = request_class(symbol_by_name(task.Request))
    # The modules of the program are imported, and have connected their receivers.
    _begin_after_tracing()
    _begin_children_last()


@cache
def request_class(base: type[Request]) -> type[Request]:
    """Return a subclass of `base`, a Celery request class, that restores the frame of its task."""
    if getattr(base, "has_frame", False):
        return base

    class FlowRequest(base):  # type: ignore[misc, valid-type]
        """A request whose handlers run in the frame of its task."""

        has_frame = True

        def on_timeout(self, soft: bool, timeout: float) -> None:
            with current_execution(self._execution()):
                super().on_timeout(soft, timeout)

        def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
            with current_execution(self._execution()):
                return super().on_failure(exc_info, *args, **kwargs)

        def on_retry(self, exc_info: Any) -> Any:
            with current_execution(self._execution()):
                return super().on_retry(exc_info)

        def revoked(self) -> bool:
            if not (self.expires or self.stamped_headers or self.id in revoked_ids):
                return bool(super().revoked())  # the usual case needs no frame
            with current_execution(self._execution()):
                return bool(super().revoked())

        def terminate(self, pool: Any, signal: Any = None) -> None:
            with current_execution(self._execution()):
                super().terminate(pool, signal)

        def _execution(self) -> Execution:
            """Return the same execution each time: two handlers may be called for one failure."""
            execution: Execution | None = self.__dict__.get("_penstock_execution")
            if execution is None:
                execution = Execution(self.id, frame_of(self.task, self.request_dict, self.id))
                self._penstock_execution = execution
            return execution

    return FlowRequest
