"""Set up logs, spans, crash dumps and counts of steps in one call, for each process.

After that one line of code is enough: `log.info("parts_stored", parts=7)` is a line in the log with
the request's ID, an event of the current span, and a crumb in a crash dump.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import penstock
import statecrumbs
from penstock.contrib.structlog import flow_processor
from penstock_structlog import crumb_processor

if TYPE_CHECKING:
    from pathlib import Path


def observe(process: str, folder: Path) -> None:
    """Write the logs, spans and crash dump of `process` to files with its name in `folder`.

    All processes write their black boxes into one folder, and so their counts of the declared flow.
    """
    log_to(folder / f"{process}.log")
    export_to(folder / f"{process}.spans", process)
    statecrumbs.enable(
        on_crash="file",
        output_file=folder / f"{process}.dump.json",
        black_box=folder / "boxes",  # the last crumbs of a process that runs, or was killed
    )
    penstock.observe(folder / "evidence")


def log_to(path: Path) -> None:
    """Write structlog's events and other libraries' log records as lines of JSON."""
    both = [
        flow_processor,  # the request's ID, also in the worker
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[crumb_processor, *both, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=both,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)


def export_to(path: Path, process: str) -> None:
    """Write each span as a line of JSON; another exporter would send it to a collector."""
    exporter = ConsoleSpanExporter(out=path.open("w", encoding="utf-8"), formatter=span_line)
    provider = TracerProvider(resource=Resource.create({"service.name": f"bom_service.{process}"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    penstock.configure("otel")


def span_line(span: ReadableSpan) -> str:
    """Return `span` in the SDK's own JSON, on one line."""
    return span.to_json(indent=None) + "\n"
