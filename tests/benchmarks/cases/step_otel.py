"""A recording span of the OpenTelemetry SDK around the same function, with no exporter."""

import pyperf
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("bench")


@tracer.start_as_current_span("work")
def work():
    pass


with tracer.start_as_current_span("start"):
    pyperf.Runner().timeit("it", "work()", globals=globals())
