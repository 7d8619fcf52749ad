"""Crumbs in large numbers, of events, values and frames, against the same crumb in small ones."""

import tempfile
from itertools import cycle

from frameworks.pairs import least, show, statement

from corectx import Site, attach, detach, start
from statecrumbs import crumb, enable

crumb("with_2", rows=10, table="users")  # so that it was seen before all others


def with_values(number):
    """Return a crumb with so many values: half of them text."""
    values = (f"a_{each}={each}" if each % 2 else f"b_{each}='text'" for each in range(number))
    return statement(f'crumb("with_{number}", {", ".join(values)})', crumb=crumb)


def per_value(number):
    many, few = least(with_values(number), with_values(8))
    return [many / number, few / 8]


def in_frames(number):
    """Return crumbs that are recorded in so many open frames, one after the other."""
    frames = [start(Site("request", f"GET /orders/{each % 20}")) for each in range(number)]
    turn = cycle(frames)

    def run(count):
        for _ in range(count):
            token = attach(next(turn))
            crumb("query_finished", rows=10, table="users")
            detach(token)

    run(number)
    return run


results = {f"values_{number}": per_value(number) for number in (9, 16, 64)}

for line in range(2_000):
    crumb(f"line {line} of the log")
results["events"] = least(
    statement('crumb("query_sent", rows=10, table="users")', crumb=crumb),
    statement('crumb("with_2", rows=10, table="users")', crumb=crumb),
)

with tempfile.TemporaryDirectory() as folder:
    enable(on_crash="none", black_box=folder)
    results["frames"] = least(in_frames(10_000), in_frames(100))
    enable(black_box=None)
show(**results)
