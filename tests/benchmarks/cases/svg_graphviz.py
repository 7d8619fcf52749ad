"""The same flow of 300 steps, drawn as SVG by Graphviz's ``dot``."""

import subprocess

import pyperf

from penstock import flow, generate_dag

big = flow("big")
for number in range(300):
    after = [f"step_{number // 2}"] if number else None
    if number % 4 == 3:
        after.append(f"step_{number - 2}")
    big.step(name=f"step_{number}", after=after)(lambda: None)

drawing = generate_dag("big", format="dot").encode()


def draw():
    subprocess.run(["dot", "-Tsvg"], input=drawing, check=True, stdout=subprocess.DEVNULL)


pyperf.Runner().timeit("it", "draw()", globals={"draw": draw})
