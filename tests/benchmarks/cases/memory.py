"""How much the process grows over a million crumbs in one scope. Prints JSON, in KiB."""

import json
import resource
import sys

from statecrumbs import crumb
from statecrumbs.context import context


def peak():
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size // 1024 if sys.platform == "darwin" else size


with context(request_id="req-999"):
    for number in range(20_000):
        crumb("warm_up", number=number, table="users")
    before = peak()
    for number in range(1_000_000):
        crumb("query_finished", number=number, table="users")
    print(json.dumps({"KiB": peak() - before}))
