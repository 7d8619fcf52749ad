"""Tasks that tell where they ran."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject

from corectx import current
from penstock import flow, step
from penstock.contrib.celery import flow_task
from statecrumbs import crumb
from statecrumbs.context import context
from tests.celery.app import say


def place() -> dict[str, Any]:
    """Return the current frame and those around it, innermost first."""
    frames = []
    frame = current()
    while frame is not None:
        frames.append({"kind": frame.kind, "name": frame.name, "id": frame.id})
        frame = frame.parent
    frame = current()
    assert frame is not None
    return {"id": frame.correlation_id, "values": dict(frame.values), "frames": frames}


@flow("tests")
@flow_task
def where(*_: Any, **__: Any) -> dict[str, Any]:
    return place()


@flow_task(bind=True, after="where")
@flow("tests")
def where_bound(self, *_: Any) -> dict[str, Any]:
    return {**place(), "task_id": self.request.id}


@shared_task
@flow("tests")
@step(after="where")
def plain(*_: Any) -> dict[str, Any]:
    return place()


@flow_task(bind=True, max_retries=5)
def retrying(self) -> list[dict[str, Any]]:
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return place()


@flow_task(autoretry_for=(ValueError,), default_retry_delay=0, max_retries=2)
def autoretrying(number: int) -> dict[str, Any]:
    if where_bound.app.current_task.request.retries < number:
        raise ValueError(number)
    return place()


@flow_task
def starting() -> dict[str, Any]:
    with context(inner="scope"):
        return {**place(), "started": where.delay().id}


@flow_task(bind=True)
def replaced(self) -> None:
    raise self.replace(where.s())


@flow_task
def failing(*_: Any, **__: Any) -> None:
    crumb("about to fail", password="hunter2")  # noqa: S106
    raise LookupError("in task")


class UnpicklableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(first)


@flow_task
def failing_unpicklably() -> None:
    crumb("about to fail")
    raise UnpicklableError(1, 2)


@flow_task(throws=(KeyError,))
def failing_as_expected() -> None:
    raise KeyError("expected")


@flow_task
def ignoring() -> None:
    raise Ignore


@flow_task
def rejecting() -> None:
    raise Reject("no", requeue=False)


@flow_task
def errback(*args: Any) -> dict[str, Any]:
    say("errback")
    return place()


@flow_task
def hanging() -> None:
    crumb("about to hang")
    threading.Event().wait()


@flow_task
def dying() -> None:
    crumb("about to die")
    os.kill(os.getpid(), signal.SIGKILL)


@flow_task
def passing_on() -> str:
    crumb("passed on")
    return failing.delay().id


@flow_task(bind=True)
def headers_seen(self) -> dict[str, Any]:
    names = ("corectx", "sentry-trace", "traceparent", "mine")
    headers = self.request.headers or {}
    seen = {name: headers.get(name) or self.request.get(name) for name in names}
    return {**place(), "headers": {name: value for name, value in seen.items() if value}}
