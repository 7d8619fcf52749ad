"""Celery tasks that continue the operation that sent them.

Import this package in the module of the Celery app. No other set-up is needed: it listens to
Celery's signals in every process that sends or runs tasks.

    _flow_task    flow_task: a shared task with a place in the map
    _messages     the sender's frame in the headers of a message, and back; configure()
    _executions   one execution of a task: its frame, its failure, its end in the main process
"""

from __future__ import annotations

from penstock_celery import _executions, _messages
from penstock_celery._flow_task import flow_task
from penstock_celery._messages import configure

__all__ = ["configure", "flow_task"]

_messages.connect()
_executions.connect()
