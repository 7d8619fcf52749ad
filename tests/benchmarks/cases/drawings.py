"""How long the largest flows take to draw, in seconds of this process, and its memory. JSON."""

import json
import resource
import time

from penstock import flow, generate_dag
from penstock.testing import isolated_registry

SIZE = 10_000


def branching(number):
    """Give 12,800 edges in all, about."""
    before = [f"step_{number // 2}"] if number else []
    return [*before, f"step_{number - 2}"] if number % 100 < 28 and number > 4 else before


def chain(number):
    return [f"step_{number - 1}"] if number else []


def fan(number):
    return ["step_0"] if number else []


def hub(number):
    """Have half of the steps before the one in the middle, and half after it."""
    middle = SIZE // 2
    if number == middle:
        return [f"step_{each}" for each in range(middle)]
    return [f"step_{middle}"] if number > middle else []


def drawn(name, kind):
    start = time.process_time()
    generate_dag(name, format=kind)
    return time.process_time() - start


def seconds(after, *kinds):
    """Draw a flow, the only one there is, as each of `kinds`; the best of three, as elsewhere."""
    with isolated_registry():
        declared = flow(after.__name__)
        for number in range(SIZE):
            declared.step(name=f"step_{number}", after=after(number))(lambda: None)
        name = after.__name__
        return {f"{name}-{kind}": min(drawn(name, kind) for _ in range(3)) for kind in kinds}


times = seconds(branching, "svg", "mermaid")
for shape in (chain, fan, hub):
    times.update(seconds(shape, "svg"))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({**times, "MiB": memory}))
