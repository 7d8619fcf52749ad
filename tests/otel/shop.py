"""A Celery app that exports its spans: imported by a real worker, and run as the client by a test.

The environment says where the messages go (TEST_FOLDER), where the results (TEST_RESULTS) and where
the spans (TEST_ENDPOINT).
"""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery, chain, group
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import penstock
from corectx import correlation_id
from penstock import flow
from penstock.contrib.celery import flow_task
from statecrumbs import crumb
from tests.celery import whole_files

IS_CLIENT = __name__ == "__main__"

whole_files.install()
folder = Path(os.environ["TEST_FOLDER"])
provider = TracerProvider(
    resource=Resource.create({"service.name": "web" if IS_CLIENT else "worker"})
)
provider.add_span_processor(
    SimpleSpanProcessor(OTLPSpanExporter(endpoint=os.environ["TEST_ENDPOINT"]))
)
trace.set_tracer_provider(provider)
penstock.configure("otel")

app = Celery("shop", broker="filesystem://", backend=os.environ["TEST_RESULTS"])
app.conf.update(
    result_expires=300,
    broker_transport_options={
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.01,
    },
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
orders = flow("orders")


@orders.entrypoint
def take():
    return correlation_id(), chain(group(pack.s(1), pack.s(2)), ship.s()).apply_async()


@orders
@flow_task(app=app, name="shop.pack", after="take")
def pack(number):
    crumb("packing", number=number)
    return correlation_id()


@orders
@flow_task(app=app, name="shop.ship", after="pack", bind=True, max_retries=1)
def ship(self, packed):
    if not self.request.retries:
        raise self.retry(countdown=0)
    return [*packed, correlation_id()]


if IS_CLIENT:
    flow_id, result = take()
    seen = result.get(timeout=90, interval=0.05)
    assert seen == [flow_id] * 3, (flow_id, seen)
    print(flow_id)
    provider.shutdown()
