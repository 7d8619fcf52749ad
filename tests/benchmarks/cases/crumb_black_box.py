"""A crumb inside two scopes that is also mirrored into a black box."""

import tempfile

import pyperf

from statecrumbs import crumb, enable
from statecrumbs.context import context

with tempfile.TemporaryDirectory() as folder:
    enable(on_crash="none", black_box=folder)
    with context(request_id="req-999", user="bob"), context(step="db_query"):
        pyperf.Runner().timeit(
            "it", 'crumb("query_finished", rows=10, table="users")', globals={"crumb": crumb}
        )
    enable(black_box=None)
