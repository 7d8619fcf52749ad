"""Run by a test as two processes: "web" sends what "worker" goes on with; both export by OTLP."""

from __future__ import annotations

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import penstock
from corectx import Site, enter, extract, inject, leave
from penstock import flow
from statecrumbs import crumb

orders = flow("orders")


@orders.entrypoint
def take():
    crumb("taken", order=7, password="hunter2")  # noqa: S106
    charge()
    reserve()
    return inject({})


@orders.step(after=take)
def charge():
    pass


@orders.step(after=take)
def reserve():
    pass


@orders.step(after=[charge, reserve, take])
def ship():
    raise OSError("no truck")


def web():
    print(json.dumps(take()))


def worker():
    headers = json.loads(sys.stdin.read())
    token = enter(extract(headers).child(Site("task", "shop.ship")))
    try:
        ship()
    except OSError as exc:
        leave(token, exc)


if __name__ == "__main__":
    _, role, endpoint = sys.argv
    provider = TracerProvider(resource=Resource.create({"service.name": role}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    penstock.configure("otel")
    {"web": web, "worker": worker}[role]()
    provider.shutdown()
