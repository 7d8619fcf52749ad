"""A task that goes on with the request that sent it, and is a span of the OpenTelemetry SDK.

As with its own instrumentation, there is no exporter.
"""

from frameworks.celery_task import time_task
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import penstock
import penstock_celery  # noqa: F401 - which is all the set-up
from corectx import Site, enter, start

trace.set_tracer_provider(TracerProvider())
penstock.configure("otel")
enter(start(Site("request", "POST /orders")))
time_task()
