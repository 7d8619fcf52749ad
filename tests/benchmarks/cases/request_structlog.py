"""A request to Django with django-structlog: an ID that is bound, and two events.

The events are rendered into nothing.
"""

import structlog
from frameworks.django_request import time_request

structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, lambda logger, name, event: ""],
    logger_factory=structlog.ReturnLoggerFactory(),
    cache_logger_on_first_use=True,
)
time_request("django_structlog.middlewares.RequestMiddleware", INSTALLED_APPS=["django_structlog"])
