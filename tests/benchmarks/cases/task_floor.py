"""A task of Celery alone."""

from frameworks.celery_task import time_task

time_task()
