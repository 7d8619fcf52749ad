"""Show the work that frames stand for as OpenTelemetry's spans.

    _backend           the observer: a span begins with a frame and ends with it
    _records           the record of each span; our span as OpenTelemetry's current span
    _instrumentations  our spans beside those of others: one of kind SERVER a request
    _tracing           trace IDs and correlation IDs; the tracer; the traceparent that travels
    _attributes        the attributes and links of a span, the response of a request
    _crumbs            crumbs as log records, or as events of their span

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

    Without a provider, each span asks OpenTelemetry's API for one, so the program may set it later.
    ``penstock.configure("otel")`` does the same, and replaces the backends that were configured
    before; use one of the two. `crumbs` is "log_records",
    "span_events" or "auto"; see `OTelBackend`.
    """
    return subscribe(OTelBackend(tracer_provider, logger_provider=logger_provider, crumbs=crumbs))
