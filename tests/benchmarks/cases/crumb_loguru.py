"""A structured loguru record into a bounded deque, with two layers of context."""

from collections import deque

import pyperf
from loguru import logger

logger.remove()
logger.add(deque(maxlen=50).append, format="{message}")

with logger.contextualize(request_id="req-999", user="bob"), logger.contextualize(step="db_query"):
    pyperf.Runner().timeit(
        "it", 'debug("query_finished", rows=10, table="users")', globals={"debug": logger.debug}
    )
