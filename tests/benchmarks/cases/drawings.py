"""How long the largest flows take to draw, in seconds of this process, and its memory. JSON."""

import json
import resource
import time

from penstock import flow, generate_dag

SIZE = 10_000


def declare(name, after):
    declared = flow(name)
    for number in range(SIZE):
        declared.step(name=f"step_{number}", after=after(number))(lambda: None)


def branching(number):
    """Give 12,800 edges in all, about."""
    before = [f"step_{number // 2}"] if number else []
    return [*before, f"step_{number - 2}"] if number % 100 < 28 and number > 4 else before


declare("branching", branching)
declare("chain", lambda number: [f"step_{number - 1}"] if number else [])
declare("fan", lambda number: ["step_0"] if number else [])
# Half of the steps come before the one in the middle, half after it.
declare(
    "hub",
    lambda number: (
        [f"step_{each}" for each in range(SIZE // 2)]
        if number == SIZE // 2
        else [f"step_{SIZE // 2}"]
        if number > SIZE // 2
        else []
    ),
)


def seconds(name, kind):
    start = time.process_time()
    generate_dag(name, format=kind)
    return time.process_time() - start


times = {f"{name}-svg": seconds(name, "svg") for name in ("branching", "chain", "fan", "hub")}
times["branching-mermaid"] = seconds("branching", "mermaid")
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({**times, "MiB": memory}))
