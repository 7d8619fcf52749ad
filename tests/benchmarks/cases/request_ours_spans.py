"""A request to Django with our middleware, which becomes a span of the OpenTelemetry SDK.

As with its own instrumentation, there is no exporter.
"""

from frameworks.django_request import time_request
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import penstock

trace.set_tracer_provider(TracerProvider())
penstock.configure("otel")
time_request("penstock.contrib.django.FlowMiddleware")
