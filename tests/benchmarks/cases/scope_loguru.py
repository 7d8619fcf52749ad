"""The same value in loguru's context."""

import pyperf
from loguru import logger

pyperf.Runner().timeit("it", 'with bound(step="db"): pass', globals={"bound": logger.contextualize})
