"""A request to Django with OpenTelemetry's own instrumentation: a recording span, no exporter."""

from frameworks.django_request import time_request
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
time_request(instrument=DjangoInstrumentor().instrument)
