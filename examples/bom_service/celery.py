"""The Celery app, for the process that sends tasks and for the one that runs them."""

from __future__ import annotations

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu import Exchange, Queue

import penstock_celery
from examples.bom_service.broker import folder_broker

# Send the web process's last crumbs with each task: the dump of a failed task shows them.
penstock_celery.configure(crumbs=20)

app = Celery("bom_service", include=["examples.bom_service.tasks"])
if settings.BROKER == "filesystem://":
    app.conf.update(folder_broker(settings.FOLDER / "broker"))
else:
    app.conf.broker_url = settings.BROKER

# Others may use the broker too, so this run has its own queue, deleted with the worker.
name = f"bom_service-{settings.FOLDER.name}"
app.conf.task_queues = [
    Queue(name, Exchange(name, auto_delete=True), routing_key=name, auto_delete=True)
]
app.conf.task_default_queue = name
app.conf.task_ignore_result = True  # the outcome of a task is in the database
app.conf.broker_connection_retry_on_startup = False
app.conf.worker_enable_remote_control = False
app.set_default()


@setup_logging.connect
def keep_logging(**_: object) -> None:
    """Keep the log of `observability`: Celery sets up none where this signal has a receiver."""
