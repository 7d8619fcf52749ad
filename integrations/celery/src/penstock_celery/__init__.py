"""Celery tasks that go on with the operation that sent them.

Importing this package, in the module of the Celery app, is all the set-up: it listens to Celery's
signals in every process that sends or runs tasks.

    _flow_task   flow_task: a shared task with a place in the map
    _sites       what a task is: its name, its flow, its place in a chord
    _messages    the frame that sends a task, in the headers of its message, and back
    _runs        a task that runs: its frame, from task_prerun to task_postrun
    _failures    a task that failed: one dump of its trail
    _request     the worker's main process, where a task ends that its child cannot end
    _options     configure(): what travels
"""

from __future__ import annotations

from penstock_celery import _failures, _messages, _request, _runs
from penstock_celery._flow_task import flow_task
from penstock_celery._options import configure

__all__ = ["configure", "flow_task"]

_messages.connect()
_runs.connect()
_failures.connect()
_request.connect()
