"""Time one structlog event, rendered into nothing."""

from __future__ import annotations

import pyperf
import structlog
from structlog.typing import Processor


def time_event(*processors: Processor) -> None:
    """Time an event that passes through `processors`."""
    structlog.configure(
        processors=[*processors, lambda logger, name, event: event["event"]],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    log = structlog.get_logger()
    pyperf.Runner().timeit("it", 'log.info("shipped", order=4711)', globals={"log": log})
