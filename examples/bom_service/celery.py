"""The Celery app, for the process that sends tasks and for the one that runs them."""

from __future__ import annotations

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu import Exchange, Queue

import penstock_celery
from examples.bom_service.broker import folder_broker

# The web process's last crumbs go along with each task: the dump of one that fails has them.
penstock_celery.configure(crumbs=20)

app = Celery("bom_service", include=["examples.bom_service.tasks"])
if settings.BROKER == "filesystem://":
    app.conf.update(folder_broker(settings.FOLDER / "broker"))
else:
    app.conf.broker_url = settings.BROKER

# A queue of this run's own, on a broker that others may use as well: gone when the worker is.
name = f"bom_service-{settings.FOLDER.name}"
app.conf.task_queues = [
    Queue(name, Exchange(name, auto_delete=True), routing_key=name, auto_delete=True)
]
app.conf.task_default_queue = name
app.conf.task_ignore_result = True  # what came of a task is in the database
app.conf.broker_connection_retry_on_startup = False
app.conf.worker_enable_remote_control = False
app.set_default()


@setup_logging.connect
def keep_logging(**_: object) -> None:
    """Leave the log as `observability` has set it up: that this listens is enough for Celery."""
