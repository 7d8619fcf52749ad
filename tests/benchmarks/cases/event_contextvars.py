"""An event with the ID that was bound to structlog's own context."""

import structlog
from frameworks.structlog_event import time_event

structlog.contextvars.bind_contextvars(flow_id="4bf92f3577b34da6a3ce929d0e0e4736")
time_event(structlog.contextvars.merge_contextvars)
