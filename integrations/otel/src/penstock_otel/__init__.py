"""Show the work that frames stand for as OpenTelemetry's spans.

    _backend     the observer: a span begins with a frame and ends with it
    _records     what is remembered of each span while its operation runs
    _crumbs      crumbs as log records, or as events of their span
    _servers     one span of kind SERVER a request, whatever instrumentation is beside ours
    _current     our span as OpenTelemetry's current one, and whose span that is
    _tracing     trace IDs and correlation IDs; the tracer; the traceparent that travels
    _attributes  what a span says of the code, of an exception, of its predecessors

Importing this changes nothing: call `instrument`, or ``penstock.configure("otel")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from corectx import subscribe
from penstock_otel._backend import OTelBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OTelBackend", "instrument"]


def instrument(
    tracer_provider: TracerProvider | None = None,
    *,
    logger_provider: LoggerProvider | None = None,
    crumbs: str = "auto",
) -> Callable[[], None]:
    """Make spans with `tracer_provider` from now on; return the function that ends it.

    Without a provider it is the one that OpenTelemetry's API knows at the time of each span, so
    that it may be set later. ``penstock.configure("otel")`` does the same, in the place of the
    backends that were configured before; use one of the two. `crumbs` is "log_records",
    "span_events" or "auto"; see `OTelBackend`.
    """
    return subscribe(OTelBackend(tracer_provider, logger_provider=logger_provider, crumbs=crumbs))
