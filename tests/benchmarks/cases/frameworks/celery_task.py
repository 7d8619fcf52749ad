"""Time one Celery task: sent to a broker in memory, fetched from there, and executed.

That is all the work of a worker's pool that runs tasks in its own process, without the waiting.
"""

from __future__ import annotations

import pyperf
from celery import Celery
from celery.worker.request import Request

app = Celery("bench", broker="memory://")
app.conf.task_ignore_result = True


@app.task(name="bench.charge")
def charge(order):
    pass


def time_task() -> None:
    """Time the round of one task, in whatever the caller has made current."""
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        # Declares the queue, which sending the first one does too.
        charge.delay(4711)
        channel.basic_get("celery", no_ack=True)

        def send_and_execute():
            charge.delay(4711)
            message = channel.basic_get("celery", no_ack=True)
            Request(message, app=app, task=charge, hostname="bench").execute()

        pyperf.Runner().timeit("it", "it()", globals={"it": send_and_execute})
