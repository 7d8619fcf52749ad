"""A crumb inside two scopes, with the default options: redaction is on."""

import pyperf

from statecrumbs import crumb
from statecrumbs.context import context

with context(request_id="req-999", user="bob"), context(step="db_query"):
    pyperf.Runner().timeit(
        "it", 'crumb("query_finished", rows=10, table="users")', globals={"crumb": crumb}
    )
