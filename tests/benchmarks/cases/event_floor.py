"""An event of structlog alone."""

from frameworks.structlog_event import time_event

time_event()
