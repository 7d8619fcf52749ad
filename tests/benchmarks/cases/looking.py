"""Looking at crumbs, against `json.dumps` of as much: a snapshot, and a dump of many."""

import json
import os
import tempfile

from frameworks.pairs import least, show, statement

from statecrumbs import crumb, enable, report, snapshot
from statecrumbs.context import context

dumps = "dumps(crumbs)"


def record(count):
    for number in range(count):
        crumb("query_finished", rows=number, table="users")


with context(request_id="req-999", user="bob"), context(step="db_query"):
    record(50)
    fifty = least(
        statement("snapshot()", snapshot=snapshot),
        statement(dumps, dumps=json.dumps, crumbs=snapshot()),
    )

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "dump.json")
    enable(on_crash="file", output_file=path, max_crumbs=10_000)
    record(10_000)
    many = least(
        # A new one each time: an exception is reported once.
        statement("report(ValueError('it'))", report=report),
        statement(dumps, dumps=json.dumps, crumbs=snapshot()),
        turns=5,
    )
show(snapshot=fifty, dump=many)
