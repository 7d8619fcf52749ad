"""The worker process. It prints "ready", and ends when its standard input is closed."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import django
from celery.signals import worker_ready
from django.conf import settings

from examples.bom_service.observability import observe
from examples.bom_sync.api import until_stdin_ends

if TYPE_CHECKING:
    from celery import Celery


def work() -> None:
    """Run tasks, one after the other."""
    observe("worker", settings.FOLDER)
    django.setup()
    from examples.bom_service.celery import app

    worker_ready.connect(say_ready)
    threading.Thread(target=until_stdin_ends, args=[stop], daemon=True).start()
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    try:
        app.worker_main(["--quiet", "worker", "--pool=solo", *quiet])
    finally:
        forget_queue(app)


def say_ready(**_: object) -> None:
    """Tell the parent process."""
    print("ready", flush=True)


def forget_queue(app: Celery) -> None:
    """Delete this run's queues: others may use the broker too."""
    with app.connection_for_write() as connection:
        for queue in app.conf.task_queues:
            queue.bind(connection.default_channel).declare()
            queue.bind(connection.default_channel).delete()


def stop() -> None:
    """Let Celery finish the running task, and end."""
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    work()
