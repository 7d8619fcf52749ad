"""Record in many operations at once; print what the trails take: OPERATIONS CRUMBS SIZE BYTES.

Each operation records crumbs with a text of so many characters, in turn with all the others.
"""

from __future__ import annotations

import json
import sys
import tracemalloc

import corectx
import statecrumbs
from statecrumbs import crumb

SITE = corectx.Site("task", "one_of_many")


def main(operations: int, crumbs: int, size: int, bound: int) -> None:
    statecrumbs.enable(max_trails_bytes=bound, on_crash="none")
    crumb("event", number=0, text="x" * size)  # what is made once
    frames = [corectx.start(SITE) for _ in range(operations)]
    short = corectx.start(SITE)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    peak = 0
    token = corectx.attach(short)
    for number in range(4):
        crumb("short", number=number)
    corectx.detach(token)
    for number in range(crumbs):
        for frame in frames:
            token = corectx.attach(frame)
            crumb("event", number=number, text=f"{number:08}{'x' * (size - 8)}")
            corectx.detach(token)
        peak = max(peak, tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()
    kept = []
    for frame in (*frames, short):
        token = corectx.attach(frame)
        kept.append([int(each["number"]) for each in statecrumbs.trail()])
        corectx.detach(token)
    dumps = []
    statecrumbs.enable(on_crash=dumps.append)
    statecrumbs.report(ValueError("broken"), frame=frames[0])
    print(
        json.dumps(
            {
                "peak": peak,
                "short": kept.pop(),
                "kept": sorted(set(map(len, kept))),
                "are_last": all(each == list(range(crumbs - len(each), crumbs)) for each in kept),
                "dropped": dumps[0][-1]["dropped"],
                "of_the_first": len(kept[0]),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
