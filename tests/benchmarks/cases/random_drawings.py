"""The SVG of flows whose steps follow random earlier ones, against Graphviz' ``dot -Tsvg``."""

import random
import subprocess

from frameworks.pairs import least, show

from penstock import flow, generate_dag


def declare(size):
    """Declare a flow of so many steps: each follows one or two of the twenty steps before it."""
    chance = random.Random(size)
    name = f"of_{size}"
    declared = flow(name)
    for number in range(size):
        near = range(max(0, number - 20), number)
        count = min(len(near), chance.choice((1, 1, 2)))
        after = [f"step_{each}" for each in chance.sample(near, count)]
        declared.step(name=f"step_{number}", after=after)(lambda: None)
    return name


def pair(size):
    name = declare(size)
    source = generate_dag(name, format="dot").encode()

    def ours(count):
        for _ in range(count):
            generate_dag(name, format="svg")

    def theirs(count):
        for _ in range(count):
            subprocess.run(["dot", "-Tsvg"], input=source, check=True, stdout=subprocess.DEVNULL)

    return least(ours, theirs, turns=3)


show(**{f"steps_{size}": pair(size) for size in (100, 300, 1_000)})
