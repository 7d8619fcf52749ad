"""How long a huge value takes as a crumb, and how large the crumb is. Prints JSON."""

import json
import statistics
import time

from statecrumbs import clear, crumb, snapshot


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def measure(value):
    times = []
    for _ in range(25):
        start = time.perf_counter_ns()
        crumb("it", value=value)
        times.append(time.perf_counter_ns() - start)
    size = len(json.dumps(snapshot()[-1]["value"], ensure_ascii=False).encode())
    clear()
    return {"ns": statistics.median(times), "bytes": size}


print(
    json.dumps(
        {
            "list": measure([0] * 5_000_000),
            "string": measure("x" * 50_000_000),
            "nesting": measure(nested(10_000)),
        }
    )
)
