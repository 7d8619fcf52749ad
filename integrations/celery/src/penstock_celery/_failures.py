"""A task that failed: one dump of its trail."""

from __future__ import annotations

import sys
from typing import Any

from celery.signals import task_failure

from corectx import failed_frame
from penstock_celery._runs import CONTROL_FLOW, run_of
from statecrumbs import report
from statecrumbs.lowlevel import forget_inherited_duplicates


def connect() -> None:
    """Listen to Celery's signal."""
    task_failure.connect(_report, weak=False, dispatch_uid="penstock_celery.task_failure")


def _report(sender: Any, task_id: str, exception: BaseException, **_: object) -> None:
    """Dump the trail of the task, unless the task says that it expects this exception."""
    if isinstance(exception, (*CONTROL_FLOW, *(sender.throws or ()))):
        return
    run = run_of(task_id)
    if run is not None and run.is_reported:
        return  # Celery tells of a hard time limit twice
    # Celery hands out a copy where the exception does not pickle; the real one knows its frame.
    raised = sys.exc_info()[1]
    if raised is not None and failed_frame(raised) is not None:
        exception = raised
    if run is None:
        report(exception)
        return
    forget_inherited_duplicates(run.frame)
    report(exception, frame=run.frame)
    run.is_reported = True
