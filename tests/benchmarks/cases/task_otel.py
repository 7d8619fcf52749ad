"""A task with OpenTelemetry's own instrumentation: a span for sending and one for the task.

Both are recorded, inside of the span of a request; there is no exporter.
"""

from frameworks.celery_task import time_task
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
CeleryInstrumentor().instrument()
with trace.get_tracer("bench").start_as_current_span("POST /orders"):
    time_task()
