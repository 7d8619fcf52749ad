"""How much memory a PNG of a flow of 300 steps takes, beyond the flow. Prints JSON, in MiB."""

import json
import random
import resource
import sys

import PIL.Image  # noqa: F401 - not part of the drawing

from penstock import flow, generate_dag


def peak():
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1024 / (1024 if sys.platform == "darwin" else 1)


chance = random.Random(300)
declared = flow("of_300")
for number in range(300):
    near = range(max(0, number - 20), number)
    after = [f"step_{each}" for each in chance.sample(near, min(len(near), 2))]
    declared.step(name=f"step_{number}", after=after)(lambda: None)
before = peak()
generate_dag("of_300", format="png")
print(json.dumps({"MiB": peak() - before}))
