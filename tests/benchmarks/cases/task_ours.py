"""A task that goes on with the request that sent it: its frame travels in a header."""

from frameworks.celery_task import time_task

import penstock_celery  # noqa: F401 - which is all the set-up
from corectx import Site, attach, start

attach(start(Site("request", "POST /orders")))
time_task()
