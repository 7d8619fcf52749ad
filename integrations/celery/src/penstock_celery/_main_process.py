"""The end of a task in the worker's main process, if its child process cannot end it.

A child that was killed, at the hard time limit or from outside, sends no signal. The main process
does it instead, and calls errbacks, outside of any frame. So each request makes the frame of its
task current meanwhile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from celery.signals import celeryd_after_setup
from celery.worker.state import revoked as revoked_ids
from kombu.utils.imports import symbol_by_name

from penstock_celery._executions import (
    Execution,
    begin_after_tracing,
    begin_children_last,
    current_execution,
)
from penstock_celery._messages import frame_of

if TYPE_CHECKING:
    from celery.worker.request import Request


def connect() -> None:
    """Listen to Celery's signal."""
    celeryd_after_setup.connect(
        _set_request_classes, weak=False, dispatch_uid="penstock_celery.celeryd_after_setup"
    )


def _set_request_classes(instance: Any, **_: object) -> None:
    """Let the requests of every task know its frame; `Task.Request` names their class."""
    for task in instance.app.tasks.values():
        task.Request = request_class(symbol_by_name(task.Request))
    # The modules of the program are imported, and have connected their receivers.
    begin_after_tracing()
    begin_children_last()


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
