"""The worker's main process: where a task ends that its child process cannot end itself.

A child that was killed, at the hard time limit or from outside, sends no signal. The main process
does it in its place, and calls errbacks, outside of any frame: so each request is one that makes
the frame of its task current meanwhile.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from celery.signals import celeryd_after_setup
from kombu.utils.imports import symbol_by_name

from penstock_celery._messages import frame_of
from penstock_celery._runs import Run, current_run

if TYPE_CHECKING:
    from celery.worker.request import Request


def connect() -> None:
    """Listen to Celery's signal."""
    celeryd_after_setup.connect(
        _set_request_classes, weak=False, dispatch_uid="penstock_celery.celeryd_after_setup"
    )


def _set_request_classes(instance: Any, **_: object) -> None:
    """Have the requests of every task know its frame; `Task.Request` says which class they are."""
    for task in instance.app.tasks.values():
        task.Request = request_class(symbol_by_name(task.Request))


@cache
def request_class(base: type[Request]) -> type[Request]:
    """Return a subclass of `base`, a Celery request class, that restores the frame of its task."""
    if getattr(base, "has_frame", False):
        return base

    class FlowRequest(base):  # type: ignore[misc, valid-type]
        """A request whose handlers run in the frame of its task."""

        has_frame = True

        def on_timeout(self, soft: bool, timeout: float) -> None:
            with current_run(self._run()):
                super().on_timeout(soft, timeout)

        def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
            with current_run(self._run()):
                return super().on_failure(exc_info, *args, **kwargs)

        def on_retry(self, exc_info: Any) -> Any:
            with current_run(self._run()):
                return super().on_retry(exc_info)

        def _run(self) -> Run:
            """Return one and the same run, since both handlers may hear of one failure."""
            run: Run | None = self.__dict__.get("_penstock_run")
            if run is None:
                run = Run(self.id, frame_of(self.task, self.request_dict, self.id))
                self._penstock_run = run
            return run

    return FlowRequest
