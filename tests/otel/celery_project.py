"""Run by a test: a Celery worker and its client in one process. Prints spans.

Its argument says when OpenTelemetry's instrumentation is turned on: "first" (before ours listens to
Celery's signals), "last", "never", or never although it is "imported".
"""

from __future__ import annotations

import importlib
import sys

from celery import Celery, chain
from celery.contrib.testing.worker import start_worker
from opentelemetry import trace

import penstock
from corectx import correlation_id

from .printing import print_spans, set_provider


def instrument():
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    CeleryInstrumentor().instrument()


def main(when):
    set_provider()
    if when == "first":
        instrument()
    from penstock import flow
    from penstock.contrib.celery import flow_task
    from statecrumbs import crumb

    if when == "last":
        instrument()
    elif when == "imported":
        importlib.import_module("opentelemetry.instrumentation.celery")
    penstock.configure("otel")

    app = Celery(broker="memory://", backend="cache+memory://")
    app.conf.worker_hijack_root_logger = False

    orders = flow("orders")

    @orders
    @flow_task(app=app, name="tests.ship")
    def ship(order):
        crumb("shipping", order=order)
        pack()
        return correlation_id()

    @orders.step
    def pack():
        pass

    @app.task(name="tests.bill")
    def bill(flow_id):
        with trace.get_tracer("user").start_as_current_span("by hand"):
            report()
        return flow_id, correlation_id()

    @app.task(name="tests.refuse")
    def refuse(ids):
        raise ValueError("no such order")

    @flow("reports").entrypoint
    def report():
        pass

    @orders.entrypoint
    def take():
        refuse.delay(None)
        return correlation_id(), chain(ship.s(7), bill.s()).apply_async()

    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        flow_id, result = take()
        seen = result.get(timeout=90)
    print_spans(flow_id, *seen)


if __name__ == "__main__":
    main(sys.argv[1])
