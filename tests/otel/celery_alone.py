"""Run by a test: tasks whose sender has no instrumentation of OpenTelemetry. Prints spans.

It is turned on when the tasks were sent and the worker is set up, or, with the argument "eager",
where there is no worker. The sender has no frame either, but with the argument "frame".
"""

from __future__ import annotations

import sys

from celery import Celery
from celery.contrib.testing.worker import start_worker, test_worker_started
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor

import penstock
from corectx import correlation_id

from .printing import print_spans, set_provider


def instrument(**_):
    CeleryInstrumentor().instrument()


def main(way):
    set_provider()
    from penstock.contrib import celery

    assert celery.flow_task  # the import connects to Celery's signals
    penstock.configure("otel")
    app = Celery(broker="memory://", backend="cache+memory://")
    app.conf.worker_hijack_root_logger = False

    @app.task(name="tests.alone")
    def alone():
        with trace.get_tracer("user").start_as_current_span("by hand"):
            return correlation_id()

    if way == "eager":
        instrument()
        flow_ids = [alone.apply().get() for _ in range(2)]
    else:
        test_worker_started.connect(instrument, weak=False)
        send = penstock.flow("orders").entrypoint(alone.delay) if way == "frame" else alone.delay
        sent = [send() for _ in range(2)]
        with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
            flow_ids = [each.get(timeout=90) for each in sent]
    print_spans(*flow_ids)


if __name__ == "__main__":
    main(sys.argv[1])
