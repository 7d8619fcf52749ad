"""The same value in structlog's context."""

import pyperf
from structlog.contextvars import bound_contextvars

pyperf.Runner().timeit("it", 'with bound(step="db"): pass', globals={"bound": bound_contextvars})
