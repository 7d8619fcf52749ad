"""One of the applications of `orders`, for the servers that the tests start.

The environment has the name of the function that makes it (TEST_ORDER), and the address that its
spans go to (TEST_ENDPOINT).
"""

from __future__ import annotations

import os
from types import SimpleNamespace

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from penstock_otel import instrument

from . import orders

provider = TracerProvider()
provider.add_span_processor(
    SimpleSpanProcessor(OTLPSpanExporter(endpoint=os.environ["TEST_ENDPOINT"]))
)
app = getattr(orders, os.environ["TEST_ORDER"])(SimpleNamespace(provider=provider))
instrument(provider)
