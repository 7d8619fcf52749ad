"""A task with the least that does the job: three signals, a header, a ContextVar."""

from contextvars import ContextVar

from celery.signals import before_task_publish, task_postrun, task_prerun
from frameworks.celery_task import time_task

var: ContextVar[object] = ContextVar("var", default=None)
tokens: list[object] = []


def send(headers, **_):
    headers["correlation-id"] = var.get()


def begin(task, **_):
    tokens.append(var.set((task.request.headers or {}).get("correlation-id")))


def end(**_):
    var.reset(tokens.pop())


before_task_publish.connect(send)
task_prerun.connect(begin)
task_postrun.connect(end)
var.set("4bf92f3577b34da6a3ce929d0e0e4736")
time_task()
